"""Each condition of a trade at each act, as the table of ADR 0021 says: broken after the order stands, then tried."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from services.order.domain.terms import ASKED, Act, PartyCondition
from services.order.service import SERVICE
from shared.contracts.messages.base import Command
from shared.contracts.messages.identity import AffiliationRecorded
from shared.contracts.messages.settlement import ClaimSubmitted, RefuseItem
from shared.contracts.messages.voucher import QuotaMoved
from shared.contracts.permissions import Role
from shared.contracts.policy import PolicyPack
from shared.kernel.calendar import business_date, year_closes_at
from shared.runtime.schedule import scheduler
from tests.factories.harness import Platform, open_platform, repository
from tests.factories.trade import CREDIT_CODES, EPOCH, Market, a_party, listeners

ADR = repository() / "docs/adr/0021-conditions-at-each-act.md"
ROW = re.compile(r"^\| (?P<condition>[^|]+) \| (?P<codes>order\.[^|]+) \|(?P<cells>( (yes|no|-) \|){6})$")
ACTS = ("quote", "place", "confirm", "consent", "deliver", "claim")


@dataclass(frozen=True, slots=True)
class Row:
    """One condition of the table: its refusals, and whether each act asks for it (None: there is nothing to ask)."""

    condition: str
    codes: frozenset[str]
    asked: Mapping[str, bool | None]


def rows() -> Iterator[Row]:
    """The table as it is written."""
    words = {"yes": True, "no": False, "-": None}
    for line in ADR.read_text(encoding="utf-8").splitlines():
        found = ROW.match(line)
        if found:
            cells = [words[cell.strip()] for cell in found["cells"].strip("|").split("|")]
            yield Row(found["condition"], frozenset(found["codes"].split(" / ")), dict(zip(ACTS, cells, strict=True)))


# What breaks each condition, by the beginning of its row.


async def no_enterprise(market: Market) -> None:
    await market.feed_party(market.enterprise_id, a_party("enterprise", authenticated=False))


async def enterprise_stopped(market: Market) -> None:
    await market.feed_party(market.enterprise_id, a_party("enterprise", suspended_since=EPOCH, blacklisted=True))


async def no_provider(market: Market) -> None:
    await market.feed_party(market.provider_id, a_party("provider", authenticated=False))


async def provider_stopped(market: Market) -> None:
    await market.feed_party(market.provider_id, a_party("provider", suspended_since=EPOCH))


async def tied(market: Market) -> None:
    await record_tie(market, "property_tie")


async def not_recognised(market: Market) -> None:
    await market.feed_party(market.provider_id, a_party("provider", recognised=False))


async def grown(market: Market) -> None:
    pack = market.platform.runtime("order").ports.get(PolicyPack)
    set_pack(market.platform, msgspec.structs.replace(pack, limited_to_small_firms=True))
    await market.feed_party(market.enterprise_id, a_party("enterprise", size_class="large"))


async def delisted(market: Market) -> None:
    await market.delist(effective_at=EPOCH)


async def own_cost_only(market: Market) -> None:
    """A pack that supports no class of products any more."""
    pack = market.platform.runtime("order").ports.get(PolicyPack)
    set_pack(market.platform, msgspec.structs.replace(pack, classes=()))


async def new_edition(market: Market) -> None:
    await market.feed_product(market.product_id, edition=2)


async def new_agreement(market: Market) -> None:
    pack = market.platform.runtime("order").ports.get(PolicyPack)
    agreement = msgspec.structs.replace(pack.agreement, version="9.9.9")
    set_pack(market.platform, msgspec.structs.replace(pack, agreement=agreement))


async def year_over(market: Market) -> None:
    now = market.platform.runtime("order").clock.now()
    runtime = market.platform.runtime("order")
    async with runtime.pool.acquire() as connection:
        offset = await runtime.clock.move_to(connection, target=year_closes_at(business_date(now).year))
    runtime.clock.take(offset)


async def nothing_left(market: Market) -> None:
    await market.platform.feed(a_balance(market, available_fen=0, version=2))


BREAKS: Mapping[str, Callable[[Market], Awaitable[None]]] = {
    "the enterprise is authenticated": no_enterprise,
    "the enterprise is not suspended": enterprise_stopped,
    "the provider is authenticated": no_provider,
    "the provider is not suspended": provider_stopped,
    "the two are not tied": tied,
    "the provider is recognised": not_recognised,
    "the enterprise is a small firm": grown,
    "the product is on offer": delisted,
    "the edition is the current one": new_edition,
    "the agreement is the one in force": new_agreement,
    "a product of it takes vouchers": own_cost_only,
    "the copy of the balance": nothing_left,
    # Last: it moves the clock of all.
    "the year of the voucher": year_over,
}


async def record_tie(market: Market, kind: str) -> None:
    """A tie between the two parties."""
    await market.platform.feed(
        AffiliationRecorded(
            version=0,
            affiliation_id=uuid4(),
            enterprise_id=market.enterprise_id,
            provider_id=market.provider_id,
            kind=kind,
        )
    )


def a_balance(market: Market, *, available_fen: int, version: int) -> QuotaMoved:
    """What is left to the enterprise."""
    names = ("held", "committed", "claimed", "redeemed", "taken_back")
    return QuotaMoved(
        version=version,
        quota_account_id=market.account_id,  # type: ignore[attr-defined]
        enterprise_id=market.enterprise_id,
        year=business_date(market.platform.runtime("order").clock.now()).year,
        movement="hold",
        amount_fen=1,
        available_fen=available_fen,
        **{f"{name}_fen": 0 for name in names},
    )


def set_pack(platform: Platform, pack: PolicyPack) -> None:
    """Another pack in force."""
    platform.runtime("order").ports.add(PolicyPack, pack)


@contextmanager
def pack_kept(platform: Platform) -> Iterator[None]:
    """The pack as it was, at the end."""
    before = platform.runtime("order").ports.get(PolicyPack)
    yield
    set_pack(platform, before)


class Case(Market):
    """A market of its own for one cell, with an order as far as its act needs it."""

    account_id: UUID
    order_id: UUID

    async def begin(self, act: str) -> "Case":
        """Parties, product, quota, and an order for the acts that have one."""
        self.account_id = uuid4()
        await self.feed_party(self.enterprise_id, a_party("enterprise", size_class="small"))
        await self.feed_party(self.provider_id, a_party("provider"))
        await self.feed_product(self.product_id)
        await self.platform.feed(a_balance(self, available_fen=5_000_000, version=1))
        if act == "confirm":
            self.order_id = await self.awaiting()
        elif act in {"consent", "deliver", "claim"}:
            self.order_id = await self.confirmed()
        if act == "consent":
            body = {"lines": [1], "reason": "不再需要"}
            asked = await self.post(f"/orders/{self.order_id}/refund-requests", Role.ENTERPRISE, body=body)
            assert asked.status_code == 201, asked.text
        return self

    async def do(self, act: str) -> str:
        """The act; the code of its refusal, or nothing."""
        if act == "claim":
            return await self._claim()
        day = business_date(self.platform.runtime("order").clock.now()).isoformat()
        body = self.order_body()
        path, role, sent = {
            "quote": ("/quotes", Role.ENTERPRISE, {"lines": body["lines"], "voucher": "max"}),
            "place": ("/orders", Role.ENTERPRISE, body),
            "confirm": (f"/orders/{self._id}/confirm", Role.PROVIDER, {}),
            "consent": (f"/orders/{self._id}/refund/consent", Role.PROVIDER, {}),
            "deliver": (f"/orders/{self._id}/deliveries", Role.PROVIDER, {"delivered_on": day}),
        }[act]
        answer = await self.post(path, role, body=sent)
        assert answer.status_code < 500, answer.text
        return "" if answer.is_success else str(answer.json()["code"])

    @property
    def _id(self) -> UUID | None:
        return getattr(self, "order_id", None)

    async def _claim(self) -> str:
        claim_id = uuid4()
        await self.platform.feed(
            ClaimSubmitted(
                version=0,
                claim_id=claim_id,
                provider_id=self.provider_id,
                order_ids=(self.order_id,),
                window_closes_on=date(2030, 3, 31),
            )
        )
        if (await self.order(self.order_id))["state"] == "claimed":
            return ""
        async with asyncio.timeout(20):
            while True:
                refused = [item for item in await self.asked(RefuseItem) if item.claim_id == claim_id]
                if refused:
                    return str(refused[0].code)
                await asyncio.sleep(0.02)


@asynccontextmanager
async def still_platform(
    fresh_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Platform, list[Command]]]:
    """Order, with nothing that ends orders by itself before the act can be tried."""
    monkeypatch.setattr(scheduler, "_ANY_DUE", "SELECT $1::timestamptz IS NULL")
    heard: list[Command] = []
    async with open_platform([replace(SERVICE, jobs=()), *listeners(heard)], fresh_database) as platform:
        yield platform, heard


@pytest.mark.requirement("R63")
async def test_each_act_asks_for_exactly_the_conditions_that_the_written_table_names(
    fresh_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {row.condition: row for row in rows()}
    wrong: list[str] = []
    tried = 0
    async with still_platform(fresh_database, monkeypatch) as (platform, heard):
        for beginning, breaks in BREAKS.items():
            (row,) = [row for name, row in table.items() if name.startswith(beginning)]
            for act, asked in row.asked.items():
                if asked is None:
                    continue
                case = await Case(platform, heard).begin(act)
                with pack_kept(platform):
                    await breaks(case)
                    code = await case.do(act)
                tried += 1
                if (asked and code not in row.codes) or (not asked and code):
                    wrong.append(f"{row.condition} at {act}: {code or 'done'}")
    assert wrong == []
    assert len(table) == len(BREAKS)
    assert tried == 75


async def test_the_code_of_the_service_holds_the_written_table() -> None:
    names = {
        PartyCondition.ENTERPRISE_AUTHENTICATED: "order.enterprise_not_authenticated",
        PartyCondition.ENTERPRISE_ACTIVE: "order.enterprise_suspended",
        PartyCondition.PROVIDER_AUTHENTICATED: "order.provider_not_authenticated",
        PartyCondition.PROVIDER_ACTIVE: "order.provider_suspended",
        PartyCondition.NOT_TIED: "order.parties_affiliated",
        PartyCondition.PROVIDER_RECOGNISED: "order.provider_not_recognised",
        PartyCondition.SMALL_FIRM: "order.enterprise_not_small",
        PartyCondition.ON_OFFER: "order.product_delisted",
    }
    written = {code: {act for act, asked in row.asked.items() if asked} for row in rows() for code in row.codes}
    assert {condition: {act.value for act in acts} for condition, acts in ASKED.items()} == {
        condition: written[code] for condition, code in names.items()
    }
    assert {act.value for act in Act} == set(ACTS)


@pytest.mark.requirement("R63")
async def test_parties_of_one_code_never_trade_whatever_was_recorded(market: Market) -> None:
    one = CREDIT_CODES["enterprise"]
    order_id = await market.awaiting()
    confirmed = await market.confirmed()
    # The last place is computed from the others: a code with another one, taken in by an override, is the same body.
    await market.feed_party(market.provider_id, a_party("provider", credit_code=f"{one[:17]}A"))
    body = market.order_body(voucher="none")
    answers = [
        await market.post("/quotes", Role.ENTERPRISE, body={"lines": body["lines"], "voucher": "none"}),
        await market.post("/orders", Role.ENTERPRISE, body=body),
        await market.post(f"/orders/{order_id}/confirm", Role.PROVIDER),
    ]
    assert [answer.json()["code"] for answer in answers] == ["order.parties_affiliated"] * 3
    assert "同一统一社会信用代码主体" in answers[0].json()["detail"]
    claim_id = uuid4()
    await market.platform.feed(
        ClaimSubmitted(
            version=0,
            claim_id=claim_id,
            provider_id=market.provider_id,
            order_ids=(confirmed,),
            window_closes_on=date(2030, 3, 31),
        )
    )
    (item,) = await market.asked(RefuseItem)
    assert (item.code, item.article) == ("order.parties_affiliated", "A13(4)")
    assert "同一统一社会信用代码主体" in item.detail
    assert (await market.order(confirmed))["state"] == "confirmed"


async def test_two_codes_that_are_not_known_are_not_one_code(market: Market) -> None:
    for organisation_id, kind in ((market.enterprise_id, "enterprise"), (market.provider_id, "provider")):
        await market.feed_party(organisation_id, a_party(kind, credit_code=""))
    assert (await market.post("/orders", Role.ENTERPRISE, body=market.order_body())).status_code == 201


@pytest.mark.requirement("R63")
async def test_a_tie_that_is_recorded_while_an_order_waits_ends_it_and_both_are_told(market: Market) -> None:
    waiting, other = await market.awaiting(), await market.confirmed()
    await record_tie(market, "joint_establishment")
    await market.until(f"SELECT 1 FROM cloud_order WHERE id = '{waiting}' AND state = 'cancelled'")  # noqa: S608 - an id
    assert (await market.order(waiting))["reason"] == "affiliated"
    assert (await market.order(other))["state"] == "confirmed"
    notices = await market.rows("SELECT recipient, article FROM notice WHERE event = 'order.cancelled'")
    assert {notice["recipient"] for notice in notices} == {f"org:{market.enterprise_id}", f"org:{market.provider_id}"}
    assert {notice["article"] for notice in notices} == {"A13(4)"}


@pytest.mark.requirement("R63")
async def test_reviewers_read_in_the_orders_history_why_a_confirmation_and_a_claim_were_refused(
    fresh_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with still_platform(fresh_database, monkeypatch) as (platform, heard):
        for act in ("confirm", "claim"):
            case = await Case(platform, heard).begin(act)
            await record_tie(case, "subordination")
            assert await case.do(act) == "order.parties_affiliated"
            history = (await case.get(f"/orders/{case.order_id}/history", Role.OPERATOR_CLERK)).json()["data"][::-1]
            (refused,) = [item for item in history if item["name"] == f"order.{act}_refused"]
            assert refused["rule"] == "A13(4)"
            assert "隶属关系" in refused["ground"]


async def test_a_suspension_that_lies_ahead_refuses_nothing_before_its_moment(market: Market) -> None:
    order_id = await market.awaiting()
    ahead = datetime(2100, 1, 1, tzinfo=UTC)
    changes: dict[str, Any] = {"suspended_since": ahead}
    await market.feed_party(market.provider_id, a_party("provider", **changes))
    assert (await market.post(f"/orders/{order_id}/confirm", Role.PROVIDER)).status_code == 200
