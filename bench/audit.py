"""Proves, after each run, that nothing was lost, done twice or miscounted; with a violation the run does not count."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Self
from uuid import UUID

import asyncpg

from bench.processes import find_service
from services.voucher.proof import prove

SETTLED_S = 60.0
POLL_S = 0.05
SHOWN_MAX = 5

# What the order row says, and what the voucher service must say of the same order.
_HOLD_OF_ORDER = {
    "awaiting_confirmation": "held",
    "confirmed": "committed",
    "cancelled": "released",
    "refused": "refused",
}
_UNDER_WAY = """
SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM retry) + (SELECT count(*) FROM parked)
     + (SELECT count(*) FROM dead_letter) AS under_way,
       (SELECT count(*) FROM inbox) AS received
"""
_SENT = "SELECT aggregate_type, count(*) AS events FROM fact GROUP BY aggregate_type"
_ASKED = "SELECT COALESCE(sum(number + resent), 0) FROM saga"
_PENDING = "SELECT count(*) FROM saga WHERE pending IS NOT NULL"
_GAPS = """
SELECT aggregate_id FROM fact GROUP BY aggregate_type, aggregate_id
HAVING count(*) <> max(version) OR count(DISTINCT version) <> count(*) LIMIT 5
"""


class Ledgers:
    """The databases of one run, and how many facts the seed said on the bus by stream."""

    def __init__(self, databases: Mapping[str, str], *, seeded: Mapping[str, int]) -> None:
        self._databases = databases
        self._seeded = seeded
        self._connections: dict[str, asyncpg.Connection] = {}

    async def __aenter__(self) -> Self:
        for name, dsn in self._databases.items():
            self._connections[name] = await asyncpg.connect(dsn)
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._connections.values():
            await connection.close()

    def names(self) -> Sequence[str]:
        """The services whose databases these are."""
        return tuple(self._databases)

    def of(self, service: str) -> asyncpg.Connection:
        """The connection to one service's database."""
        return self._connections[service]

    async def until_settled(self) -> None:
        """Wait until every message has been applied and every saga has its answer. Raises: TimeoutError."""
        deadline = time.monotonic() + SETTLED_S
        while await self._moving():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not settled after {SETTLED_S:.0f} s: {await self.violations()}")
            await asyncio.sleep(POLL_S)

    async def _moving(self) -> bool:
        # The cheapest questions first: this runs while the services finish.
        for connection in self._connections.values():
            if await connection.fetchval("SELECT EXISTS (SELECT FROM outbox)"):
                return True
        if "order" in self._connections and await self.of("order").fetchval(_PENDING):
            return True
        return bool(await self._undelivered())

    async def expected(self) -> dict[str, int]:
        """How many distinct events each service must have received."""
        sent = dict(self._seeded)
        for name, connection in self._connections.items():
            for row in await connection.fetch(_SENT):
                stream = f"{name}.{row['aggregate_type']}"
                sent[stream] = sent.get(stream, 0) + row["events"]
        # One command and one answer for each step of a saga.
        asked = await self.of("order").fetchval(_ASKED) if "order" in self._connections else 0
        return {
            name: sum(sent.get(stream, 0) for stream in find_service(name).wiring().streams)
            + (int(asked) if name in {"order", "voucher"} else 0)
            for name in self._connections
        }

    async def _undelivered(self) -> list[str]:
        found: list[str] = []
        expected = await self.expected()
        for name, connection in self._connections.items():
            row = await connection.fetchrow(_UNDER_WAY)
            if row["under_way"]:
                found.append(f"{name}: {row['under_way']} messages in outbox, retry, parked or dead letters")
            if row["received"] != expected[name]:
                found.append(f"{name}: {row['received']} events in the inbox instead of {expected[name]}")
        return found

    async def violations(self) -> list[str]:
        """Everything that does not add up, in words; empty when the run may count."""
        found = await self._undelivered()
        for name, connection in self._connections.items():
            gaps = await connection.fetch(_GAPS)
            if gaps:
                found.append(f"{name}: facts with gaps or repeats, for example of {gaps[0][0]}")
        found += await proof_of(self.of("voucher"))
        if "order" in self._connections:
            found += await self._compare_orders()
            found += await self._compare_balances()
        return found

    async def _compare_orders(self) -> list[str]:
        orders = await self.of("order").fetch("SELECT id, state, voucher_fen FROM cloud_order")
        rows = await self.of("voucher").fetch(
            "SELECT h.order_id, h.state, COALESCE(sum(l.amount_fen), 0)::bigint AS fen"
            " FROM hold h LEFT JOIN hold_line l ON l.order_id = h.order_id GROUP BY h.order_id, h.state"
        )
        holds: dict[UUID, tuple[str, int]] = {row["order_id"]: (row["state"], row["fen"]) for row in rows}
        wrong: Sequence[str] = [
            f"order {row['id']} is {row['state']} with {row['voucher_fen']} fen, its hold {holds.get(row['id'])}"
            for row in orders
            if not _agrees(row["state"], row["voucher_fen"], holds.get(row["id"]))
        ]
        if len(holds) != len(orders):
            wrong = [*wrong, f"{len(orders)} orders but {len(holds)} holds"]
        return [*wrong[:SHOWN_MAX]]

    async def _compare_balances(self) -> list[str]:
        # An account that was never granted anything has told nobody of itself.
        accounts = dict(await self.of("voucher").fetch("SELECT enterprise_id, available_fen FROM quota_account"))
        copies = dict(await self.of("order").fetch("SELECT enterprise_id, available_fen FROM balance"))
        wrong = [f"balance of {who}: {accounts[who]} fen, copy {copies.get(who)}" for who in accounts
                 if accounts[who] != copies.get(who, 0)]  # fmt: skip
        return wrong[:SHOWN_MAX]


async def proof_of(voucher: asyncpg.Connection) -> list[str]:
    """What the voucher service's own proof finds: every balance against its postings, every plan against its sum."""
    proof = await prove(voucher)
    return [f"voucher: {difference}" for difference in proof.differences[:SHOWN_MAX]]


def _agrees(state: str, voucher_fen: int, hold: tuple[str, int] | None) -> bool:
    if hold is None or _HOLD_OF_ORDER.get(state) != hold[0]:
        return False
    return state == "refused" or hold[1] == voucher_fen
