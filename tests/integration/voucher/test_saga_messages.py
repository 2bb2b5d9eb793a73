"""The same commands as messages: over the bus, with replies, doubled and racing."""

import asyncio
from uuid import UUID, uuid4

import msgspec

from services.voucher.handlers import ledger
from shared.contracts.messages.base import Command, Event
from shared.contracts.messages.voucher import CommitVoucher, HoldVoucher, LineAmount, RefundVoucher, ReleaseVoucher
from shared.contracts.permissions import Role
from shared.kernel.refusals import Refusal
from shared.runtime.bus.base import command_key
from shared.runtime.database.sql import is_transient
from tests.integration.voucher.conftest import YEAR, Voucher


def _event(command: Command, *, saga: UUID, number: int) -> Event:
    return Event(
        id=uuid4(), source="order", type=command.type_name(), subject=saga, time="", sequence=number,
        data=msgspec.Raw(msgspec.json.encode(command)), replyto="order",
    )  # fmt: skip


async def _granted(voucher: Voucher, amount_fen: int) -> UUID:
    ticket = await voucher.ticket(await voucher.plan(10_000_000), amount_fen)
    await voucher.post(f"/applications/{ticket['id']}/grant", {}, Role.OPERATOR_CLERK)
    return UUID(ticket["enterprise_id"])


def _hold(order_id: UUID, enterprise_id: UUID, amount_fen: int) -> HoldVoucher:
    line = LineAmount(line=1, amount_fen=amount_fen)
    return HoldVoucher(order_id=order_id, enterprise_id=enterprise_id, year=YEAR, lines=(line,))


async def test_a_hold_by_message_is_carried_out_once_however_often_it_comes(voucher: Voucher) -> None:
    enterprise_id = await _granted(voucher, 1_000)
    saga, other = uuid4(), uuid4()
    hold = _hold(saga, enterprise_id, 600)
    first = _event(hold, saga=saga, number=1)
    too_much = _event(_hold(other, enterprise_id, 600), saga=other, number=1)
    await voucher.platform.publish(
        "order", command_key("order", "voucher"), [first, first, _event(hold, saga=saga, number=1), too_much]
    )
    account = (await voucher.rows("SELECT * FROM quota_account"))[0]
    assert (account["available_fen"], account["held_fen"]) == (400, 600)
    states = await voucher.rows("SELECT state FROM hold ORDER BY state")
    assert [row["state"] for row in states] == ["held", "refused"]
    await voucher.runtime.pool.execute("DELETE FROM outbox WHERE routing_key LIKE '%order%'")


async def test_a_refund_that_comes_with_its_commit_among_others_is_carried_out_after_it(voucher: Voucher) -> None:
    enterprise_id = await _granted(voucher, 1_000)
    orders = [uuid4(), uuid4()]
    holds = [_event(_hold(order_id, enterprise_id, 100), saga=order_id, number=1) for order_id in orders]
    commits = [_event(CommitVoucher(order_id=order_id), saga=order_id, number=2) for order_id in orders]
    refunds = [_event(RefundVoucher(order_id=order_id, lines=(1,)), saga=uuid4(), number=1) for order_id in orders]
    key = command_key("order", "voucher")
    await voucher.platform.publish("order", key, [*holds, commits[0]])
    # What has piled up behind a fault: the first order's refund stands before the second one's commit.
    await voucher.platform.publish("order", key, [refunds[0], commits[1], refunds[1]])
    assert await voucher.value("SELECT committed_fen FROM quota_account") == 0
    assert await voucher.value("SELECT available_fen FROM quota_account") == 1_000
    await voucher.runtime.pool.execute("DELETE FROM outbox WHERE routing_key LIKE '%order%'")


async def test_a_hold_and_its_release_that_race_leave_nothing_held(voucher: Voucher) -> None:
    enterprise_id = await _granted(voucher, 1_000)

    async def run(handler: object, command: Command) -> object:
        for _ in range(10):
            try:
                async with voucher.runtime.work() as work:
                    return (await handler(work, [command]))[0]  # type: ignore[operator]
            except Exception as error:
                if not is_transient(error):
                    raise
        raise AssertionError("the race was not settled in ten tries")

    for _ in range(15):
        order_id = uuid4()
        held, released = await asyncio.gather(
            run(ledger.run_commands, _hold(order_id, enterprise_id, 700)),
            run(ledger.run_commands, ReleaseVoucher(order_id=order_id, reason="timeout")),
        )
        assert not isinstance(released, Refusal)
        state = await voucher.value("SELECT state FROM hold WHERE order_id = $1", order_id)
        assert state == ("closed" if isinstance(held, Refusal) else "released")
    assert await voucher.value("SELECT held_fen FROM quota_account") == 0
