"""How many files of a service a call runs through, in a purchase; `python -m tools.house --walks` lists them."""

import asyncio
from collections.abc import Callable, Mapping

from bench.processes import find_service
from tests.factories.harness import create_tables
from tools.house.bounds import NotYet, complaints
from tools.house.purchase import CONFIRM, MESSAGES, ORDER_FACTS, PLACE, PURCHASE, SERVICES, measure

REQUEST = 6
REPLY = 6
COMMAND = 5
COPY = 3
"""Files of a service that one call may run through: a reader who follows it opens as many."""

GOALS: Mapping[str, int] = {
    PLACE: REQUEST,
    CONFIRM: REQUEST,
    "HoldVoucher in voucher": COMMAND,
    "CommitVoucher in voucher": COMMAND,
    "VoucherHeld in order": REPLY,
    "VoucherCommitted in order": REPLY,
    "QuotaMoved copied by order": COPY,
    ORDER_FACTS: COPY,
}
"""What holds, and stays so."""

NOT_YET: Mapping[str, NotYet] = {}
"""What does not hold yet: a figure may only fall, and what it has fallen to is written down."""


async def test_a_call_runs_through_few_files_of_a_service(fresh_database: Callable[[], str]) -> None:
    databases = {name: await asyncio.to_thread(fresh_database) for name in SERVICES}
    for name, dsn in databases.items():
        await create_tables(dsn, find_service(name).metadata, service=name)
    walks = {walk.name: walk for walk in await measure(databases)}
    assert {PLACE, CONFIRM, ORDER_FACTS, PURCHASE, *MESSAGES} == set(walks)
    figures = {name: len(walk.service_files) for name, walk in walks.items() if name != PURCHASE}
    assert complaints(figures, goals=GOALS, not_yet=NOT_YET) == [], {
        name: walk.service_files for name, walk in walks.items()
    }
