"""Every seeded bug whose tests take about a second is planted in each run of the tests; `make mutants` plants all."""

from pathlib import Path

import pytest

from tests.mutants.catalogue import load
from tests.mutants.runner import Outcome, environment_for, plant_all


@pytest.mark.seeded
@pytest.mark.timeout(900)
async def test_each_quick_seeded_bug_turns_its_tests_red(tmp_path: Path) -> None:
    bugs = [bug for bug in load() if bug.quick]
    done: list[Outcome] = []
    await plant_all(
        bugs, tmp_path, workers=1, environment=environment_for(postgres_url=""), baseline=False, told=done.append
    )
    assert {outcome.bug.title for outcome in done} == {bug.title for bug in bugs}
    wrong = [f"{outcome.verdict} {outcome.bug.title}\n{outcome.text}" for outcome in done if not outcome.good]
    assert wrong == []
