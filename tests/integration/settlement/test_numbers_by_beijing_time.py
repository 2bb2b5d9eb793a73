"""Claims and requests are numbered by Beijing's year, eight hours of every year another one than UTC's (A22, A24)."""

import datetime as dt
from collections.abc import AsyncIterator, Callable

import pytest

from shared.contracts.permissions import Role
from shared.kernel.calendar import year_closes_at
from tests.factories.settlement import Flow, a_flow

# 00:30 in Beijing, and half past four in the afternoon of 31 December in UTC.
NEW_YEAR = year_closes_at(2030) + dt.timedelta(minutes=30)


@pytest.fixture
async def flow(fresh_database: Callable[[], str]) -> AsyncIterator[Flow]:
    async with a_flow(fresh_database) as running:
        yield running


@pytest.mark.requirement("R76")
async def test_a_claim_of_the_first_hours_of_january_is_numbered_in_the_new_year_everywhere(flow: Flow) -> None:
    assert NEW_YEAR.year == 2030
    await flow.platform.move_clock(NEW_YEAR)
    order = await flow.an_order(year=2031)
    drafted = await flow.call("POST", "/claims", json={"order_ids": [str(order)]})
    number = drafted.json()["number"]
    assert "2031" in number
    claim_id = drafted.json()["id"]
    assert (await flow.claim(claim_id))["number"] == number
    (task,) = await flow.tasks(Role.PROVIDER)
    assert number in task["title"]
    await flow.evidence(claim_id, [order])
    assert (await flow.submit(claim_id)).json()["number"] == number
    await flow.open(claim_id, order)
    assert all(number in notice["text"] for notice in await flow.notices(Role.PROVIDER))
    assert await flow.notices(Role.PROVIDER) != []


@pytest.mark.requirement("R79")
async def test_a_request_of_the_first_hours_of_january_is_numbered_in_the_new_year_and_its_claim_in_the_old_one(
    flow: Flow,
) -> None:
    claim_id = await flow.a_passed([await flow.an_order()])
    assert "2030" in (await flow.claim(claim_id))["number"]
    await flow.platform.move_clock(NEW_YEAR)
    body = {"claim_ids": [str(claim_id)], "declaration_version": "1.0.0"}
    requested = (await flow.call("POST", "/appropriations", json=body)).json()
    assert "2031" in requested["number"]
    read = await flow.call("GET", f"/appropriations/{requested['id']}", role=Role.BUREAU_LEAD)
    assert read.json()["number"] == requested["number"]
    (task,) = await flow.tasks(Role.BUREAU_LEAD)
    assert requested["number"] in task["title"]
    (notice, *_) = await flow.notices(Role.BUREAU_LEAD)
    assert requested["number"] in notice["text"]
