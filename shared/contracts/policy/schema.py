"""The shape of a policy pack file: every table, its bounds, and the requirement it answers.

Money is in fen, rates in basis points, days are Beijing days. Texts are what users read, in Chinese.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated

import msgspec

from shared.kernel.money import MAX_FEN, RATE_SCALE, BasisPoints, Fen

Code = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,63}\Z")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
Version = Annotated[str, msgspec.Meta(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+\Z")]
MonthDay = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{2}-[0-9]{2}\Z")]
PositiveFen = Annotated[Fen, msgspec.Meta(ge=1, le=MAX_FEN)]
Rate = Annotated[BasisPoints, msgspec.Meta(ge=0, le=RATE_SCALE)]
Days = Annotated[int, msgspec.Meta(ge=1, le=366)]


SMALL_FIRMS = frozenset({"micro", "small", "medium"})
"""The size classes of small, medium and micro enterprises, to which a pack may limit its vouchers. Source: R59, Q7."""


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TOML table; a key it does not know is an error, because a misspelt key would change the scheme."""


class PartyKind(StrEnum):
    """Whom a condition or a document is about."""

    ENTERPRISE = "enterprise"
    PROVIDER = "provider"


class ConditionCheck(StrEnum):
    """How a condition is held against a party."""

    COMPUTED = "computed"
    DOCUMENT = "document"
    DECLARED = "declared"
    REVIEWED = "reviewed"
    PER_ORDER = "per_order"


class LegalReference(Table, frozen=True, kw_only=True):
    """A text the scheme rests on, with the days it holds for the scheme. Source: R83, Q23."""

    number: Text
    title: Text
    effective_from: date
    effective_to: date | None = None
    replaced_by: Text | None = None


class Alias(Table, frozen=True, kw_only=True):
    """A name or word of the text, and the one that is meant. Source: Q20, Q21."""

    written: Text
    meant: Text
    source: Text


class Layer(Table, frozen=True, kw_only=True):
    """A service layer and its highest support ratio in basis points. Source: A18, R32."""

    code: Code
    name: Text
    rate_bp: Rate


class CodedText(Table, frozen=True, kw_only=True):
    """A sentence with a stable code: a checklist item, an act of fraud, an axis of evaluation."""

    code: Code
    text: Text


class ServiceClass(Table, frozen=True, kw_only=True):
    """A class of services a voucher may buy. Source: A17, R33-R35; its checklist: A10(5), R41."""

    code: Code
    layer: Code
    name: Text
    guidance: Text
    checklist: Annotated[tuple[CodedText, ...], msgspec.Meta(min_length=1)]


class Region(Table, frozen=True, kw_only=True):
    """The area of one regional authority. Source: A8, R5."""

    code: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}\Z")]
    name: Text
    authority: Text


class Condition(Table, frozen=True, kw_only=True):
    """A condition of entry. `exception_allowed` opens the path of reason and bureau approval (Q8)."""

    party: PartyKind
    code: Code
    text: Text
    source: Text
    check: ConditionCheck
    exception_allowed: bool = False


class DocumentKind(Table, frozen=True, kw_only=True):
    """A document a party files for authentication; pixels bound legibility. Source: R45, R65."""

    party: PartyKind
    code: Code
    name: Text
    source: Text
    sealed: bool
    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=100 * 1024 * 1024)]
    min_side_pixels: Annotated[int, msgspec.Meta(ge=1, le=20_000)]
    max_side_pixels: Annotated[int, msgspec.Meta(ge=1, le=20_000)]


class Agreement(Table, frozen=True, kw_only=True):
    """The transaction agreement read and confirmed at purchase. Source: A18, R68."""

    name: Text
    version: Version
    text: Text


class TruthDeclaration(Table, frozen=True, kw_only=True):
    """What a person signs off with every submission of material. Source: R10."""

    version: Version
    text: Text


class PriorityLane(Table, frozen=True, kw_only=True):
    """The share of the plan kept for listed enterprises up to and including a day. Source: R31, Q2."""

    share_bp: Rate = BasisPoints(0)
    until: date | None = None


class Deadlines(Table, frozen=True, kw_only=True):
    """Every time limit of the scheme; the unit is in the name, "days" are calendar days."""

    application_review_working_days: Days
    confirm_timeout_days: Days
    refund_silence_days: Days
    question_working_days: Days
    complaint_answer_working_days: Days
    voluntary_exit_notice_days: Days
    hold_ttl_days: Days
    override_days: Days = 30
    """How long two people's override of what stands against paying an order counts."""
    registration_years: Annotated[int, msgspec.Meta(ge=0, le=20)]
    provider_scorings_per_year: Annotated[int, msgspec.Meta(ge=1, le=12)]


class EvidenceKind(Table, frozen=True, kw_only=True):
    """A kind of evidence a claim is filed with. Source: A22, R76."""

    code: Code
    name: Text
    required: bool


class DelistingGround(Table, frozen=True, kw_only=True):
    """A ground of forced delisting, recorded by code. Source: A12(2), R50-R54."""

    code: Code
    text: Text
    correction_order_first: bool = False


class Aim(Table, frozen=True, kw_only=True):
    """A published aim with its figure, unit and year. Source: R12."""

    code: Code
    name: Text
    target: Annotated[int, msgspec.Meta(ge=0)]
    unit: Text
    year: Annotated[int, msgspec.Meta(ge=2000, le=2100)]
    source: Text


class NoticeText(Table, frozen=True, kw_only=True):
    """A text sent or published; `{name}` marks are filled in by the service that sends it."""

    code: Code
    title: Text
    body: Text


class CalendarYear(Table, frozen=True, kw_only=True):
    """The days of one announced year that differ from a plain week, and the notice. Source: Q14."""

    year: Annotated[int, msgspec.Meta(ge=2000, le=2100)]
    source: Text
    days_off: tuple[date, ...]
    days_worked: tuple[date, ...]


class PackDocument(Table, frozen=True, kw_only=True):
    """The whole file."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,63}\Z")]
    version: Version
    title: Text
    service_name: Text
    bureau_name: Text
    valid_from: date
    valid_to: date | None = None
    cap_fen: PositiveFen
    limited_to_small_firms: bool
    price_outlier_bp: Annotated[BasisPoints, msgspec.Meta(ge=RATE_SCALE, le=100 * RATE_SCALE)]
    claim_window_closes_on: Annotated[tuple[MonthDay, ...], msgspec.Meta(min_length=1, max_length=366)]
    agreement: Agreement
    truth_declaration: TruthDeclaration
    priority_lane: PriorityLane = PriorityLane()
    deadlines: Deadlines
    layers: Annotated[tuple[Layer, ...], msgspec.Meta(min_length=1)]
    classes: Annotated[tuple[ServiceClass, ...], msgspec.Meta(min_length=1)]
    regions: Annotated[tuple[Region, ...], msgspec.Meta(min_length=1)]
    conditions: Annotated[tuple[Condition, ...], msgspec.Meta(min_length=1)]
    documents: Annotated[tuple[DocumentKind, ...], msgspec.Meta(min_length=1)]
    evidence: Annotated[tuple[EvidenceKind, ...], msgspec.Meta(min_length=1)]
    delisting_grounds: Annotated[tuple[DelistingGround, ...], msgspec.Meta(min_length=1)]
    fraud_acts: Annotated[tuple[CodedText, ...], msgspec.Meta(min_length=1)]
    evaluation_axes: Annotated[tuple[CodedText, ...], msgspec.Meta(min_length=1)]
    notices: Annotated[tuple[NoticeText, ...], msgspec.Meta(min_length=1)]
    legal_references: Annotated[tuple[LegalReference, ...], msgspec.Meta(min_length=1)]
    aims: tuple[Aim, ...] = ()
    aliases: tuple[Alias, ...] = ()
    calendar: tuple[CalendarYear, ...] = ()
