"""Codes that are shown and never stored: they are added to an answer on its way out, to a repeated one as well."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from services.identity.codes import code_part
from services.identity.handlers.staff_acts import CODE_GIVEN_BY
from services.identity.sealing import Vault
from shared.runtime.http import runtime_of

OK_MAX = 299


class ShownProposal(BaseModel):
    """A proposal after an act; `code_part` is the caller's part of the code with which the holder sets a password."""

    id: UUID
    act: str
    state: str
    account_id: UUID | None
    sign_in_name: str
    roles: Sequence[str]
    region: str | None
    designation_id: UUID | None
    version: int
    code_part: str | None = None


class ShownReset(BaseModel):
    """A reset code for the holder, good once until `expires_at`."""

    id: UUID
    account_id: UUID
    expires_at: datetime
    code: str


def with_code(request: Request, answer: Response, *, part: int, field: str = "code_part") -> Response:
    """The same answer with a part of the code that belongs to it; as it was when it was refused, or has no code."""
    if answer.status_code > OK_MAX:
        return answer
    shown = msgspec.json.decode(bytes(answer.body))
    if shown.get("act", "") in CODE_GIVEN_BY or "act" not in shown:
        shown[field] = code_part(runtime_of(request).ports.get(Vault), UUID(shown["id"]), part=part)
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return Response(msgspec.json.encode(shown), status_code=answer.status_code, headers=headers)
