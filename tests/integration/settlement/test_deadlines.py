"""The bureau's questions are answered within three working days: edges of holidays and made-up Saturdays, over HTTP."""

import datetime as dt
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import msgspec
import pytest

from services.settlement.handlers.items import close_windows
from services.settlement.handlers.questions import escalate_questions
from shared.contracts.permissions import Role
from shared.contracts.policy import PolicyPack
from shared.kernel.calendar import BEIJING, CalendarRow, WorkingCalendar
from tests.factories.settlement import NODE, Flow, a_flow


@pytest.fixture
async def flow(fresh_database: Callable[[], str]) -> AsyncIterator[Flow]:
    async with a_flow(fresh_database) as running:
        yield running


# Announced for 2030: Tomb Sweeping is off on Friday 5 April, made up for on Saturday 13 April; Labour Day from
# Wednesday 1 to Friday 3 May, made up for on Sunday 28 April.
ANNOUNCED = [
    *((dt.date(2030, 4, 5), False), (dt.date(2030, 4, 13), True)),
    *((dt.date(2030, 4, 28), True), (dt.date(2030, 5, 1), False), (dt.date(2030, 5, 2), False)),
    (dt.date(2030, 5, 3), False),
]


def beijing(month: int, day: int, hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2030, month, day, hour, minute, tzinfo=BEIJING)


def announce(flow: Flow) -> None:
    """Settlement's pack has the yearly notice of 2030."""
    ports = flow.platform.runtime("settlement").ports
    rows = [CalendarRow(day=day, working=working, source="国办通知") for day, working in ANNOUNCED]
    pack = msgspec.structs.replace(ports.get(PolicyPack))
    pack.__dict__["working_calendar"] = WorkingCalendar.of(rows)
    ports.add(PolicyPack, pack)


# Asked at; the first moment that is late.
EDGES = [
    # Wednesday 3 April: Thursday; Friday is off, then a weekend; Monday, Tuesday the 9th.
    (beijing(4, 3, 10), beijing(4, 10, 0)),
    # Wednesday 10 April, the last minute: Thursday, Friday, and the made-up Saturday the 13th.
    (beijing(4, 10, 23, 59), beijing(4, 14, 0)),
    # Friday 26 April: the made-up Sunday the 28th, Monday, Tuesday the 30th, the last day before the holiday.
    (beijing(4, 26, 9), beijing(5, 1, 0)),
    # Thursday 2 May, within the holiday: nothing until Monday the 6th; Wednesday the 8th.
    (beijing(5, 2, 9), beijing(5, 9, 0)),
]


@pytest.mark.requirement("R81")
async def test_an_answer_is_late_only_after_three_working_days_of_the_announced_calendar(flow: Flow) -> None:
    announce(flow)
    order = await flow.an_order()
    claim = await flow.a_bureau_review([order])
    assert beijing(4, 1, 0) <= NODE
    for asked_at, late_at in EDGES:
        await flow.platform.move_clock(asked_at)
        asked = await flow.call(
            "POST", f"/claims/{claim}/questions", role=Role.BUREAU_OFFICER, json={"text": "请说明用量"}
        )
        question = asked.json()
        assert dt.datetime.fromisoformat(question["due_at"]) == late_at, asked_at
        assert question["due_provisional"] is False
        await flow.platform.move_clock(late_at - dt.timedelta(seconds=30))
        (waiting,) = await flow.tasks(Role.OPERATOR_LEAD)
        assert (waiting["kind"], waiting["overdue"]) == ("answer_question", False), asked_at
        answer = await flow.call(
            "POST", f"/questions/{question['id']}/answer", role=Role.OPERATOR_CLERK, json={"text": "附用量"}
        )
        assert answer.json()["late"] is False
    score = (await flow.call("GET", "/operator-score?year=2030", role=Role.BUREAU_LEAD)).json()
    assert (score["answered_in_time"], score["answered_late"]) == (len(EDGES), 0)


@pytest.mark.requirement("R81")
async def test_the_first_moment_after_a_made_up_saturday_is_late_and_escalated(flow: Flow) -> None:
    announce(flow)
    order = await flow.an_order()
    claim = await flow.a_bureau_review([order])
    asked_at, late_at = EDGES[1]
    await flow.platform.move_clock(asked_at)
    await flow.call("POST", f"/claims/{claim}/questions", role=Role.BUREAU_OFFICER, json={"text": "请说明用量"})
    await flow.platform.move_clock(late_at)
    kinds = {task["kind"]: task["overdue"] for task in await flow.tasks(Role.BUREAU_LEAD)}
    assert kinds == {"late_answer": True}
    assert (await flow.notices(Role.BUREAU_LEAD))[0]["event"] == "question.late"


@pytest.mark.requirement("R81")
async def test_a_timer_that_fires_too_early_does_nothing_but_wait_again(flow: Flow) -> None:
    order, early = await flow.an_order(), await flow.an_order()
    waiting = await flow.an_accepted([early])
    async with flow.platform.runtime("settlement").work() as work:
        await close_windows(work, [waiting])
    assert (await flow.claim(waiting))["state"] == "accepted"
    claim = await flow.a_bureau_review([order])
    asked = await flow.call("POST", f"/claims/{claim}/questions", role=Role.BUREAU_OFFICER, json={"text": "用量？"})
    question = asked.json()["id"]
    async with flow.platform.runtime("settlement").work() as work:
        await escalate_questions(work, [UUID(question)])
    (listed,) = (await flow.call("GET", f"/questions?claim_id={claim}", role=Role.BUREAU_OFFICER)).json()["data"]
    assert (listed["late"], listed["escalated_at"]) == (False, None)
    due_at = dt.datetime.fromisoformat(asked.json()["due_at"])
    await flow.platform.move_clock(due_at)
    (listed,) = (await flow.call("GET", f"/questions?claim_id={claim}", role=Role.BUREAU_OFFICER)).json()["data"]
    assert listed["late"] is True
