"""Order's sagas ask a restored participant again for what is on record as answered, some thousand orders at a time.

All orders are walked once. Whatever is asked of those of one window is waited for before the next one begins, so what
is remembered does not grow with what was lost.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from operations.commands.base import Call
from operations.differences import LISTED_MAX
from operations.journal import record
from operations.orders import Dossier, dossiers, these
from operations.places import Database, Estate
from operations.recovery import Sagas, Sending, needs_fen, settlement_commands, voucher_commands
from operations.walks import counted, read_keys
from shared.kernel.calendar import year_closes_at

SENT_MAX = 500
WINDOW = 5_000
"""Orders of which something is asked before the answers are waited for."""
STALLED_MAX = 20
PAUSE_S = 0.25
PLANS: Mapping[str, Callable[[Dossier, Sagas], list[Sending]]] = {
    "voucher": voucher_commands,
    "settlement": settlement_commands,
}

_SAGAS = """
WITH s AS (
    SELECT * FROM saga WHERE id = ANY($1::uuid[]) AND kind = 'purchase'
    UNION ALL SELECT * FROM saga WHERE order_id = ANY($1::uuid[]) AND kind <> 'purchase'
)
SELECT s.id, s.kind, s.order_id, s.state, s.number, s.claim_id, s.paid_fen, r.lines
FROM s LEFT JOIN refund r ON r.id = s.id ORDER BY s.id
"""
_AVAILABLE = """
SELECT a.enterprise_id, a.year, a.available_fen, a.closed FROM quota_account a
JOIN unnest($1::uuid[], $2::int[]) AS k(enterprise_id, year)
  ON a.enterprise_id = k.enterprise_id AND a.year = k.year
"""
Owner: TypeAlias = tuple[UUID, int]
"""An enterprise and a year: whose account it is."""
_Key: TypeAlias = tuple[UUID, int, str]


class Asking:
    """One walk over all orders: what was sent, what nobody answered, and for which orders the money is lacking."""

    def __init__(self, call: Call, estate: Estate, restored: str, *, rest: Callable[[], Awaitable[None]]) -> None:
        self.sent = self.unanswered = 0
        self._call, self._estate, self._plan, self._rest = call, estate, PLANS[restored], rest
        self._act: bool = call.given.yes
        self._asked: set[_Key] = set()
        self._short: dict[UUID, str] = {}
        self._more_short = False
        self._reserved: dict[Owner, int] = defaultdict(int)

    def short_of(self) -> list[str]:
        """The orders that need more money than there is, in words; the first thousand of them."""
        more = ["... and more orders need money that is not there"] if self._more_short else []
        return [*self._short.values(), *more]

    async def run(self) -> None:
        """Ask for everything; a dry run only counts."""
        total, done = await counted(self._estate["order"], "cloud_order"), 0
        window: list[UUID] = []
        budget = self._budget()
        async for page in dossiers(self._estate, flows=False):
            found = await self._round(page, budget)
            done += len(page)
            self._call.progress.tell("orders", done, total)
            if not self._act:
                continue
            window += found.ids
            if len(window) >= WINDOW:
                await self._settle(window)
                window, budget = [], self._budget()
        if self._act:
            await self._settle(window)
            # What was given back meanwhile may pay for those that were short of it.
            await self._settle(sorted(self._short))

    def _budget(self) -> "_Budget":
        return _Budget(self._estate["voucher"], self._reserved)

    async def _settle(self, ids: Sequence[UUID]) -> None:
        """Round by round over some orders, until nothing more is to be asked of them or nobody answers."""
        stalled = 0
        found = _Round(ids=list(ids))
        while found.ids:
            await asyncio.sleep(PAUSE_S)
            await self._rest()
            budget, before, found = self._budget(), self.sent, _Round()
            async for page in these(self._estate, ids, flows=False):
                found.add(await self._round(page, budget))
            ids = found.ids
            if not found.asking:
                break
            # What was asked for is on its way, perhaps inside the broker; only what stays unanswered is given up.
            stalled = 0 if self.sent > before else stalled + 1
            if stalled == STALLED_MAX // 2:
                # Two consumers may have taken a commit before its hold: what is left is asked for once more.
                self._asked.clear()
            if stalled > STALLED_MAX:
                self.unanswered += len(found.asking)
                # It may still be answered: nobody else is to spend it.
                for owner, fen in found.needs:
                    self._reserved[owner] += fen
                break
        self._asked.clear()

    async def _round(self, page: Sequence[Dossier], budget: "_Budget") -> "_Round":
        """Send what these orders need and was not asked for yet."""
        wanted = [(one, found) for one, sagas in await self._with_sagas(page) if (found := self._plan(one, sagas))]
        affordable = await budget.affordable(wanted, short=self._is_short, paid=self._is_paid)
        result = _Round(ids=[one.order["id"] for one, _ in wanted])
        fresh: list[Sending] = []
        for one, sendings in affordable:
            if fen := needs_fen(one, sendings):
                result.needs.append((_owner(one), fen))
            for sending in sendings:
                key = (sending.saga_id, sending.number, sending.command.name)
                result.asking.add(key)
                if key not in self._asked:
                    fresh.append(sending)
        self.sent += len(fresh)
        if self._act:
            self._asked |= result.asking
            await self._send(fresh)
        return result

    def _is_short(self, one: Dossier, text: str) -> None:
        if one.order["id"] in self._short or len(self._short) < LISTED_MAX:
            self._short[one.order["id"]] = text
        else:
            self._more_short = True

    def _is_paid(self, one: Dossier) -> None:
        self._short.pop(one.order["id"], None)

    async def _with_sagas(self, page: Sequence[Dossier]) -> list[tuple[Dossier, Sagas]]:
        by_order: dict[UUID, list[Any]] = defaultdict(list)
        for row in await read_keys(self._estate["order"], _SAGAS, [one.order["id"] for one in page]):
            by_order[row["order_id"]].append(row)
        return [(one, _sagas(by_order[one.order["id"]])) for one in page]

    async def _send(self, sendings: Sequence[Sending]) -> None:
        for start in range(0, len(sendings), SENT_MAX):
            async with self._estate["order"].writing() as work:
                for one in sendings[start : start + SENT_MAX]:
                    work.send(one.command, saga=one.saga_id, number=one.number)
                    await record(
                        work,
                        self._call.operator,
                        act="resend_command",
                        subject_type="saga",
                        subject_id=one.saga_id,
                        ground=self._call.given.reason,
                        command=one.command.type_name(),
                        number=one.number,
                    )


class _Round:
    """Of some orders: those that need something, what is being asked for them, and the money that it takes."""

    def __init__(self, ids: list[UUID] | None = None) -> None:
        self.ids = ids or []
        self.asking: set[_Key] = set()
        self.needs: list[tuple[Owner, int]] = []

    def add(self, other: "_Round") -> None:
        """Join another one."""
        self.ids += other.ids
        self.asking |= other.asking
        self.needs += other.needs


def _owner(one: Dossier) -> Owner:
    return one.order["enterprise_id"], one.order["year"]


def _sagas(rows: Sequence[Any]) -> Sagas:
    of_kind = {kind: [row for row in rows if row["kind"] == kind] for kind in ("purchase", "refund", "claim")}
    purchase = of_kind["purchase"][0] if of_kind["purchase"] else None
    return Sagas(purchase=purchase, refunds=of_kind["refund"], claims=of_kind["claim"])


class _Budget:
    """What is available on the accounts, so that no hold is asked for that voucher would have to refuse.

    A refused hold is refused for ever, by its order's number; one that waits for its money can be asked for later.
    """

    def __init__(self, voucher: Database, reserved: Mapping[Owner, int]) -> None:
        self._voucher, self._reserved = voucher, reserved
        self._left_fen: dict[Owner, int] = {}

    async def affordable(
        self,
        wanted: Sequence[tuple[Dossier, Sequence[Sending]]],
        *,
        short: Callable[[Dossier, str], None],
        paid: Callable[[Dossier], None],
    ) -> list[tuple[Dossier, Sequence[Sending]]]:
        """Those orders and commands whose hold fits, in the order in which the orders were placed."""
        needs = {one.order["id"]: needs_fen(one, sendings) for one, sendings in wanted}
        await self._read({_owner(one) for one, _ in wanted if needs[one.order["id"]]})
        found: list[tuple[Dossier, Sequence[Sending]]] = []
        for one, sendings in wanted:
            fen, left_fen = needs[one.order["id"]], self._left_fen.get(_owner(one), 0)
            if fen > left_fen:
                short(one, _short_text(one, fen, left_fen))
                continue
            if fen:
                self._left_fen[_owner(one)] = left_fen - fen
            paid(one)
            found.append((one, sendings))
        return found

    async def _read(self, owners: set[Owner]) -> None:
        fresh = sorted(owners - self._left_fen.keys())
        if not fresh:
            return
        async with self._voucher.writing() as work:
            rows = await work.connection.fetch(_AVAILABLE, [one for one, _ in fresh], [year for _, year in fresh])
            now = work.now
        self._left_fen |= dict.fromkeys(fresh, 0)
        for row in rows:
            owner = row["enterprise_id"], row["year"]
            over = row["closed"] or now >= year_closes_at(row["year"])
            self._left_fen[owner] = 0 if over else row["available_fen"] - self._reserved.get(owner, 0)


def _short_text(one: Dossier, fen: int, left_fen: int) -> str:
    return (
        f"order {one.order['number']} needs {fen} fen again, its enterprise has {left_fen}:"
        " a grant was lost, or the year is over; the bureau decides, then repeat the repair"
    )
