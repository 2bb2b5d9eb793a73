"""sagas: those that do not move, and their pending command sent again; an outcome is never invented."""

from argparse import Namespace
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from operations.commands.base import Call, Subparsers, add_acting, command, dry, until
from operations.journal import record
from operations.places import Database, WrongUse, open_estate
from operations.report import Code, Report, table
from services.order.domain.saga import RESTING

LISTED_MAX = 1_000
NUDGED_MAX = 1_000
MOVED_TIMEOUT_S = 20.0
COLUMNS = ("id", "kind", "order_id", "state", "number", "pending_name", "resent", "late", "moved_at")

_LIST = f"""
SELECT {", ".join(COLUMNS)} FROM saga
WHERE ($1 = '' OR kind = $1) AND ($2 = '' OR state = $2) AND ($3::uuid IS NULL OR order_id = $3)
    AND (NOT $4 OR state <> ALL($5::text[]))
    AND (NOT $6 OR (resend_at IS NOT NULL AND moved_at < clock_timestamp() - interval '15 minutes'))
ORDER BY id LIMIT {LISTED_MAX}
"""  # noqa: S608 - our own column names
_SHOW = "SELECT * FROM saga WHERE id = $1 OR order_id = $1 ORDER BY id"
_DUE = """
UPDATE saga SET resend_at = clock_timestamp() WHERE id = ANY($1::uuid[]) AND resend_at IS NOT NULL RETURNING id
"""
_WAITS = "SELECT count(*) FROM saga WHERE id = ANY($1::uuid[]) AND resend_at <= clock_timestamp()"


def add(commands: Subparsers) -> None:
    """Declare the commands."""
    does = "list sagas, show one, or send the pending command of those that do not move again"
    parser = command(commands, "sagas", does=does, examples="sagas list --stuck\nsagas nudge --stuck --yes")
    acts = parser.add_subparsers(metavar="ACT", required=True)
    listing = command(acts, "list", does="list sagas", examples="sagas list --stuck\nsagas list --moving", run=run_list)
    listing.add_argument("--kind", choices=("purchase", "refund", "claim"), default="")
    listing.add_argument("--state", default="", help="only this state")
    _add_selection(listing)
    showing = command(
        acts, "show", does="show one saga, or all of an order", examples="sagas show 0190...", run=run_show
    )
    showing.add_argument("id", type=UUID, help="the saga's or the order's id")
    examples = "sagas nudge --order 0190... --yes\nsagas nudge --stuck --yes --reason 'voucher was down'"
    nudging = command(
        acts, "nudge", does="send the pending command now, with its own number", examples=examples, run=run_nudge
    )
    _add_selection(nudging)
    add_acting(nudging)


def _add_selection(parser: Any) -> None:  # noqa: ANN401 - an argument parser
    parser.add_argument("--order", type=UUID, help="only sagas of this order")
    parser.add_argument("--moving", action="store_true", help="only those that wait for an answer")
    parser.add_argument("--stuck", action="store_true", help="only those without progress for 15 minutes")


async def _find(order: Database, given: Namespace) -> list[Mapping[str, Any]]:
    resting = sorted(step.value for step in RESTING)
    kind, state = getattr(given, "kind", ""), getattr(given, "state", "")
    async with order.reading() as connection:
        rows: list[Mapping[str, Any]] = await connection.fetch(
            _LIST, kind, state, given.order, given.moving, resting, given.stuck
        )
    return rows


async def run_list(call: Call) -> Report:
    """Sagas as a table."""
    async with open_estate(["order"]) as estate:
        rows = await _find(estate["order"], call.given)
    lines = table(COLUMNS, [[row[name] for name in COLUMNS] for row in rows])
    return Report(lines=[*lines, f"{len(rows):,} sagas"], data={"sagas": [dict(row) for row in rows]})


async def run_show(call: Call) -> Report:
    """Everything about one saga, its pending command included. Raises: WrongUse."""
    async with open_estate(["order"]) as estate, estate["order"].reading() as connection:
        rows = await connection.fetch(_SHOW, call.given.id)
    if not rows:
        raise WrongUse(f"there is no saga {call.given.id}, and no order with one")
    found = []
    for row in rows:
        values = dict(row)
        values["pending"] = msgspec.json.decode(values["pending"]) if values["pending"] else None
        found.append(values)
    lines = [line for values in found for line in [*(f"{name:<14} {value}" for name, value in values.items()), ""]]
    return Report(lines=lines[:-1], data={"sagas": found})


async def run_nudge(call: Call) -> Report:
    """Make the order service's sweeper send the pending command at once. Raises: WrongUse."""
    given = call.given
    if given.order is None and not given.stuck and not given.moving:
        raise WrongUse("name the sagas: --order, --stuck or --moving")
    async with open_estate(["order"]) as estate:
        order = estate["order"]
        rows = [row for row in await _find(order, given) if row["pending_name"] or row["state"] == "waiting_for_commit"]
        heads = ("id", "kind", "state", "pending_name")
        lines = table(heads, [[row[name] for name in heads] for row in rows])
        ids = [row["id"] for row in rows]
        sent = await nudge(call, order, ids) if given.yes else True
    lines.append(f"{len(ids)} sagas asked again" if given.yes else f"{len(ids)} sagas would be asked again")
    if not sent:
        lines.append("the order service has not taken them up: it does not run; they go out when it does")
    data = {"sagas": [str(one) for one in ids], "acted": given.yes, "sent": sent}
    code = Code.WELL if sent else Code.DIFFERENCES
    return Report(lines=dry(lines, acted=given.yes or not ids), data=data, code=code)


async def nudge(call: Call, order: Database, ids: list[UUID]) -> bool:
    """Make sagas due; whether the sweeper took all of them up in time."""
    for start in range(0, len(ids), NUDGED_MAX):
        async with order.writing() as work:
            touched = await work.connection.fetch(_DUE, ids[start : start + NUDGED_MAX])
            for row in touched:
                await record(
                    work,
                    call.operator,
                    act="nudge_saga",
                    subject_type="saga",
                    subject_id=row["id"],
                    ground=call.given.reason,
                )

    async def taken() -> bool:
        async with order.reading() as connection:
            return not await connection.fetchval(_WAITS, ids)

    return await until(taken, timeout_s=MOVED_TIMEOUT_S)
