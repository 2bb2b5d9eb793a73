"""The transactions of a lane: what is due on it, and what came of the attempts before.

No transaction is open while something is sent. One step writes the outcomes of a batch and reads the next one, so that
a process that ends between two steps leaves a lease that runs out, and deliveries that are due as before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.order.domain import webhooks as rules
from services.order.domain.webhooks import (
    Answer,
    Cause,
    DeliveryState,
    DisabledReason,
    EndpointState,
    Ordering,
    Outcome,
)
from services.order.store import deliveries as store
from services.order.store.deliveries import Due, EndedDelivery, NewAttempt, NewDelivery, OpenEndpoint
from shared.runtime.work import BusinessClock, Notice, Work

LEASE = timedelta(seconds=45)
"""Three times as long as an attempt may take."""
BATCH_MAX = 20
LANE_MAX = 1_000
"""So many deliveries of an endpoint wait at most; later events wait in the feed."""
EVENTS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What was sent when, and what came back; `spread` is random in 0..1."""

    due: Due
    at: datetime
    url: str
    request: str
    answer: Answer
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneBatch:
    """What is to be sent next on a lane, and the sealed secrets that sign it."""

    endpoint_id: UUID
    epoch: int
    url: str
    due: Sequence[Due]
    secrets: Sequence[tuple[UUID, bytes]]


async def begin_lane(work: Work, endpoint_id: UUID, *, owner: str) -> LaneBatch | None:
    """Take a lane and the first batch; None where another process has it, or nothing is due."""
    now = _machine_now(work)
    epoch = await store.take_lane(work, endpoint_id, owner=owner, now=now, until=now + LEASE)
    return None if epoch is None else await _next(work, endpoint_id, epoch, resting_until=None)


async def go_on(work: Work, batch: LaneBatch, attempts: Sequence[Attempt]) -> LaneBatch | None:
    """Write the outcomes of a batch and take the next one; None when the lane is given back, or was lost."""
    endpoint = await store.open_endpoint(work.connection, batch.endpoint_id)
    if endpoint is None or endpoint.lane_epoch != batch.epoch:
        return None
    outcomes = [
        rules.judge(each.answer, attempts=each.due.attempts + 1, now=each.at, spread=each.spread) for each in attempts
    ]
    await store.end(work, [_ended(each, outcome) for each, outcome in zip(attempts, outcomes, strict=True)])
    work.insert(store.ATTEMPTS, [_logged(each) for each in attempts])
    failures = await _judge(work, endpoint, attempts, outcomes)
    pauses = [outcome.pause_until for outcome in outcomes if outcome.pause_until is not None]
    if failures:
        pauses.append(_machine_now(work) + timedelta(seconds=rules.lane_pause_s(failures)))
    return await _next(work, batch.endpoint_id, batch.epoch, resting_until=max(pauses, default=None))


async def give_back(work: Work, batch: LaneBatch) -> None:
    """Let another process have the lane at once; what was sent meanwhile may be sent again."""
    await store.release_lane(work, batch.endpoint_id, epoch=batch.epoch, paused_until=None)


async def _next(work: Work, endpoint_id: UUID, epoch: int, *, resting_until: datetime | None) -> LaneBatch | None:
    endpoint = await store.open_endpoint(work.connection, endpoint_id)
    if endpoint is None or endpoint.state is not EndpointState.ACTIVE or not endpoint.approved or resting_until:
        await store.release_lane(work, endpoint_id, epoch=epoch, paused_until=resting_until)
        return None
    now = _machine_now(work)
    full = not await _take_in(work, endpoint, now=now)
    due, rest_until = await _due(work, endpoint, now=now, full=full)
    if not due:
        await store.release_lane(work, endpoint_id, epoch=epoch, paused_until=rest_until)
        return None
    await store.renew_lane(work, endpoint_id, epoch=epoch, until=now + LEASE)
    secrets = await store.find_secrets(work.connection, endpoint_id, now=now)
    return LaneBatch(endpoint_id=endpoint_id, epoch=epoch, url=endpoint.url, due=due, secrets=secrets)


async def _due(
    work: Work, endpoint: OpenEndpoint, *, now: datetime, full: bool
) -> tuple[Sequence[Due], datetime | None]:
    """What is due, or until when the lane rests: in strict order nothing overtakes the first."""
    if endpoint.ordering is Ordering.STRICT:
        first = await store.find_first(work.connection, endpoint.id)
        if first is None:
            return [], None
        return ([first], None) if first.due_at <= now else ([], first.due_at)
    # A receiver that fails is asked with one delivery whether it is there again.
    limit = 1 if endpoint.failures else BATCH_MAX
    due = await store.find_due(work.connection, endpoint.id, now=now, limit=limit)
    rest_until = await store.next_due(work.connection, endpoint.id) if full and not due else None
    return due, rest_until


async def _take_in(work: Work, endpoint: OpenEndpoint, *, now: datetime) -> bool:
    """Make deliveries of the events beyond the endpoint's position; False where too many wait already."""
    events = await store.find_new_events(work.connection, endpoint, limit=EVENTS_MAX)
    if not events:
        return True
    room = LANE_MAX - await store.count_pending(work.connection, endpoint.id, limit=LANE_MAX)
    events = events[:room]
    if not events:
        return False
    work.insert(
        store.DELIVERIES,
        [
            NewDelivery(
                id=work.new_id(),
                endpoint_id=endpoint.id,
                provider_id=endpoint.provider_id,
                seq=event["seq"],
                event_id=event["event_id"],
                type=event["type"],
                order_id=event["order_id"],
                cause=Cause.EVENT.value,
                state=DeliveryState.PENDING.value,
                attempts=0,
                made_at=now,
                due_at=now,
            )
            for event in events
            if not endpoint.types or event["type"] in endpoint.types
        ],
    )
    await store.move_position(work, endpoint.id, position=events[-1]["seq"])
    return True


async def _judge(work: Work, endpoint: OpenEndpoint, attempts: Sequence[Attempt], outcomes: Sequence[Outcome]) -> int:
    """Flag, disable or clear an endpoint; returns how many batches in a row nothing arrived of."""
    now = _machine_now(work)
    failed = [each.at for each in attempts if not each.answer.delivered]
    arrived = len(failed) < len(attempts)
    failing_since = None if arrived else endpoint.failing_since or min(failed)
    failures = 0 if arrived else endpoint.failures + 1
    state, reason, flagged_at = endpoint.state, "", None if arrived else endpoint.flagged_at
    if state is not EndpointState.ACTIVE:
        return failures
    if any(outcome.gone for outcome in outcomes):
        state, reason = EndpointState.DISABLED, DisabledReason.GONE.value
        _tell(work, endpoint, event="webhook.disabled", text="回调端点答复不再接收，已停用；恢复后请重新启用。")
    elif failing_since is not None and rules.is_to_be_disabled(failing_since, now=now):
        state, reason = EndpointState.DISABLED, DisabledReason.FAILING.value
        _tell(
            work,
            endpoint,
            event="webhook.disabled",
            text="回调端点持续失败，已停用；修复后请重新启用，未送达的事件随后补发。",
        )
    elif failing_since is not None and flagged_at is None and rules.is_to_be_flagged(failing_since, now=now):
        flagged_at = now
        until = (failing_since + rules.DISABLE_AFTER).isoformat(timespec="minutes")
        _tell(work, endpoint, event="webhook.flagged", text=f"回调端点持续失败，如至 {until} 仍未恢复，将停用。")
    await store.judge_endpoint(
        work,
        endpoint.id,
        failing_since=failing_since,
        flagged_at=flagged_at,
        failures=failures,
        state=state,
        disabled_reason=reason,
    )
    return failures


def _tell(work: Work, endpoint: OpenEndpoint, *, event: str, text: str) -> None:
    work.notify(
        Notice(
            recipient=f"org:{endpoint.provider_id}",
            subject_type="webhook_endpoint",
            subject_id=endpoint.id,
            event=event,
            text=text,
        )
    )


def _ended(attempt: Attempt, outcome: Outcome) -> EndedDelivery:
    pending = outcome.state is DeliveryState.PENDING
    return EndedDelivery(
        id=attempt.due.id,
        state=outcome.state,
        attempts=attempt.due.attempts + 1,
        due_at=outcome.due_at,
        ended_at=None if pending else attempt.at,
    )


def _logged(attempt: Attempt) -> NewAttempt:
    return NewAttempt(
        delivery_id=attempt.due.id,
        number=attempt.due.attempts + 1,
        at=attempt.at,
        duration_ms=attempt.answer.duration_ms,
        url=attempt.url,
        request=attempt.request,
        status=attempt.answer.status,
        error=attempt.answer.error,
        answer=attempt.answer.text,
    )


def _machine_now(work: Work) -> datetime:
    return work.ports.get(BusinessClock).machine_now()
