"""Replies of several kinds reach their orchestrator in one group, each read as what it is."""

from uuid import uuid4

import msgspec

from shared.contracts.messages.base import Event
from shared.contracts.messages.voucher import VoucherCommitted, VoucherReleased, VoucherReply
from shared.runtime.messaging.routing import Routes, by_handler
from shared.runtime.service.service import SagaReply
from shared.runtime.unit_of_work.work import Work


async def conduct(work: Work, replies: list[SagaReply]) -> None:
    """An orchestrator's handler."""
    del work, replies


def reply_event(reply: VoucherReply) -> Event:
    """A reply as it arrives."""
    return Event(
        id=uuid4(),
        source="voucher",
        type=reply.type_name(),
        subject=reply.order_id,
        time="",
        sequence=2,
        data=msgspec.Raw(msgspec.json.encode(reply)),
    )


def test_replies_in_one_group_are_each_read_as_their_own_kind() -> None:
    """Kinds with the same fields decode as one another, so reading a group with its first kind would go unnoticed."""
    routes = Routes({VoucherReleased: conduct, VoucherCommitted: conduct})
    said = [VoucherReleased(order_id=uuid4(), amount_fen=1), VoucherCommitted(order_id=uuid4(), amount_fen=2)]
    [(_, group)] = by_handler([reply_event(reply) for reply in said], routes)
    read = [routes.read(event) for event in group]
    assert [message.reply for message in read if isinstance(message, SagaReply)] == said
