"""One body, one authenticated party of each kind: also when two are approved at the same moment."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from shared.contracts.permissions import Role
from tests.integration.identity.conftest import ENTERPRISE_CODE, OTHER_ENTERPRISE_CODE, Office, Party

ANOTHER_LAST_PLACE = ENTERPRISE_CODE[:17] + "A"
_AUTHENTICATE = "UPDATE organisation SET state = 'authenticated', body_held = left(credit_code, 17) WHERE id = $1"


async def two_of_one_body(office: Office) -> tuple[Party, Party]:
    """Two enterprises that have handed in, whose codes differ in the last place alone."""
    parties = [await office.party("enterprise", code) for code in (ENTERPRISE_CODE, OTHER_ENTERPRISE_CODE)]
    for party in parties:
        await office.upload_all(party)
        assert (await office.submit(party)).status_code == 200
    async with office.platform.runtime("identity").work() as work:
        await work.connection.execute(
            "UPDATE organisation SET credit_code = $2 WHERE id = $1", parties[1].id, ANOTHER_LAST_PLACE
        )
    return parties[0], parties[1]


@pytest.mark.requirement("R60")
async def test_of_two_approvals_at_once_for_one_body_one_passes(office: Office) -> None:
    first, second = await two_of_one_body(office)
    answers = await asyncio.gather(office.approve(first), office.approve(second))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [refused] = [answer for answer in answers if answer.status_code == 409]
    assert refused.json()["code"] in {"identity.credit_code_registered", "identity.authentication_not_open"}
    rows = await office.fetch("SELECT body_held FROM organisation WHERE state = 'authenticated'")
    assert [row["body_held"] for row in rows] == [ENTERPRISE_CODE[:17]]


async def locks_waited_for(office: Office) -> int:
    [row] = await office.fetch("SELECT count(*) FROM pg_locks WHERE NOT granted")
    return int(row["count"])


async def test_the_database_lets_no_second_transaction_hold_a_body(office: Office) -> None:
    """Whatever forgets to lock or to look: of two transactions that are open at once the second one fails."""
    first, second = await two_of_one_body(office)
    pool = office.platform.runtime("identity").pool

    async def authenticate(party_id: UUID, connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            await connection.execute(_AUTHENTICATE, party_id)

    async with pool.acquire() as one, pool.acquire() as two:
        begun = one.transaction()
        await begun.start()
        await one.execute(_AUTHENTICATE, first.id)
        waiting = asyncio.create_task(authenticate(second.id, two))
        async with asyncio.timeout(20):
            while not waiting.done() and not await locks_waited_for(office):  # noqa: ASYNC110 - the database is awaited
                await asyncio.sleep(0.01)
        await begun.commit()
        with pytest.raises(asyncpg.UniqueViolationError):
            await waiting
    assert (await office.approve(second)).json()["code"] == "identity.credit_code_registered"


@pytest.mark.requirement("R63")
async def test_a_tie_finds_its_counterpart_whatever_last_place_it_registered(office: Office) -> None:
    """A last place that fails its check is registered with evidence; who declares the tie writes the right one."""
    enterprise = await office.party("enterprise", OTHER_ENTERPRISE_CODE)
    provider = await office.party("provider", ANOTHER_LAST_PLACE, check_override="与执照一致")
    body = {
        "organisation_id": str(enterprise.id),
        "counterpart_code": ENTERPRISE_CODE,
        "kind": "property_tie",
        "source": "股权查询",
    }
    recorded = await office.post("/affiliations", body, office.headers(Role.OPERATOR_CLERK))
    assert (recorded.status_code, recorded.json().get("provider_id")) == (201, str(provider.id)), recorded.text
