"""Conventions of every list: opaque cursors, bounded pages, tasks and notices."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel

from shared.kernel.refusals import Refusal, RefusalKind

T = TypeVar("T")

LIMIT_DEFAULT = 20
LIMIT_MAX = 100


class CursorInvalid(Refusal):
    """The cursor is not one this list gave."""

    code = "list.cursor_invalid"
    kind = RefusalKind.MALFORMED
    zh = "分页游标无效，请从第一页重新读取。"


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


def encode_cursor(last: UUID) -> str:
    """The opaque cursor after a row; ids are time-ordered, so an id is a place in the list."""
    return base64.urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def decode_cursor(text: str | None) -> UUID | None:
    """The id in a cursor, or None for the first page. Raises: CursorInvalid."""
    if text is None:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(text + "=="))
    except (ValueError, binascii.Error) as error:
        raise CursorInvalid from error


def page_of(rows: Sequence[T], *, limit: int, ids: Sequence[UUID]) -> Page[T]:
    """A page from up to `limit` + 1 rows read in order, and their ids."""
    has_more = len(rows) > limit
    cursor = encode_cursor(ids[limit - 1]) if has_more else None
    return Page(data=list(rows[:limit]), has_more=has_more, next_cursor=cursor)
