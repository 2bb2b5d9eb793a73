"""Webhooks over HTTP: endpoints, their secrets, the operator's hosts, and the log of deliveries."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.order.domain.events import EventType
from services.order.domain.webhooks import URL_CHARACTERS_MAX, DeliveryState, HostState, Ordering
from services.order.handlers import resending, webhook_keys, webhooks
from services.order.views import webhooks as views
from services.order.webhooks.signing import public_text
from shared.contracts.http.lists import Page
from shared.contracts.http.resources import Resource
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import (
    AskedPlace,
    Body,
    Distinct,
    OneLine,
    Reading,
    Run,
    VersionedRun,
    VersionRequiredRun,
    actor_of,
    require,
    require_any,
    to_json,
)
from shared.runtime.work import NotFound

router = APIRouter(tags=["回调"])

Manager = Annotated[Principal, Depends(require(Permission.ORDER_WEBHOOK_MANAGE))]
Approver = Annotated[Principal, Depends(require(Permission.ORDER_HOST_APPROVE))]
KeyKeeper = Annotated[Principal, Depends(require(Permission.PLATFORM_KEY_ROTATE))]
HostReader = Annotated[Principal, Depends(require_any(Permission.ORDER_WEBHOOK_MANAGE, Permission.ORDER_HOST_APPROVE))]


class EndpointBody(Body):
    """Where and of what a provider's system is told; no types are all types, those to come among them."""

    url: Annotated[str, OneLine, Field(min_length=1, max_length=URL_CHARACTERS_MAX)]
    types: Annotated[list[EventType], Distinct, Field(max_length=len(EventType))] = Field(default_factory=list)
    ordering: Ordering = Ordering.NONE


class ResendBody(Body):
    """A time, and of its deliveries those of one state; `after` goes on where a call before ended."""

    since: datetime
    until: datetime
    state: DeliveryState | None = None
    after: int = Field(default=0, ge=0, le=2**62)


class DecisionBody(Body):
    """An approval may carry a remark."""

    reason: str = Field(default="", max_length=500)


class ReasonBody(Body):
    """A refusal says why."""

    reason: str = Field(min_length=1, max_length=500)


class RotationBody(Body):
    """Why, and for how many hours the former keys sign on; 0 where one of them is in wrong hands."""

    reason: str = Field(min_length=1, max_length=500)
    overlap_hours: int = Field(default=webhook_keys.OVERLAP_HOURS, ge=0, le=webhook_keys.OVERLAP_HOURS_MAX)


class AnsweredEndpoint(Resource):
    """An endpoint after a command; `secret` is shown once, when it was made."""

    id: UUID
    url: str
    types: Sequence[str]
    ordering: str
    state: str
    disabled_reason: str
    version: int
    secret: str | None
    former_secret_until: datetime | None


class AnsweredHost(Resource):
    """A host after the operator's decision."""

    id: UUID
    host: str
    state: HostState
    version: int


class AnsweredDelivery(Resource):
    """A delivery that was asked for."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    type: str
    cause: str
    state: str


class AnsweredResend(Resource):
    """How many deliveries were made; with `has_more` the same call goes on with `after`."""

    count: int
    has_more: bool
    after: int


class KeyItem(BaseModel):
    """A public key of the platform, in the form of Standard Webhooks; one that is being replaced says until when."""

    id: UUID
    public_key: str
    made_at: datetime
    retires_at: datetime | None


class Keys(BaseModel):
    """All keys that sign `v1a` now."""

    keys: Sequence[KeyItem]


def _provider_of(principal: Principal) -> UUID:
    if principal.organisation_id is None:
        raise NotFound
    return principal.organisation_id


def _command(endpoint_id: UUID, principal: Principal, expected_version: int | None = None) -> webhooks.EndpointCommand:
    return webhooks.EndpointCommand(endpoint_id=endpoint_id, by=actor_of(principal), expected_version=expected_version)


@router.get("/webhook-keys", summary="回调签名公钥")
async def list_keys(connection: Reading) -> Keys:
    """The public keys with which `v1a` signatures are verified. Open to everybody."""
    found = await views.list_public_keys(connection)
    return Keys(
        keys=[
            KeyItem(id=key.id, public_key=public_text(key.public_key), made_at=key.made_at, retires_at=key.retired_at)
            for key in found
        ]
    )


@router.post(
    "/webhook-keys/rotation", status_code=201, response_model=webhook_keys.WebhookKeyResult, summary="轮换回调签名密钥"
)
async def rotate_webhook_key(run: Run, body: RotationBody, principal: KeyKeeper) -> Response:
    """Sign with a new key from now on, and with the former ones beside it until their overlap is over."""
    command = webhook_keys.RotateWebhookKey(
        overlap=timedelta(hours=body.overlap_hours), reason=body.reason, by=actor_of(principal)
    )
    return await run.run(webhook_keys.rotate_webhook_key, command, status=201)


@router.post("/webhook-endpoints", status_code=201, response_model=AnsweredEndpoint, summary="新建回调端点")
async def create_endpoint(run: Run, body: EndpointBody, principal: Manager) -> Response:
    """Be told of every event from now on. The host waits for the operator's approval; the secret is shown once."""
    command = webhooks.CreateEndpoint(url=body.url, types=body.types, ordering=body.ordering, by=actor_of(principal))
    return await run.run(webhooks.create_endpoint, command, status=201, shown_once=("secret",))


@router.get("/webhook-endpoints", summary="回调端点")
async def list_endpoints(connection: Reading, place: AskedPlace, principal: Manager) -> Page[views.EndpointItem]:
    """The own endpoints, newest first, and how each does."""
    return await views.list_endpoints(connection, provider_id=_provider_of(principal), place=place)


@router.get("/webhook-endpoints/{endpoint_id}", response_model=views.EndpointItem, summary="回调端点详情")
async def read_endpoint(connection: Reading, endpoint_id: UUID, principal: Manager) -> Response:
    """One endpoint; its ETag is what a change asks for."""
    found = await views.read_endpoint(connection, endpoint_id, provider_id=_provider_of(principal))
    return Response(to_json(found), media_type="application/json", headers={"ETag": f'"{found.version}"'})


@router.put("/webhook-endpoints/{endpoint_id}", response_model=AnsweredEndpoint, summary="修改回调端点")
async def change_endpoint(
    run: VersionRequiredRun, endpoint_id: UUID, body: EndpointBody, principal: Manager
) -> Response:
    """Change the address, the types or the order; another host waits for the operator's approval."""
    command = webhooks.ChangeEndpoint(
        endpoint_id=endpoint_id,
        url=body.url,
        types=body.types,
        ordering=body.ordering,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )
    return await run.run(webhooks.change_endpoint, command)


@router.delete("/webhook-endpoints/{endpoint_id}", status_code=204, summary="删除回调端点")
async def delete_endpoint(run: VersionedRun, endpoint_id: UUID, principal: Manager) -> Response:
    """Tell it nothing more; the log of its deliveries stays."""
    command = _command(endpoint_id, principal, run.expected_version)
    return await run.run(webhooks.delete_endpoint, command, status=204)


@router.post("/webhook-endpoints/{endpoint_id}/disable", response_model=AnsweredEndpoint, summary="停用回调端点")
async def disable_endpoint(run: VersionedRun, endpoint_id: UUID, principal: Manager) -> Response:
    """Tell it nothing until it is enabled; its events wait."""
    return await run.run(webhooks.disable_endpoint, _command(endpoint_id, principal, run.expected_version))


@router.post("/webhook-endpoints/{endpoint_id}/enable", response_model=AnsweredEndpoint, summary="启用回调端点")
async def enable_endpoint(run: VersionedRun, endpoint_id: UUID, principal: Manager) -> Response:
    """Tell it again, beginning with what waits."""
    return await run.run(webhooks.enable_endpoint, _command(endpoint_id, principal, run.expected_version))


@router.post("/webhook-endpoints/{endpoint_id}/rotate-secret", response_model=AnsweredEndpoint, summary="更换回调密钥")
async def rotate_secret(run: VersionedRun, endpoint_id: UUID, principal: Manager) -> Response:
    """A new secret, shown once; for 24 hours both sign."""
    command = _command(endpoint_id, principal, run.expected_version)
    return await run.run(webhooks.rotate_secret, command, shown_once=("secret",))


@router.post(
    "/webhook-endpoints/{endpoint_id}/test", status_code=202, response_model=AnsweredDelivery, summary="测试回调端点"
)
async def send_test(run: Run, endpoint_id: UUID, principal: Manager) -> Response:
    """Deliver a test; what came of it is in the log of deliveries."""
    return await run.run(resending.send_test, _command(endpoint_id, principal), status=202)


@router.post(
    "/webhook-endpoints/{endpoint_id}/resend", status_code=202, response_model=AnsweredResend, summary="按时段重发"
)
async def resend_range(run: Run, endpoint_id: UUID, body: ResendBody, principal: Manager) -> Response:
    """Deliver again what was to be delivered in a time, at most 1,000 in a call."""
    command = resending.ResendRange(
        endpoint_id=endpoint_id,
        since=body.since,
        until=body.until,
        state=body.state,
        after_seq=body.after,
        by=actor_of(principal),
    )
    return await run.run(resending.resend_range, command, status=202)


class _Wanted:
    """The filters of the log."""

    def __init__(
        self,
        principal: Manager,
        endpoint_id: UUID | None = None,
        state: DeliveryState | None = None,
        type: EventType | None = None,  # noqa: A002 - the name in the query
        order_id: UUID | None = None,
    ) -> None:
        self.filter = views.DeliveryFilter(
            provider_id=_provider_of(principal),
            endpoint_id=endpoint_id,
            state=state,
            type=type,
            order_id=order_id,
        )


@router.get("/webhook-deliveries", summary="回调投递记录")
async def list_deliveries(
    connection: Reading, place: AskedPlace, wanted: Annotated[_Wanted, Depends(_Wanted)]
) -> Page[views.DeliveryItem]:
    """The own deliveries, newest first; ended ones are kept for 30 days."""
    return await views.list_deliveries(connection, wanted=wanted.filter, place=place)


@router.get("/webhook-deliveries/{delivery_id}", summary="回调投递详情")
async def read_delivery(connection: Reading, delivery_id: UUID, principal: Manager) -> views.DeliveryDetail:
    """One delivery with every attempt: what was sent, what was answered, and how long it took."""
    return await views.read_delivery(connection, delivery_id, provider_id=_provider_of(principal))


@router.post(
    "/webhook-deliveries/{delivery_id}/resend", status_code=202, response_model=AnsweredDelivery, summary="重发"
)
async def resend_delivery(run: Run, delivery_id: UUID, principal: Manager) -> Response:
    """Deliver the event again, with its own event id and another delivery id."""
    command = resending.ResendDelivery(delivery_id=delivery_id, by=actor_of(principal))
    return await run.run(resending.resend_delivery, command, status=202)


@router.get("/webhook-hosts", summary="回调域名")
async def list_hosts(
    connection: Reading, place: AskedPlace, principal: HostReader, state: HostState | None = None
) -> Page[views.HostItem]:
    """The hosts that were asked for: a provider's own, and for the operator those of all."""
    return await views.list_hosts(connection, provider_id=principal.organisation_id, state=state, place=place)


@router.post("/webhook-hosts/{host_id}/approve", response_model=AnsweredHost, summary="批准回调域名")
async def approve_host(run: Run, host_id: UUID, body: DecisionBody, principal: Approver) -> Response:
    """Let the platform call this host for its provider."""
    command = webhooks.DecideHost(host_id=host_id, approve=True, reason=body.reason, by=actor_of(principal))
    return await run.run(webhooks.decide_host, command)


@router.post("/webhook-hosts/{host_id}/refuse", response_model=AnsweredHost, summary="不批准回调域名")
async def refuse_host(run: Run, host_id: UUID, body: ReasonBody, principal: Approver) -> Response:
    """Do not, or no longer, let the platform call this host."""
    command = webhooks.DecideHost(host_id=host_id, approve=False, reason=body.reason, by=actor_of(principal))
    return await run.run(webhooks.decide_host, command)
