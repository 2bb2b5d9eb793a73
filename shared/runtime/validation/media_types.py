"""Which media types a JSON body may be sent as: one rule for hot and cold routes, and for their documents."""

import re
from typing import Final

from shared.kernel.refusals import Refusal, RefusalKind

JSON_TYPES: Final = ("application/json", "application/*+json")
"""The types as OpenAPI writes them; the asterisk is any name."""
_JSON: Final = re.compile(
    r"application/(?:[a-z0-9!#$&^_.-]+\+)?json[ \t]*(?:;[ \t]*charset=\"?utf-8\"?[ \t]*)?;?", re.IGNORECASE
)


class MediaTypeUnsupported(Refusal):
    """A body that is not said to be JSON in UTF-8 is not read. Source: RFC 8259, 8.1; RFC 9110, 15.5.16."""

    code = "request.media_type_unsupported"
    kind = RefusalKind.UNSUPPORTED
    zh = "请求内容须为 UTF-8 编码的 JSON，并在请求头中如实注明内容类型。"


def check_json_type(header: str | None) -> None:
    """Whether a Content-Type says JSON in UTF-8; asked of bodies that are not empty. Raises: MediaTypeUnsupported."""
    if header == JSON_TYPES[0]:
        return
    if header is None or _JSON.fullmatch(header.strip()) is None:
        raise MediaTypeUnsupported
