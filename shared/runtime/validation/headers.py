"""Request headers as every route reads them: those that say one thing come once, or nothing is guessed of them."""

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.types import Scope

from shared.runtime.validation.refusals import BadRequest

ONCE: Final = frozenset({b"authorization", b"content-type", b"idempotency-key", b"if-match"})
"""Headers of which there is one in a request. Others, such as Prefer and X-Forwarded-For, are lists."""
_PREFER: Final = b"prefer"
_READ: Final = ONCE | {_PREFER}


def headers_of(scope: Scope) -> Mapping[bytes, str]:
    """What a hot route reads of a request's headers. Raises: BadRequest when one comes twice that comes once."""
    given = [(name, value.decode("latin-1")) for name, value in scope["headers"] if name in _READ]
    found = dict(given)
    if len(found) != len(given):
        refuse_repeated([name for name, _ in given])
        found[_PREFER] = ",".join(value for name, value in given if name == _PREFER)
    return found


def refuse_repeated(names: Sequence[bytes]) -> None:
    """Refuse a request in which a header comes twice that comes once. Source: RFC 9110, 5.3. Raises: BadRequest."""
    singles = [name for name in names if name in ONCE]
    for name in ONCE if len(set(singles)) != len(singles) else ():
        if singles.count(name) > 1:
            raise BadRequest(reason=f"请求头 {name.decode().title()} 只能出现一次")
