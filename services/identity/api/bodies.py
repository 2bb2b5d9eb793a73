"""Request bodies of identity; every text is bounded."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, Secret, StringConstraints

from services.identity.auth.passwords import LENGTH_MAX
from services.identity.domain.organisations import SizeClass
from services.identity.domain.resemblance import ResemblanceOutcome
from services.identity.handlers.standing import RecognitionOutcome
from shared.contracts.permissions import Role
from shared.contracts.policy import PartyKind
from shared.runtime.http import Body, PlainName

Line = Annotated[str, Field(min_length=1, max_length=200)]
Titled = Annotated[Line, PlainName]
"""The name of a firm or an office."""
Reason = Annotated[str, Field(min_length=1, max_length=2_000)]
OptionalReason = Annotated[str, Field(max_length=2_000)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Password = Annotated[
    Secret[Annotated[str, StringConstraints(min_length=1, max_length=LENGTH_MAX * 2, strip_whitespace=False)]],
    Field(json_schema_extra={"format": "password", "writeOnly": True}),
]
"""Blanks at its ends belong to a password; they are stripped from every other text."""
Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
RegionCode = Annotated[str, Field(pattern=r"^[0-9]{6}$")]


class RegisterBody(Body):
    """A registration form."""

    kind: PartyKind
    credit_code: Name
    name: Line
    region: RegionCode
    contact_name: Name
    contact_phone: Annotated[str, Field(pattern=r"^[0-9０-９+＋ \u3000()（）.\-－‐‑–—]{5,32}$")]
    """As people write it: full width, prefix, blanks, hyphens and brackets are kept and folded for comparison."""
    sign_in_name: Name
    password: Password
    check_override: OptionalReason = ""
    """Why a code whose check place fails is right all the same."""


class SignInBody(Body):
    """A try to sign in; `code` is of the authenticator, or a recovery code, where the account has them.

    `device_token` is what the last sign-in on this device answered: with it strangers cannot make its owner wait.
    """

    sign_in_name: Annotated[str, Field(max_length=256)]
    password: Password
    code: Annotated[str, Field(max_length=64)] = ""
    device_token: Annotated[str, Field(max_length=256)] = ""


class RefreshBody(Body):
    """A refresh token, used once."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=256)]


class PasswordBody(Body):
    """The present password and the new one."""

    present: Password
    new: Password


class ResetPasswordBody(Body):
    """A reset code, both parts one after the other where two people gave one each, and the new password."""

    sign_in_name: Annotated[str, Field(max_length=256)]
    code: Annotated[str, Field(min_length=1, max_length=128)]
    new: Password


class CodeBody(Body):
    """A code of the authenticator."""

    code: Annotated[str, Field(min_length=1, max_length=64)]


class SubmitBody(Body):
    """An authentication form; `declaration_version` is the truth declaration that was signed off."""

    legal_person: bool
    established_on: Annotated[date, Field(ge=date(1900, 1, 1))]
    size_class: SizeClass
    declaration_version: Name
    id_number: Annotated[str, Field(max_length=40)] = ""
    illegible_reasons: Annotated[dict[Code, Reason], Field(max_length=20, default_factory=dict)]
    correction: OptionalReason = ""
    """What was put right since the last one came back; needed where nothing else differs."""


class SendBackBody(Body):
    """Why material goes back, as a whole and by document."""

    reason: Reason
    documents: Annotated[dict[Code, Reason], Field(max_length=20, default_factory=dict)]


class ReasonBody(Body):
    """The reason of an act."""

    reason: Reason


class TickBody(Body):
    """One line of the reviewer's checklist."""

    condition: Code
    met: bool
    evidence: Reason


class ApproveBody(Body):
    """The ticked checklist."""

    reason: OptionalReason = ""
    checklist: Annotated[Sequence[TickBody], Field(max_length=100)]


class RecognitionBody(Body):
    """The bureau's decision; `exception_reason` recognises a provider that is no legal person (Q8)."""

    outcome: RecognitionOutcome
    criteria: Annotated[Sequence[Line], Field(min_length=1, max_length=50)]
    reason: Reason
    exception_reason: OptionalReason = ""


class SuspendBody(Body):
    """Why, and from when; without a moment, from now."""

    reason: Reason
    effective_at: AwareDatetime | None = None


class PriorityBody(Body):
    """Whether the enterprise is listed, and the published list that says so."""

    listed: bool
    source: Reason


class AffiliationBody(Body):
    """A tie with the party of the other kind that holds this code."""

    organisation_id: UUID
    counterpart_code: Name
    kind: Literal["subordination", "joint_establishment", "property_tie"]
    source: Reason


class BlacklistBody(Body):
    """A code to be listed and the external decision behind it (Q19)."""

    credit_code: Name
    organisation_name: Titled
    organ: Titled
    number: Line
    decided_on: date
    reason: Reason


class LiftingBody(Body):
    """The new external decision on which a listing ends (Q19)."""

    organ: Titled
    number: Line
    decided_on: date
    reason: Reason


class ResemblanceBody(Body):
    """What was found out about two organisations that may be one, and how."""

    outcome: ResemblanceOutcome
    reason: Reason


class StaffBody(Body):
    """A proposed staff account; its holder sets the password.

    One of the operator's people belongs to a designation, by default the present one.
    """

    sign_in_name: Name
    display_name: Name
    roles: Annotated[Sequence[Role], Field(min_length=1, max_length=8)]
    region: RegionCode | None = None
    designation_id: UUID | None = None
    reason: OptionalReason = ""


class RolesBody(Body):
    """The roles an account is to hold."""

    roles: Annotated[Sequence[Role], Field(min_length=1, max_length=8)]
    region: RegionCode | None = None
    designation_id: UUID | None = None
    reason: OptionalReason = ""


class ApproveProposalBody(Body):
    """A remark of whoever approves."""

    reason: OptionalReason = ""


class MoveBody(Body):
    """The designation somebody of the operator works under from now on, and why."""

    designation_id: UUID
    reason: Reason


class DesignateBody(Body):
    """Who is designated as operator, by which act, from when to when."""

    operator_name: Titled
    act: Line
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None


class EndDesignationBody(Body):
    """Why a designation ends, and when; without a moment, now."""

    reason: Reason
    ends_at: AwareDatetime | None = None
