"""Machine clients, as the administrator of their organisation keeps them: opened, changed, keyed, stopped, deleted.

Every act ends what it has to end in all services: a suspended or deleted client's tokens as those of an account, a
retired key's as those of a session.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.identity.domain import clients as rules
from services.identity.domain.client_refusals import (
    ClientDeleted,
    ClientNotActive,
    ClientNotSuspended,
    ClientsTooMany,
    KeyRetiredAlready,
    KeysTooMany,
)
from services.identity.domain.clients import ClientKey
from services.identity.store import accounts
from services.identity.store import clients as store
from services.identity.store.accounts import SignInAccount
from services.identity.store.clients import Client
from shared.contracts.messages.identity import AccountEnded, AccountOpened, SessionEnded
from shared.contracts.permissions import Role
from shared.runtime.auth import CLOCK_SKEW_MAX_S
from shared.runtime.work import Actor, Decision, NotFound, Notice, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenClient:
    """A wish for a client; `role` is its organisation's, and `public_key` in PEM, a JWK or a JWKS."""

    name: str
    scopes: Sequence[str]
    public_key: str | Mapping[str, Any]
    expires_at: datetime | None
    role: Role
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeClient:
    """Another name, or other scopes, for a client; its scopes as a whole."""

    client_id: UUID
    expected_version: int | None
    name: str
    scopes: Sequence[str]
    role: Role
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class AddKey:
    """Another key for a client, so that it can change from one to the other."""

    client_id: UUID
    expected_version: int | None
    public_key: str | Mapping[str, Any]
    expires_at: datetime | None
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireKey:
    """The end of one key."""

    client_id: UUID
    expected_version: int | None
    kid: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class StopClient:
    """A client suspended, resumed or deleted, with the reason."""

    client_id: UUID
    expected_version: int | None
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientResult:
    """A client after an act; `client_id` is what it calls itself, `kids` are its live keys."""

    id: UUID
    client_id: str
    name: str
    scopes: Sequence[str]
    state: str
    kids: Sequence[str]
    version: int


async def open_client(work: Work, command: OpenClient) -> ClientResult:
    """Open a client with its first key or keys.

    Emits: AccountOpened. Raises: ScopesNotOwn, ClientsTooMany, KeyPrivate, KeyUnusable, KeyTermInvalid, KeyKnown.
    """
    organisation_id, by = _organisation(command.by)
    scopes = rules.check_scopes(command.scopes, role=command.role)
    keys = rules.read_keys(command.public_key)
    await store.open_alone(work.connection, organisation_id)
    if await store.count_clients(work.connection, organisation_id) >= rules.CLIENTS_MAX:
        raise ClientsTooMany(clients_max=rules.CLIENTS_MAX)
    client = Client(
        id=work.new_id(),
        organisation_id=organisation_id,
        name=command.name,
        scopes=scopes,
        state="active",
        opened_by=by,
        opened_at=work.now,
        version=1,
    )
    await accounts.add_account(work, _account_of(client, command.role))
    await store.add_client(work, client)
    for key in keys:
        await _add(work, client, key, expires_at=command.expires_at, by=by)
    work.emit(AccountOpened(version=1, account_id=client.id, organisation_id=organisation_id, roles=(command.role,)))
    _tell(work, client, act="client.open", by=command.by, text="已创建", after=" ".join(scopes))
    return await _result(work, client, {}, version=1)


async def change_client(work: Work, command: ChangeClient) -> ClientResult:
    """Give a client another name or other scopes; tokens that hold a scope it loses end.

    Emits: AccountEnded when a scope is taken away. Raises: NotFound, VersionMismatch, ClientDeleted, ScopesNotOwn.
    """
    client = await _load(work, command.client_id, command.expected_version, command.by)
    scopes = rules.check_scopes(command.scopes, role=command.role)
    changes = {"name": command.name, "scopes": scopes}
    version = await store.change_client(work, client, changes)
    if command.name != client.name:
        await accounts.set_display_name(work, client.id, display_name=command.name)
    if not set(client.scopes) <= set(scopes):
        await _end_tokens(work, client.id)
    before, after = " ".join(client.scopes), " ".join(scopes)
    _tell(work, client, act="client.change", by=command.by, text="已变更", before=before, after=after)
    return await _result(work, client, changes, version=version)


async def add_key(work: Work, command: AddKey) -> ClientResult:
    """Add a key to a client that has fewer than two live ones.

    Raises: NotFound, VersionMismatch, ClientDeleted, KeysTooMany, KeyPrivate, KeyUnusable, KeyTermInvalid, KeyKnown.
    """
    client = await _load(work, command.client_id, command.expected_version, command.by)
    keys = rules.read_keys(command.public_key)
    held = await store.live_keys(work.connection, client.id)
    if len(held) + len(keys) > rules.LIVE_KEYS_MAX:
        raise KeysTooMany(keys_max=rules.LIVE_KEYS_MAX)
    for key in keys:
        await _add(work, client, key, expires_at=command.expires_at, by=_organisation(command.by)[1])
    version = await store.change_client(work, client, {})
    _tell(work, client, act="client.add_key", by=command.by, text="已增加公钥", after=" ".join(key.kid for key in keys))
    return await _result(work, client, {}, version=version)


async def retire_key(work: Work, command: RetireKey) -> ClientResult:
    """End a key; the tokens that were given for it end with it.

    Emits: SessionEnded. Raises: NotFound, VersionMismatch, ClientDeleted, KeyRetiredAlready.
    """
    client = await _load(work, command.client_id, command.expected_version, command.by)
    found = await store.find_key(work.connection, client.id, kid=command.kid)
    if found is None:
        raise NotFound
    key_id, retired = found
    if retired:
        raise KeyRetiredAlready
    await store.retire_keys(work, [key_id])
    account = await accounts.load_account(work.connection, client.id)
    fact_version = await accounts.change_account(work, account, {})
    ended_at = await accounts.machine_now(work.connection)
    work.emit(SessionEnded(version=fact_version, account_id=client.id, session_id=key_id, ended_at=ended_at))
    version = await store.change_client(work, client, {})
    _tell(work, client, act="client.retire_key", by=command.by, text="已停用公钥", before=command.kid)
    return await _result(work, client, {}, version=version)


async def suspend_client(work: Work, command: StopClient) -> ClientResult:
    """Let a client do nothing until it is resumed.

    Emits: AccountEnded. Raises: NotFound, VersionMismatch, ClientDeleted, ClientNotActive.
    """
    client = await _load(work, command.client_id, command.expected_version, command.by)
    if client.state != "active":
        raise ClientNotActive
    await _end_tokens(work, client.id)
    return await _move(work, client, command, state="suspended", act="client.suspend", text="已暂停")


async def resume_client(work: Work, command: StopClient) -> ClientResult:
    """Let a suspended client act again. Raises: NotFound, VersionMismatch, ClientDeleted, ClientNotSuspended."""
    client = await _load(work, command.client_id, command.expected_version, command.by)
    if client.state != "suspended":
        raise ClientNotSuspended
    return await _move(work, client, command, state="active", act="client.resume", text="已恢复")


async def delete_client(work: Work, command: StopClient) -> ClientResult:
    """End a client and its keys for ever; what it did stays on record.

    Emits: AccountEnded. Raises: NotFound, VersionMismatch, ClientDeleted.
    """
    client = await _load(work, command.client_id, command.expected_version, command.by)
    await store.retire_keys(work, [key_id for key_id, _ in await store.live_keys(work.connection, client.id)])
    await _end_tokens(work, client.id)
    return await _move(work, client, command, state="deleted", act="client.delete", text="已删除")


def _account_of(client: Client, role: Role) -> SignInAccount:
    return SignInAccount(
        id=client.id,
        # Longer than any name that a person may choose.
        sign_in_name=rules.client_id_of(client.id),
        password_hash="",
        organisation_id=client.organisation_id,
        roles=(role.value,),
        region=None,
        display_name=client.name,
        state="active",
        opened_at=client.opened_at,
        version=1,
        kind="client",
    )


def _organisation(by: Actor) -> tuple[UUID, UUID]:
    """The organisation and the account of whoever acts. Raises: NotFound for somebody without one."""
    if by.organisation_id is None or by.account_id is None:
        raise NotFound
    return by.organisation_id, by.account_id


async def _load(work: Work, client_id: UUID, expected_version: int | None, by: Actor) -> Client:
    client = await store.load_client(
        work.connection, client_id, organisation_id=by.organisation_id, expected_version=expected_version
    )
    if client.state == "deleted":
        raise ClientDeleted
    return client


async def _add(work: Work, client: Client, key: ClientKey, *, expires_at: datetime | None, by: UUID) -> None:
    ends = rules.key_term(expires_at, now=await accounts.machine_now(work.connection))
    await store.add_key(work, key, key_id=work.new_id(), client_id=client.id, added_by=by, expires_at=ends)


async def _end_tokens(work: Work, client_id: UUID) -> None:
    account = await accounts.load_account(work.connection, client_id)
    version = await accounts.change_account(work, account, {})
    # A signer whose clock is ahead may have dated a token after this moment.
    ended = await accounts.machine_now(work.connection) + timedelta(seconds=CLOCK_SKEW_MAX_S)
    work.emit(AccountEnded(version=version, account_id=client_id, tokens_before=ended))


async def _move(  # noqa: PLR0913 - one act and what is said of it
    work: Work, client: Client, command: StopClient, *, state: str, act: str, text: str
) -> ClientResult:
    version = await store.change_client(work, client, {"state": state})
    _tell(work, client, act=act, by=command.by, text=text, ground=command.reason, before=client.state, after=state)
    return await _result(work, client, {"state": state}, version=version)


async def _result(work: Work, client: Client, changes: Mapping[str, Any], *, version: int) -> ClientResult:
    values = {"name": client.name, "scopes": client.scopes, "state": client.state} | dict(changes)
    kids = [kid for _, kid in await store.live_keys(work.connection, client.id)]
    return ClientResult(id=client.id, client_id=rules.client_id_of(client.id), kids=kids, version=version, **values)


def _tell(  # noqa: PLR0913 - the parts of a decision
    work: Work, client: Client, *, act: str, by: Actor, text: str, ground: str = "", before: str = "", after: str = ""
) -> None:
    decision = Decision(
        subject_type="client",
        subject_id=client.id,
        act=act,
        by=by,
        rule="",
        ground=ground,
        before=before,
        after=after,
    )
    work.decide(decision)
    work.notify(
        Notice(
            recipient=f"org:{client.organisation_id}",
            subject_type="client",
            subject_id=client.id,
            event=act,
            text=f"应用客户端“{client.name}”{text}。",
            reason=ground,
        )
    )
