"""How the body of a hot route is read: by the rules of a plain route, and refused in the same words.

A good body is parsed and validated in one step by pydantic. Whatever that step does not take is read once more as
FastAPI reads the bodies of plain routes, so that both kinds of routes explain a mistake alike.
"""

import json

from pydantic import BaseModel, ValidationError

from shared.runtime.service.hot_routes import HotRoute
from shared.runtime.validation.body_bounds import check_json
from shared.runtime.validation.json_form import check_form, check_form_of_taken
from shared.runtime.validation.media_types import check_json_type
from shared.runtime.validation.refusals import BadRequest
from shared.runtime.validation.wording import UNREADABLE, malformed

_NOTHING = b"{}"


def read_body(route: HotRoute, raw: bytes, media_type: str | None) -> BaseModel:
    """The body of a request for this route; an empty one stands for an object without fields.

    Raises: MediaTypeUnsupported, BadRequest, the refusals of check_json.
    """
    if raw:
        check_json_type(media_type)
        check_json(raw, route.bounds)
    else:
        raw = _NOTHING
    try:
        body = route.body.model_validate_json(raw)
    except ValidationError:
        return _read_slowly(route.body, raw)
    check_form_of_taken(raw)
    return body


def _read_slowly(kind: type[BaseModel], raw: bytes) -> BaseModel:
    """The same as a plain route does it. Raises: BadRequest that names every mistake."""
    check_form(raw)
    try:
        given = json.loads(raw)
    except json.JSONDecodeError as error:
        raise malformed([{"type": "json_invalid", "loc": ("body", error.pos)}]) from error
    except ValueError as error:
        # A number of thousands of digits.
        raise BadRequest(reason=UNREADABLE) from error
    try:
        return kind.model_validate(given, from_attributes=True)
    except ValidationError as error:
        raise malformed([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from error
