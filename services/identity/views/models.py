"""Response bodies of the views."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, computed_field

from services.identity.domain.accounts import conflicts_of
from shared.contracts.permissions import Role
from shared.runtime import history
from shared.runtime.http import Resource


class OrganisationItem(Resource):
    """An organisation in a list."""

    id: UUID
    kind: str
    name: str
    credit_code: str
    region: str
    state: str
    recognition: str
    priority_listed: bool
    suspended_since: datetime | None
    blacklisted_since: datetime | None
    check_flagged: bool
    registered_at: datetime
    submitted_at: datetime | None
    version: int


class Contact(Resource):
    """The contact of an organisation, for itself and its reviewers; the ID number is masked."""

    name: str
    phone: str
    id_number_masked: str
    same_id_number_elsewhere: int | None
    """How many other organisations name the same person; a hint, shown to reviewers only."""


class DocumentItem(Resource):
    """One upload of a document; `legible` is a hint."""

    id: UUID
    kind: str
    version: int
    media_type: str
    size_bytes: int
    pages: int
    legible: bool
    legibility: str
    sha256: str
    uploaded_at: datetime


class SubmissionItem(Resource):
    """A submission for authentication and what became of it."""

    id: UUID
    submitted_at: datetime
    declaration_version: str
    correction: str
    outcome: str
    reason: str
    document_reasons: dict[str, str]
    illegible_reasons: dict[str, str]
    checklist: Sequence[dict[str, object]]
    decided_at: datetime | None


class ConditionItem(Resource):
    """A condition that the reviewer ticks."""

    code: str
    text: str
    source: str


class SameAs(Resource):
    """Another organisation that may be the same company, in what the two agree, and what was found out."""

    resemblance_id: UUID
    organisation_id: UUID
    name: str
    credit_code: str
    kind: str
    state: str
    grounds: Sequence[str]
    outcome: str
    reason: str
    noticed_at: datetime
    decided_at: datetime | None


class ResemblanceItem(Resource):
    """Two organisations that may be one company."""

    id: UUID
    first_id: UUID
    first_name: str
    first_kind: str
    first_state: str
    second_id: UUID
    second_name: str
    second_kind: str
    second_state: str
    grounds: Sequence[str]
    outcome: str
    reason: str
    noticed_at: datetime
    decided_at: datetime | None


class OrganisationView(OrganisationItem):
    """An organisation with what belongs to it; `same_as` is for those who review.

    `registered_long_enough` (Q6), `province_hint` (two digits of the registering province, Q27) and
    `organisation_check_warns` are hints: the papers decide.
    """

    legal_person: bool
    established_on: date | None
    size_class: str
    closed: bool
    check_evidence: str
    recognised_at: datetime | None
    registered_long_enough: bool | None
    province_hint: str
    organisation_check_warns: bool
    contact: Contact | None
    same_as: Sequence[SameAs]
    documents: Sequence[DocumentItem]
    submissions: Sequence[SubmissionItem]
    conditions: Sequence[ConditionItem]


class DirectoryItem(Resource):
    """A recognised provider in the public directory."""

    id: UUID
    name: str
    credit_code: str
    region: str
    recognised_at: datetime


class BlacklistItem(Resource):
    """A blacklisted code with the decision behind it, as published."""

    id: UUID
    credit_code: str
    organisation_name: str
    organ: str
    number: str
    decided_on: date
    reason: str
    state: str
    approved_at: datetime | None
    closed_reason: str
    closed_at: datetime | None


class LiftingItem(Resource):
    """A proposal to take a code off the blacklist, with the new decision behind it."""

    id: UUID
    entry_id: UUID
    credit_code: str
    organisation_name: str
    organ: str
    number: str
    decided_on: date
    reason: str
    state: str
    proposed_at: datetime
    closed_reason: str
    closed_at: datetime | None


class AffiliationItem(Resource):
    """A tie between an enterprise and a provider."""

    id: UUID
    enterprise_id: UUID
    enterprise_name: str
    provider_id: UUID
    provider_name: str
    kind: str
    source: str
    origin: str
    """Declared by a party, recorded by the operator, or automatic."""
    recorded_at: datetime
    ended_reason: str
    ended_at: datetime | None
    version: int


class PriorityItem(Resource):
    """A change of the priority list, with its source."""

    id: UUID
    organisation_id: UUID
    organisation_name: str
    listed: bool
    source: str
    recorded_at: datetime


class RecognitionItem(Resource):
    """A decision of the bureau on a provider."""

    id: UUID
    organisation_id: UUID
    outcome: str
    criteria: Sequence[str]
    reason: str
    exception_reason: str
    decided_at: datetime


class PartyAccountItem(Resource):
    """A party's account."""

    id: UUID
    sign_in_name: str
    display_name: str
    state: str
    opened_at: datetime


class ProposalItem(Resource):
    """What somebody proposed about a staff account, and what became of it."""

    id: UUID
    act: str
    account_id: UUID | None
    sign_in_name: str
    display_name: str
    roles: Sequence[str]
    region: str | None
    reason: str
    state: str
    proposed_by: UUID
    proposed_at: datetime
    expires_at: datetime
    decided_by: UUID | None
    decided_at: datetime | None
    decision_reason: str
    version: int


class StaffItem(Resource):
    """A staff account; `conflicts` are pairs of roles that control each other, held from before that was refused."""

    id: UUID
    sign_in_name: str
    display_name: str
    roles: Sequence[str]
    region: str | None
    designation_id: UUID | None
    state: str
    opened_at: datetime
    second_factor: bool
    version: int

    @computed_field  # type: ignore[prop-decorator] # mypy knows no decorated property
    @property
    def conflicts(self) -> Sequence[str]:
        """Pairs of roles, in words."""
        return conflicts_of(Role(role) for role in self.roles)


class DesignationItem(Resource):
    """A designation of the operator."""

    id: UUID
    operator_name: str
    act: str
    starts_at: datetime
    ends_at: datetime | None
    version: int


class Me(Resource):
    """Who is signed in and what the roles allow now."""

    account_id: UUID
    organisation_id: UUID | None
    organisation_name: str | None
    organisation_state: str | None
    sign_in_name: str | None
    display_name: str | None
    roles: Sequence[str]
    permissions: Sequence[str]
    region: str | None


class JsonWebKey(BaseModel):
    """A public signing key. Source: RFC 8037."""

    kty: str = "OKP"
    crv: str = "Ed25519"
    use: str = "sig"
    alg: str = "EdDSA"
    kid: str
    x: str


class JsonWebKeys(BaseModel):
    """The keys that tokens may be signed with now. Source: RFC 7517."""

    keys: Sequence[JsonWebKey]


class FormDocument(Resource):
    """A document that is asked for."""

    code: str
    name: str
    sealed: bool
    max_bytes: int
    min_side_pixels: int
    max_side_pixels: int


class FormRegion(Resource):
    """A region to choose from."""

    code: str
    name: str


class Form(BaseModel):
    """What a party fills in and signs off for authentication."""

    party: str
    documents: Sequence[FormDocument]
    regions: Sequence[FormRegion]
    conditions: Sequence[ConditionItem]
    declaration_version: str
    declaration_text: str


class HistoryItem(history.HistoryItem):
    """One decision in the form of every service's histories, with the names that identity alone knows.

    The person (`account_id` and names) is there for supervisors and auditors only. `act` is the same as `name`.
    """

    act: str
    sign_in_name: str | None
    display_name: str | None


class AccountItem(Resource):
    """Who is behind an account id; `operator_name` is of the designation an operator's person works under."""

    id: UUID
    sign_in_name: str
    display_name: str
    organisation_id: UUID | None
    organisation_name: str | None
    designation_id: UUID | None
    operator_name: str | None
    roles: Sequence[str]
    region: str | None
    state: str
    opened_at: datetime


class AccountAct(Resource):
    """An act on an account: `after` names its roles from an approved opening or change on, `account_id` who did it."""

    at: datetime
    act: str
    account_id: UUID | None
    ground: str
    before: str
    after: str


class AccountView(AccountItem):
    """An account with what was done to it, hence with its roles at any time."""

    acts: Sequence[AccountAct]


class DocumentReadItem(Resource):
    """A document that somebody read, or was denied."""

    id: UUID
    at: datetime
    account_id: UUID | None
    role: str
    sign_in_name: str | None
    display_name: str | None
    denied: bool
    document_id: UUID
    document_kind: str
    document_version: int
    organisation_id: UUID
    organisation_name: str
