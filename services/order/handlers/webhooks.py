"""Webhook endpoints: kept by their provider, and called once the operator has approved their host."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from services.order.domain.webhook_refusals import WebhookEndpointNotFound, WebhookEndpointsTooMany, WebhookHostNotFound
from services.order.domain.webhooks import (
    ENDPOINTS_MAX,
    SECRET_OVERLAP,
    DisabledReason,
    EndpointState,
    HostState,
    Ordering,
)
from services.order.sealing import WebhookSeal
from services.order.store import webhooks as store
from services.order.store.webhooks import WebhookEndpoint
from services.order.webhooks.client import WebhookClient
from services.order.webhooks.signing import new_secret, secret_text
from services.order.webhooks.targets import check_target
from shared.runtime.work import Actor, BusinessClock, Decision, NotFound, Notice, VersionMismatch, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateEndpoint:
    """A provider wants to be called. No types are all types."""

    url: str
    types: Sequence[str]
    ordering: Ordering
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEndpoint:
    """The endpoint is to be this."""

    endpoint_id: UUID
    url: str
    types: Sequence[str]
    ordering: Ordering
    by: Actor
    expected_version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCommand:
    """An act on one endpoint that needs no more to be said."""

    endpoint_id: UUID
    by: Actor
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideHost:
    """The operator lets us call a host for a provider, or does not, or no more."""

    host_id: UUID
    approve: bool
    reason: str
    by: Actor


class EndpointResult(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint after a command. `secret` is there when it was made just now, and is shown once."""

    id: UUID
    url: str
    types: Sequence[str]
    ordering: str
    state: str
    disabled_reason: str
    version: int
    secret: str | None = None
    former_secret_until: datetime | None = None


class HostResult(msgspec.Struct, frozen=True, kw_only=True):
    """A host after the operator's decision."""

    id: UUID
    host: str
    state: str
    version: int


async def create_endpoint(work: Work, command: CreateEndpoint) -> EndpointResult:
    """Keep an endpoint that is told of everything from now on, once its host is approved.

    Raises: WebhookTargetRefused, WebhookEndpointsTooMany.
    """
    provider_id = provider_of(command.by)
    target = check_target(command.url, local=work.ports.get(WebhookClient).local)
    await store.act_alone(work, provider_id)
    if await store.count_endpoints(work.connection, provider_id) >= ENDPOINTS_MAX:
        raise WebhookEndpointsTooMany(endpoints_max=ENDPOINTS_MAX)
    endpoint = WebhookEndpoint(
        id=work.new_id(),
        provider_id=provider_id,
        url=target.url,
        host=target.host,
        types=sorted(set(command.types)),
        ordering=command.ordering.value,
        state=EndpointState.ACTIVE.value,
        disabled_reason="",
        version=1,
        made_at=work.now,
        position=await store.newest_event(work.connection),
    )
    await store.add(work, endpoint)
    await _ask_for_host(work, endpoint)
    secret = await _add_secret(work, endpoint.id)
    _decide(work, endpoint, command.by, act="webhook.create")
    return _result(endpoint, secret=secret)


async def change_endpoint(work: Work, command: ChangeEndpoint) -> EndpointResult:
    """Change where and of what an endpoint is told. Raises: WebhookTargetRefused, WebhookEndpointNotFound."""
    before = await open_own(work, command.endpoint_id, by=command.by, expected_version=command.expected_version)
    target = check_target(command.url, local=work.ports.get(WebhookClient).local)
    after = replace(
        before,
        url=target.url,
        host=target.host,
        types=sorted(set(command.types)),
        ordering=command.ordering.value,
        version=before.version + 1,
        paused_until=None,
    )
    await store.change(work, after)
    await _ask_for_host(work, after)
    _decide(work, after, command.by, act="webhook.change")
    return _result(after)


async def disable_endpoint(work: Work, command: EndpointCommand) -> EndpointResult:
    """Call it no more; its events wait in the feed. Raises: WebhookEndpointNotFound."""
    before = await open_own(work, command.endpoint_id, by=command.by, expected_version=command.expected_version)
    if before.state == EndpointState.DISABLED:
        return _result(before)
    after = replace(
        before,
        state=EndpointState.DISABLED.value,
        disabled_reason=DisabledReason.OWNER.value,
        version=before.version + 1,
    )
    await store.change(work, after)
    _decide(work, after, command.by, act="webhook.disable")
    return _result(after)


async def enable_endpoint(work: Work, command: EndpointCommand) -> EndpointResult:
    """Call it again, beginning with what waits; what was failed counts from now. Raises: WebhookEndpointNotFound."""
    before = await open_own(work, command.endpoint_id, by=command.by, expected_version=command.expected_version)
    if before.state == EndpointState.ACTIVE:
        return _result(before)
    after = replace(
        before,
        state=EndpointState.ACTIVE.value,
        disabled_reason="",
        version=before.version + 1,
        failing_since=None,
        flagged_at=None,
        failures=0,
        paused_until=None,
    )
    await store.change(work, after)
    _decide(work, after, command.by, act="webhook.enable")
    return _result(after)


async def delete_endpoint(work: Work, command: EndpointCommand) -> None:
    """Forget its secrets and cancel what is not delivered; its log stays. Raises: WebhookEndpointNotFound."""
    before = await open_own(work, command.endpoint_id, by=command.by, expected_version=command.expected_version)
    after = replace(
        before,
        state=EndpointState.DELETED.value,
        disabled_reason=DisabledReason.OWNER.value,
        version=before.version + 1,
    )
    await store.change(work, after)
    await store.forget_endpoint(work, after.id, now=machine_now(work))
    _decide(work, after, command.by, act="webhook.delete")


async def rotate_secret(work: Work, command: EndpointCommand) -> EndpointResult:
    """Make a new secret; the one before signs beside it for 24 hours. Raises: WebhookEndpointNotFound."""
    before = await open_own(work, command.endpoint_id, by=command.by, expected_version=command.expected_version)
    now = machine_now(work)
    await store.expire_secrets(work, before.id, at=now + SECRET_OVERLAP, now=now)
    secret = await _add_secret(work, before.id)
    after = replace(before, version=before.version + 1)
    await store.change(work, after)
    _decide(work, after, command.by, act="webhook.rotate")
    return _result(after, secret=secret, former_secret_until=now + SECRET_OVERLAP)


async def decide_host(work: Work, command: DecideHost) -> HostResult:
    """Approve or refuse a host; a refusal also ends what was approved. Raises: WebhookHostNotFound."""
    host = await store.lock_host(work.connection, command.host_id)
    if host is None:
        raise WebhookHostNotFound
    state = HostState.APPROVED if command.approve else HostState.REFUSED
    await store.decide_host(work, host, state=state.value, reason=command.reason, by=command.by.account_id)
    work.decide(
        Decision(
            subject_type="webhook_host",
            subject_id=host.id,
            act=f"webhook_host.{'approve' if command.approve else 'refuse'}",
            by=command.by,
            rule="",
            ground=command.reason,
            before=host.state,
            after=state.value,
        )
    )
    work.notify(
        Notice(
            recipient=f"org:{host.provider_id}",
            subject_type="webhook_host",
            subject_id=host.id,
            event=f"webhook_host.{state.value}",
            text=f"回调域名 {host.host} {'已获批准' if command.approve else '未获批准'}。",
            reason=command.reason,
        )
    )
    return HostResult(id=host.id, host=host.host, state=state.value, version=host.version + 1)


async def open_own(work: Work, endpoint_id: UUID, *, by: Actor, expected_version: int | None) -> WebhookEndpoint:
    """The actor's endpoint, locked. Raises: WebhookEndpointNotFound, VersionMismatch."""
    endpoint = await store.lock(work.connection, endpoint_id, provider_id=provider_of(by))
    if endpoint is None:
        raise WebhookEndpointNotFound
    if expected_version not in {None, endpoint.version}:
        raise VersionMismatch(version=endpoint.version)
    return endpoint


def provider_of(by: Actor) -> UUID:
    """The organisation for which somebody acts. Raises: NotFound for nobody's."""
    if by.organisation_id is None:
        raise NotFound
    return by.organisation_id


def machine_now(work: Work) -> datetime:
    """Real time: deliveries and secrets never follow the business clock."""
    return work.ports.get(BusinessClock).machine_now()


async def _ask_for_host(work: Work, endpoint: WebhookEndpoint) -> None:
    if await store.request_host(work, provider_id=endpoint.provider_id, host=endpoint.host):
        work.notify(
            Notice(
                recipient="role:operator_lead",
                subject_type="webhook_endpoint",
                subject_id=endpoint.id,
                event="webhook_host.requested",
                text=f"云服务商申请回调域名 {endpoint.host}，请审核。",
            )
        )


async def _add_secret(work: Work, endpoint_id: UUID) -> str:
    secret, secret_id = new_secret(), work.new_id()
    sealed = work.ports.get(WebhookSeal).close(secret, record_id=secret_id)
    await store.add_secret(work, secret_id, endpoint_id, sealed=sealed, now=machine_now(work))
    return secret_text(secret)


def _decide(work: Work, endpoint: WebhookEndpoint, by: Actor, *, act: str) -> None:
    work.decide(
        Decision(
            subject_type="webhook_endpoint",
            subject_id=endpoint.id,
            act=act,
            by=by,
            rule="",
            after=endpoint.state,
            facts={"host": endpoint.host},
        )
    )


def _result(
    endpoint: WebhookEndpoint, *, secret: str | None = None, former_secret_until: datetime | None = None
) -> EndpointResult:
    return EndpointResult(
        id=endpoint.id,
        url=endpoint.url,
        types=endpoint.types,
        ordering=endpoint.ordering,
        state=endpoint.state,
        disabled_reason=endpoint.disabled_reason,
        version=endpoint.version,
        secret=secret,
        former_secret_until=former_secret_until,
    )
