"""Response bodies of the views of accounts, of the staff, of who did what, and of keys."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, computed_field

from services.identity.domain.accounts import conflicts_of
from shared.contracts.http.resources import Resource
from shared.contracts.permissions import Role
from shared.runtime.work import HistoryItem


class PartyAccountItem(Resource):
    """A party's account; `kind` is `person`, or `client` for a machine's."""

    id: UUID
    kind: str
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
    designation_id: UUID | None
    """The designation that was named, for one of the operator's people; where it is to be moved, for a move."""
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
    member_role: str | None
    """`handler` or `reader` for a person within an organisation who is not its administrator."""
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


class NamedHistoryItem(HistoryItem):
    """One decision in the form of every service's histories, with the names that identity alone knows.

    The person (`account_id` and names) is there for supervisors and auditors only. `act` is the same as `name`.
    """

    act: str
    sign_in_name: str | None
    display_name: str | None


class AccountItem(Resource):
    """Who is behind an account id: a person, or by `kind` the machine `client` of a party.

    `operator_name` is of the designation an operator's person works under.
    """

    id: UUID
    kind: str
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
    """An act on an account: `after` names its roles, of a move the designation; `account_id` is who did it."""

    at: datetime
    act: str
    account_id: UUID | None
    ground: str
    before: str
    after: str


class AccountDetail(AccountItem):
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
