"""Response bodies of the views of organisations, their registers and forms."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel

from shared.contracts.http.resources import Resource


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
    suspended_by_bureau: bool
    reinstatement_asked_at: datetime | None
    blacklisted_since: datetime | None
    check_flagged: bool
    registered_at: datetime
    submitted_at: datetime | None
    version: int


class ContactItem(Resource):
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
    contact: ContactItem | None
    same_as: Sequence[SameAs]
    documents: Sequence[DocumentItem]
    submissions: Sequence[SubmissionItem]
    conditions: Sequence[ConditionItem]


class ProviderDirectoryItem(Resource):
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
    standing: str
    """Declared (in force), repeated (declared again after a dismissal, not in force), confirmed or dismissed."""
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
