"""Every timer of every service: fired early it does nothing and waits on, fired at its moment it acts."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from services.identity.store.accounts import SignInAccount, add_account
from shared.contracts.messages.catalog import ProductDelisted
from shared.contracts.messages.identity import AccountOpened, OrganisationSuspended
from shared.contracts.permissions import Role
from shared.runtime.service.runtime import Runtime
from tests.factories.deadlines import LAPSE_TIMERS
from tests.factories.world import SERVICES, World, a_party, open_world

Databases = Mapping[str, str]

# What a timer's act leaves behind in its own service: facts, decisions, notices and messages.
_LEFT_BEHIND = """
SELECT (SELECT count(*) FROM fact) + (SELECT count(*) FROM decision) + (SELECT count(*) FROM notice)
    + (SELECT count(*) FROM outbox)
"""
_DUE_AT = "SELECT due_at FROM timer WHERE kind = $1 AND key = $2"
_FIRED = "DELETE FROM timer WHERE kind = $1 AND key = $2"


async def unconfirmed_order(world: World) -> UUID:
    """An order that its provider has time to confirm (Q11)."""
    return await world.awaiting(1_000)


async def unanswered_refund(world: World) -> UUID:
    """A refund request that its provider has time to answer (Q11)."""
    order_id = await world.confirmed(1_000)
    assert (await world.request_refund(order_id, 1)).is_success
    return order_id


async def enterprise_suspended_next_week(world: World) -> UUID:
    """An enterprise with an open order, whose suspension takes effect in a week (Q18)."""
    await world.awaiting(1_000)
    party = msgspec.structs.replace(a_party("enterprise"), suspended_since=world.now + timedelta(days=7))
    async with world.platform.runtime("identity").work() as work:
        work.emit(OrganisationSuspended(version=2, organisation_id=world.enterprise_id, party=party))
    await world.until("order", "SELECT count(*) = 1 FROM timer WHERE key = $1", world.enterprise_id)
    return world.enterprise_id


async def product_delisted_next_week(world: World) -> UUID:
    """A product with an open order, which is off offer in a week (A12)."""
    await world.awaiting(1_000)
    effective_at = world.now + timedelta(days=7)
    async with world.platform.runtime("catalog").work() as work:
        work.emit(
            ProductDelisted(
                version=2,
                product_id=world.product_id,
                provider_id=world.provider_id,
                effective_at=effective_at,
                ground="G5",
            )
        )
    await world.until("order", "SELECT count(*) = 1 FROM timer WHERE key = $1", world.product_id)
    return world.product_id


async def claim_before_its_node(world: World) -> UUID:
    """An accepted claim that waits for its window to close (A22)."""
    return await world.claimed(await world.confirmed(1_000))


async def unanswered_question(world: World) -> UUID:
    """A question of the bureau that the operator has three working days to answer (A25)."""
    claim_id = await world.claimed(await world.confirmed(1_000))
    await world.reviewed(claim_id)
    asked = await world.done(
        f"settlement/claims/{claim_id}/questions", Role.BUREAU_OFFICER, {"text": "请补充说明使用情况"}
    )
    return UUID(asked["id"])


async def published_plan(world: World) -> UUID:
    """A plan whose year runs (Q5)."""
    return world.plan_id


async def operator_designated_for_a_week(world: World) -> UUID:
    """A designation that ends in a week (A4)."""
    body = {
        "operator_name": "云上贵州系统运营公司",
        "act": "黔数〔2018〕53号",
        "starts_at": world.now.isoformat(),
        "ends_at": (world.now + timedelta(days=7)).isoformat(),
    }
    made = await world.done("identity/designations", Role.BUREAU_LEAD, body)
    async with world.platform.runtime("identity").work() as work:
        account_id = work.new_id()
        clerk = SignInAccount(
            id=account_id,
            sign_in_name=f"clerk-{account_id.hex[-8:]}",
            password_hash="",
            organisation_id=None,
            designation_id=UUID(made["id"]),
            roles=[Role.OPERATOR_CLERK.value],
            region=None,
            display_name="经办人员",
            state="active",
            opened_at=work.now,
            version=1,
        )
        await add_account(work, clerk)
        work.emit(AccountOpened(version=1, account_id=account_id, organisation_id=None, roles=tuple(clerk.roles)))
    return UUID(made["id"])


Prepared = Callable[[World], Awaitable[UUID]]
CASES: Mapping[tuple[str, str], Prepared] = {
    ("order", "confirm_timeout"): unconfirmed_order,
    ("order", "refund_silence"): unanswered_refund,
    ("order", "suspension"): enterprise_suspended_next_week,
    ("order", "delisting"): product_delisted_next_week,
    ("settlement", "window_closes"): claim_before_its_node,
    ("settlement", "question_due"): unanswered_question,
    ("voucher", "voucher.year_end"): published_plan,
    ("identity", "designation_ends"): operator_designated_for_a_week,
}


# The timers of proposals have theirs in tests/integration/security/test_proposals_lapse.py.
AT_ONCE = {("order", "affiliation"): "due when it is set: the tie that ends the orders is known already"}


def test_every_timer_of_every_service_has_a_case_or_is_due_at_once() -> None:
    assert {*CASES, *AT_ONCE, *LAPSE_TIMERS.values()} == {
        (service.name, kind) for service in SERVICES for kind in service.timers
    }


@pytest.mark.parametrize(("service", "kind"), CASES)
async def test_a_timer_fired_early_does_nothing_and_waits_for_its_moment(
    databases: Databases, service: str, kind: str
) -> None:
    async with open_world(databases) as world:
        await world.begin_year(granted_fen=10_000)
        key = await CASES[service, kind](world)
        await world.rest()
        runtime = world.platform.runtime(service)
        due_at, before = await due_and_left(runtime, kind, key)
        assert due_at is not None
        assert due_at > world.now
        async with runtime.work() as work:
            await work.connection.execute(_FIRED, kind, key)
            await runtime.service.timers[kind](work, [key])
        assert await due_and_left(runtime, kind, key) == (due_at, before)


@pytest.mark.parametrize(("service", "kind"), CASES)
async def test_a_timer_acts_at_its_moment(broken_databases: Databases, service: str, kind: str) -> None:
    async with open_world(broken_databases) as world:
        await world.begin_year(granted_fen=10_000)
        key = await CASES[service, kind](world)
        await world.rest()
        runtime = world.platform.runtime(service)
        due_at, before = await due_and_left(runtime, kind, key)
        assert due_at is not None
        await world.move_clock(due_at)
        await world.until(service, "SELECT NOT EXISTS (SELECT FROM timer WHERE kind = $1 AND key = $2)", kind, key)
        await world.rest()
        _, after = await due_and_left(runtime, kind, key)
        assert after > before


async def due_and_left(runtime: Runtime, kind: str, key: UUID) -> tuple[datetime | None, int]:
    """When the timer is due, and how much its service has said so far."""
    async with runtime.reading() as connection:
        return await connection.fetchval(_DUE_AT, kind, key), await connection.fetchval(_LEFT_BEHIND)
