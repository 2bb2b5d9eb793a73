"""Replies of voucher and settlement, set-based: lock the orders, step each saga, write all."""

from collections.abc import Callable, Sequence
from functools import partial

import structlog

from services.order.domain.saga import Answered
from services.order.handlers.effects import signal
from services.order.handlers.orders import OrderBatch
from shared.contracts.messages.base import Refused
from shared.runtime.service import SagaReply
from shared.runtime.work import Work

log = structlog.get_logger()


async def take_replies(work: Work, replies: Sequence[SagaReply]) -> None:
    """Step the saga of each reply."""
    batch = await OrderBatch.of_sagas(work, [reply.saga_id for reply in replies])

    def say(level: Callable[..., object], event: str, **facts: object) -> None:
        # A batch may run twice; what is logged is what was committed.
        work.after_commit.append(partial(level, event, **facts))

    for reply in replies:
        saga = batch.saga(reply.saga_id)
        if saga is None:
            say(log.error, "saga.unknown", saga_id=str(reply.saga_id), reply=reply.reply.name)
            continue
        if reply.number == saga.number and saga.pending is not None and reply.sender != saga.pending.target():
            say(log.error, "saga.foreign_reply", saga_id=str(saga.id), number=reply.number, sender=reply.sender)
            continue
        after = signal(batch, saga, Answered(number=reply.number, reply=reply.reply))
        if after.late > saga.late:
            say(log.warning, "saga.late_reply", saga_id=str(saga.id), number=reply.number, reply=reply.reply.name)
        elif isinstance(reply.reply, Refused) and after.pending is not None and after.number == saga.number:
            code, state = reply.reply.code, after.state.value
            say(log.error, "saga.refused_after_pivot", saga_id=str(saga.id), code=code, state=state)
    batch.write()
