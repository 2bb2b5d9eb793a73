"""Bodies that several route files take, with the command that such a body makes."""

from uuid import UUID

from pydantic import Field

from services.voucher.handlers.proposals import EndProposal
from shared.runtime.auth import Principal
from shared.runtime.http import Body, actor_of


class ReasonBody(Body):
    """Why something proposed is refused, or withdrawn."""

    reason: str = Field(min_length=1, max_length=1_000)


def end_proposal(subject_id: UUID, principal: Principal, body: ReasonBody, *, withdraw: bool) -> EndProposal:
    """The command that ends something proposed."""
    return EndProposal(subject_id=subject_id, withdraw=withdraw, reason=body.reason, by=actor_of(principal))
