"""The hot route of the voucher service: an application at the moment of opening."""

from typing import Annotated
from uuid import UUID

import msgspec

from services.voucher.domain import refusals
from services.voucher.domain.receipts import ApplicationRequest
from services.voucher.handlers.intake import ApplicationResult, SubmitApplication, submit_applications
from shared.contracts.permissions import Permission
from shared.kernel.money import MAX_FEN
from shared.runtime.http import HotCall, HotRoute, actor_of, whole

PositiveFen = Annotated[int, msgspec.Meta(ge=1, le=MAX_FEN)]
# Nothing that a database does not store or a terminal obeys.
Said = Annotated[str, msgspec.Meta(max_length=500, pattern=whole(r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"))]
Version = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]


class ApplicationBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An application: the plan, the amount in fen, and the version of the truth declaration signed off."""

    plan_id: UUID
    amount_fen: PositiveFen
    truth_declaration_version: Version
    correction: Said = ""
    """What was corrected, when an application that was sent back is handed in again with the same amount."""


def _command(body: ApplicationBody, call: HotCall) -> SubmitApplication:
    enterprise_id = call.principal.organisation_id
    if enterprise_id is None:
        raise refusals.NotEnterprise
    return SubmitApplication(
        request=ApplicationRequest(
            enterprise_id=enterprise_id,
            plan_id=body.plan_id,
            amount_fen=body.amount_fen,
            truth_declaration_version=body.truth_declaration_version,
            correction=body.correction.strip(),
        ),
        by=actor_of(call.principal),
    )


def _location(ticket: ApplicationResult) -> str:
    return f"/api/voucher/v1/applications/{ticket.application_id}"


HOT_ROUTES = (
    HotRoute(
        method="POST",
        path="/applications",
        summary="申领云使用券",
        permission=Permission.VOUCHER_APPLICATION_SUBMIT,
        body=ApplicationBody,
        answer=ApplicationResult,
        command=_command,
        handler=submit_applications,
        status=201,
        location=_location,
        if_match="ignored",
        gather_max=512,
        refusals=(
            refusals.NotEnterprise,
            refusals.NotAuthenticated,
            refusals.EnterpriseSuspended,
            refusals.NotLegalPerson,
            refusals.NotSmallFirm,
            refusals.RegisteredTooShort,
            refusals.PlanNotOpen,
            refusals.AboveCap,
            refusals.DeclarationOutdated,
            refusals.ApplicationOpen,
            refusals.ResubmittedUnchanged,
        ),
    ),
)
