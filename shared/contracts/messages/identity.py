"""Identity's facts: organisations, affiliations, accounts, signing keys. Nothing personal travels."""

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

import msgspec

from shared.contracts.messages.base import Fact


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """What other services may know of an organisation; every organisation fact carries its state after the fact.

    `authenticated` is the operator's decision, `recognised` the bureau's (providers only), and `suspended_since` the
    moment from which it may not act: the earlier one of a suspension and of a blacklisting. `blacklisted` says that
    the latter stands; no reinstatement ends it. Two organisations whose credit codes agree in the first 17 places
    (`shared.kernel.credit_code.same_body`) are one body and never trade with each other, whatever ties are on record.
    """

    kind: str
    name: str
    credit_code: str
    region: str
    authenticated: bool
    recognised: bool
    legal_person: bool
    established_on: date | None = None
    size_class: str = ""
    priority_listed: bool = False
    suspended_since: datetime | None = None
    blacklisted: bool = False
    closed: bool = False


class OrganisationFact(Fact, frozen=True, kw_only=True):
    """A fact of one organisation."""

    stream: ClassVar[str] = "identity.organisation"
    key: ClassVar[str] = "organisation_id"

    organisation_id: UUID
    party: Party


class OrganisationRegistered(OrganisationFact, frozen=True, kw_only=True):
    """An organisation registered with its credit code. Source: A11(1), A14(1)."""

    name: ClassVar[str] = "identity.organisation_registered"


class RegistrationExpired(OrganisationFact, frozen=True, kw_only=True):
    """A registration with which nothing was handed in is closed, and its code free."""

    name: ClassVar[str] = "identity.registration_expired"


class AuthenticationSubmitted(OrganisationFact, frozen=True, kw_only=True):
    """Documents for real-name authentication were handed in. Source: A11(2), A14(2)."""

    name: ClassVar[str] = "identity.authentication_submitted"


class AuthenticationSentBack(OrganisationFact, frozen=True, kw_only=True):
    """The operator asked for better documents. Source: R45."""

    name: ClassVar[str] = "identity.authentication_sent_back"


class AuthenticationRefused(OrganisationFact, frozen=True, kw_only=True):
    """The operator refused authentication."""

    name: ClassVar[str] = "identity.authentication_refused"


class OrganisationAuthenticated(OrganisationFact, frozen=True, kw_only=True):
    """The operator approved authentication. Source: A11(3), A14(3)."""

    name: ClassVar[str] = "identity.organisation_authenticated"


class ProviderRecognised(OrganisationFact, frozen=True, kw_only=True):
    """The bureau recognised a provider. Source: N三(二), Q9."""

    name: ClassVar[str] = "identity.provider_recognised"


class ProviderRecognitionRefused(OrganisationFact, frozen=True, kw_only=True):
    """The bureau did not recognise a provider."""

    name: ClassVar[str] = "identity.provider_recognition_refused"


class PriorityListed(OrganisationFact, frozen=True, kw_only=True):
    """An enterprise was put on, or taken off, the published priority list. Source: R31."""

    name: ClassVar[str] = "identity.priority_listed"


class OrganisationSuspended(OrganisationFact, frozen=True, kw_only=True):
    """An organisation may not act from the moment in its party state. Source: Q18, Q25."""

    name: ClassVar[str] = "identity.organisation_suspended"


class OrganisationReinstated(OrganisationFact, frozen=True, kw_only=True):
    """A suspension or a blacklisting ended; the party state says whether the other one still stands."""

    name: ClassVar[str] = "identity.organisation_reinstated"


ORGANISATION_FACTS: tuple[type[OrganisationFact], ...] = (
    OrganisationRegistered,
    RegistrationExpired,
    AuthenticationSubmitted,
    AuthenticationSentBack,
    AuthenticationRefused,
    OrganisationAuthenticated,
    ProviderRecognised,
    ProviderRecognitionRefused,
    PriorityListed,
    OrganisationSuspended,
    OrganisationReinstated,
)


class AffiliationFact(Fact, frozen=True, kw_only=True):
    """A fact of one enterprise-provider pair. Source: A13(4), R63."""

    stream: ClassVar[str] = "identity.affiliation"
    key: ClassVar[str] = "affiliation_id"

    affiliation_id: UUID
    enterprise_id: UUID
    provider_id: UUID


class AffiliationRecorded(AffiliationFact, frozen=True, kw_only=True):
    """A tie was recorded: `subordination`, `joint_establishment`, `property_tie`, `same_code` or `same_party`.

    `origin` says how it came: `declared` by a party, `recorded` by the operator, or `automatic`. The source in words
    may name people, hence does not travel: identity's list of affiliations shows it to those who decide.
    """

    name: ClassVar[str] = "identity.affiliation_recorded"

    kind: str
    origin: str = ""
    recorded_at: datetime | None = None


class AffiliationEnded(AffiliationFact, frozen=True, kw_only=True):
    """The tie exists no more. One of kind `same_code` never ends."""

    name: ClassVar[str] = "identity.affiliation_ended"

    kind: str = ""
    ended_at: datetime | None = None


class AccountFact(Fact, frozen=True, kw_only=True):
    """A fact of one sign-in account."""

    stream: ClassVar[str] = "identity.account"
    key: ClassVar[str] = "account_id"

    account_id: UUID


class AccountOpened(AccountFact, frozen=True, kw_only=True):
    """An account was opened."""

    name: ClassVar[str] = "identity.account_opened"

    organisation_id: UUID | None
    roles: tuple[str, ...]


class AccountEnded(AccountFact, frozen=True, kw_only=True):
    """Tokens issued before a machine time are refused: the account was disabled, or its roles changed."""

    name: ClassVar[str] = "identity.account_ended"

    tokens_before: datetime


class SessionEnded(AccountFact, frozen=True, kw_only=True):
    """One session of an account ended, by sign-out or because its refresh token came twice: its tokens are refused."""

    name: ClassVar[str] = "identity.session_ended"

    session_id: UUID
    ended_at: datetime


class KeyFact(Fact, frozen=True, kw_only=True):
    """A fact of one signing key."""

    stream: ClassVar[str] = "identity.key"
    key: ClassVar[str] = "key_id"

    key_id: UUID
    kid: str


class KeyPublished(KeyFact, frozen=True, kw_only=True):
    """Tokens signed with this Ed25519 key (32 bytes) are to be trusted."""

    name: ClassVar[str] = "identity.key_published"

    public_key: bytes


class KeyRetired(KeyFact, frozen=True, kw_only=True):
    """Tokens signed with this key are not to be trusted any more."""

    name: ClassVar[str] = "identity.key_retired"


class ClockMoved(Fact, frozen=True, kw_only=True):
    """The business clock of a demonstration or sandbox was moved. Each move is an aggregate of its own.

    `offset_us` is business time less machine time in microseconds. It only grows, so the greatest one stands.
    """

    stream: ClassVar[str] = "identity.clock"
    key: ClassVar[str] = "move_id"
    name: ClassVar[str] = "identity.clock_moved"

    move_id: UUID
    offset_us: int
