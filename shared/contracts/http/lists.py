"""Conventions of every list: opaque cursors, bounded pages, tasks and notices."""

import base64
import binascii
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import datetime
from hashlib import blake2b
from typing import Final, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from pydantic import BaseModel

from shared.kernel.refusals import Refusal, RefusalKind

T = TypeVar("T")

LIMIT_DEFAULT = 20
LIMIT_MAX = 100
CURSOR: Final = "cursor"
_PLACE_ONLY: Final = frozenset({CURSOR, "limit"})
"""What of a query says which page, and not of which list."""
_ID_BYTES: Final = 16
_MARK_BYTES: Final = 8

ASKED: ContextVar[tuple[str, bytes]] = ContextVar("yunquan_asked", default=("", b""))
"""The path and the query of the request that is being answered; a cursor belongs to them."""


class CursorInvalid(Refusal):
    """The cursor is not one that this list gave, or it gave it for other filters or another order."""

    code = "list.cursor_invalid"
    kind = RefusalKind.MALFORMED
    zh = "分页游标无效，或不是本列表按同样的筛选条件与排序给出的，请从第一页重新读取。"


class Page(BaseModel, Generic[T]):
    """One page, newest first; `next_cursor` continues after it."""

    data: Sequence[T]
    has_more: bool
    next_cursor: str | None


class Task(BaseModel):
    """Something that waits for the reader: what, since when, due when."""

    kind: str
    title: str
    subject_type: str
    subject_id: UUID
    since: datetime
    due_at: datetime | None = None
    overdue: bool = False


class NoticeItem(BaseModel):
    """A decision about the reader, with its reason and article."""

    id: UUID
    at: datetime
    event: str
    text: str
    reason: str
    article: str
    subject_type: str
    subject_id: UUID


def encode_place(place: bytes) -> str:
    """The opaque cursor of a place in the list that is being asked for, with the mark of that list."""
    return base64.urlsafe_b64encode(_mark() + place).rstrip(b"=").decode()


def decode_place(text: str, *, size: int | None = None) -> bytes:
    """The place in a cursor, of `size` bytes where that is given. Raises: CursorInvalid where it is of another list."""
    try:
        given = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error) as error:
        raise CursorInvalid from error
    mark, place = given[:_MARK_BYTES], given[_MARK_BYTES:]
    if mark != _mark() or size not in {None, len(place)}:
        raise CursorInvalid
    return place


def _mark() -> bytes:
    """What tells lists apart: the path and all of the query but the place. No secret: a forged place shows no more."""
    path, query = ASKED.get()
    asked = sorted(pair for pair in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if _filters(pair))
    return blake2b(f"{path}?{urlencode(asked)}".encode(), digest_size=_MARK_BYTES).digest()


def _filters(pair: tuple[str, str]) -> bool:
    return pair[0] not in _PLACE_ONLY


def encode_cursor(last: UUID) -> str:
    """The opaque cursor after a row; ids are time-ordered, so an id is a place in the list."""
    return encode_place(last.bytes)


def decode_cursor(text: str | None) -> UUID | None:
    """The id in a cursor, or None for the first page. Raises: CursorInvalid."""
    return None if text is None else UUID(bytes=decode_place(text, size=_ID_BYTES))


def page_of(rows: Sequence[T], *, limit: int, ids: Sequence[UUID]) -> Page[T]:
    """A page from up to `limit` + 1 rows read in order, and their ids."""
    has_more = len(rows) > limit
    cursor = encode_cursor(ids[limit - 1]) if has_more else None
    return Page(data=list(rows[:limit]), has_more=has_more, next_cursor=cursor)
