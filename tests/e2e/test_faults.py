"""Faults of containers under load, held briefly; `make faults` runs more of them, for longer, and writes a report.

One test a scenario, on the stack that the year was told to: a retrying client loses nothing, every proof balances, and
everything answers again within 30 s.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from embedded.front import SignIn
from tests.e2e.faults.previous import Previous, build, choose
from tests.e2e.faults.runner import Runner
from tests.e2e.faults.scenarios import Roll, Scale, Scenario, all_scenarios
from tests.e2e.stack import ROOT, Stack

pytestmark = [pytest.mark.container, pytest.mark.timeout(240)]

HOLD_S = 1.0
SAGA = ("voucher", "order")
"""The saga's own services; the command rolls and scales all five."""
LEFT_TO_THE_COMMAND = {
    *(f"kill-{name}-db" for name in ("identity", "catalog", "voucher", "settlement")),  # killed all at once here
    "pause-voucher",
    "pause-order-db",
    "cut-broker",
    "restore-settlement",
}
"""For time: each has a sibling that is run here."""


def _scenarios() -> list[Scenario]:
    found = {one.name: one for one in all_scenarios()}
    assert found.keys() > LEFT_TO_THE_COMMAND
    chosen = [one for name, one in found.items() if name not in LEFT_TO_THE_COMMAND]
    return [type(one)(SAGA) if isinstance(one, Roll | Scale) else one for one in chosen]


@pytest.fixture(scope="module")
def previous() -> Previous:
    """The version before this one, with its images built."""
    found = choose(ROOT)
    build(ROOT, found, SAGA)
    return found


@pytest.mark.requirement("R72")
@pytest.mark.requirement("R73")
@pytest.mark.parametrize("scenario", _scenarios(), ids=lambda one: one.name)
async def test_under_a_fault_nothing_is_lost_or_doubled_and_everything_answers_again_within_30_s(
    scenario: Scenario, stack: Stack, told: Sequence[SignIn], previous: Previous, tmp_path: Path
) -> None:
    outcome = await Runner(stack, told, tmp_path, previous, HOLD_S, print).run(scenario)
    assert outcome.misses == []
    assert outcome.requests, "there was traffic during the fault"
