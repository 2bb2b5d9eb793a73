"""A tie that a party declares by itself: in force at once, judged by the operator, and not brought back by its word."""

from uuid import UUID, uuid4

import httpx
import pytest

from shared.contracts.permissions import Role
from tests.integration.identity.conftest import ENTERPRISE_CODE, PROVIDER_CODE, Office

RECORDED, ENDED = (1, "identity.affiliation_recorded.v1"), (2, "identity.affiliation_ended.v1")
WHY = {"reason": "核对工商登记与双方材料"}
pytestmark = pytest.mark.requirement("R63")


class Pair:
    """An enterprise and a provider of which the former says that they are tied."""

    def __init__(self, office: Office) -> None:
        self.office = office

    async def enter(self) -> None:
        """Both register."""
        self.enterprise = await self.office.party("enterprise", ENTERPRISE_CODE)
        self.provider = await self.office.party("provider", PROVIDER_CODE)

    async def declare(self, *, kind: str = "property_tie") -> httpx.Response:
        """The enterprise says so."""
        body = {
            "organisation_id": str(self.enterprise.id),
            "counterpart_code": PROVIDER_CODE,
            "kind": kind,
            "source": "自行申报",
        }
        return await self.office.post("/affiliations", body, self.office.own(self.enterprise))

    async def judge(self, tie: str, act: str, *, role: Role = Role.OPERATOR_CLERK) -> httpx.Response:
        """Somebody confirms, dismisses or ends it."""
        headers = self.office.headers(role, account_id=uuid4())
        return await self.office.post(f"/affiliations/{tie}/{act}", WHY, headers)

    async def tasks(self) -> list[str]:
        """The ties that the operator is told to judge."""
        found = (await self.office.get("/tasks", self.office.headers(Role.OPERATOR_CLERK))).json()["data"]
        return [task["subject_id"] for task in found if task["kind"] == "affiliation.judge"]

    async def standings(self) -> list[str]:
        """What the other party reads of its ties, newest first."""
        listed = await self.office.get("/affiliations", self.office.own(self.provider))
        return [item["standing"] for item in listed.json()["data"]]

    async def told(self) -> set[str]:
        """What both parties were told last."""
        return {
            (await self.office.get("/notices", self.office.own(party))).json()["data"][0]["text"]
            for party in (self.enterprise, self.provider)
        }


async def pair_of(office: Office) -> Pair:
    """The two, registered."""
    pair = Pair(office)
    await pair.enter()
    return pair


async def test_a_declared_tie_is_in_force_and_a_task_of_the_operator_until_it_is_confirmed(office: Office) -> None:
    pair = await pair_of(office)
    declared = (await pair.declare()).json()
    assert (declared["standing"], declared["version"]) == ("declared", 1)
    assert await pair.tasks() == [declared["id"]]
    confirmed = await pair.judge(declared["id"], "confirm")
    assert (confirmed.status_code, confirmed.json()["standing"], confirmed.json()["version"]) == (200, "confirmed", 1)
    assert await office.facts(UUID(declared["id"])) == [RECORDED]
    assert (await pair.tasks(), await pair.standings()) == ([], ["confirmed"])
    assert await pair.told() == {"与贵单位有关的一项上云企业与云服务商的关联关系已经系统运营方核实确认。"}
    for act in ("confirm", "dismiss"):
        again = await pair.judge(declared["id"], act)
        assert (again.status_code, again.json()["code"]) == (409, "identity.affiliation_judged_already")


async def test_a_dismissed_tie_is_in_force_no_more_and_says_so_by_a_fact(office: Office) -> None:
    pair = await pair_of(office)
    declared = (await pair.declare()).json()
    dismissed = await pair.judge(declared["id"], "dismiss")
    assert (dismissed.status_code, dismissed.json()["standing"]) == (200, "dismissed")
    assert await office.facts(UUID(declared["id"])) == [RECORDED, ENDED]
    assert (await pair.tasks(), await pair.standings()) == ([], ["dismissed"])
    assert await pair.told() == {"与贵单位有关的一项上云企业与云服务商的关联关系已经系统运营方核实驳回。"}
    for act in ("confirm", "dismiss", "end"):
        again = await pair.judge(declared["id"], act)
        assert (again.status_code, again.json()["code"]) == (409, "identity.affiliation_ended_already")


@pytest.mark.parametrize("ending", ["dismiss", "end"])
async def test_a_tie_that_was_dismissed_is_declared_again_and_in_force_only_once_it_is_confirmed(
    office: Office, ending: str
) -> None:
    pair = await pair_of(office)
    first = (await pair.declare()).json()
    assert (await pair.judge(first["id"], ending)).is_success
    again = (await pair.declare()).json()
    assert (again["standing"], again["version"]) == ("repeated", 0)
    assert await office.facts(UUID(again["id"])) == []
    assert all("核实确认后" in text for text in await pair.told())
    assert await pair.tasks() == [again["id"]]
    assert (await pair.declare()).json()["code"] == "identity.affiliation_recorded_already"
    confirmed = await pair.judge(again["id"], "confirm")
    assert (confirmed.json()["standing"], confirmed.json()["version"]) == ("confirmed", 1)
    assert await office.facts(UUID(again["id"])) == [RECORDED]
    assert (await pair.judge(again["id"], "end")).json()["version"] == 2
    assert await office.facts(UUID(again["id"])) == [RECORDED, ENDED]


async def test_a_repeated_tie_that_is_dismissed_was_never_in_force(office: Office) -> None:
    pair = await pair_of(office)
    first = (await pair.declare()).json()
    assert (await pair.judge(first["id"], "dismiss")).is_success
    again = (await pair.declare()).json()
    dismissed = await pair.judge(again["id"], "dismiss")
    assert (dismissed.json()["standing"], dismissed.json()["version"]) == ("dismissed", 0)
    assert await office.facts(UUID(again["id"])) == []
    assert await pair.standings() == ["dismissed", "dismissed"]


async def test_what_the_operator_records_is_in_force_beside_a_repeated_word_and_needs_no_judgement(
    office: Office,
) -> None:
    pair = await pair_of(office)
    first = (await pair.declare()).json()
    assert (await pair.judge(first["id"], "dismiss")).is_success
    again = (await pair.declare()).json()
    body = {
        "organisation_id": str(pair.enterprise.id),
        "counterpart_code": PROVIDER_CODE,
        "kind": "property_tie",
        "source": "工商登记",
    }
    recorded = await office.post("/affiliations", body, office.headers(Role.OPERATOR_CLERK, account_id=uuid4()))
    assert (recorded.status_code, recorded.json()["standing"]) == (201, "confirmed")
    assert await office.facts(UUID(recorded.json()["id"])) == [RECORDED]
    clash = await pair.judge(again["id"], "confirm")
    assert (clash.status_code, clash.json()["code"]) == (409, "identity.affiliation_recorded_already")
    assert (await pair.judge(recorded.json()["id"], "confirm")).json()["code"] == "identity.affiliation_judged_already"


@pytest.mark.parametrize("role", [Role.BUREAU_LEAD, Role.AUDITOR, Role.ENTERPRISE, Role.PROVIDER])
async def test_nobody_but_the_operator_judges_a_declared_tie(office: Office, role: Role) -> None:
    pair = await pair_of(office)
    declared = (await pair.declare()).json()
    for act in ("confirm", "dismiss"):
        assert (await pair.judge(declared["id"], act, role=role)).status_code == 403
    assert await pair.standings() == ["declared"]
