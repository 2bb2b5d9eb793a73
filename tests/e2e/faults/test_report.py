"""The report says what was missed, and does not say that all is well when it is not."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.e2e.faults.command import main
from tests.e2e.faults.report import render
from tests.e2e.faults.runner import Outcome

GOOD = Outcome(
    name="kill-order",
    title="order killed",
    rows=(1, 2),
    at=datetime(2026, 11, 23, 8, tzinfo=UTC),
    fault_s=10.0,
    orders=100,
    requests=40,
    retried=7,
    ready_s=1.5,
    recovery_s=2.5,
    slowest="refund",
    settled_s=3.0,
    examined=1_234,
    lost=(),
    differences=(),
)


def _rendered(*outcomes: Outcome) -> str:
    return render(outcomes, {"date": "today"}, hold_s=10, took_s=600)


def test_a_run_that_kept_every_bound_says_so_with_its_slowest_recovery() -> None:
    text = _rendered(GOOD, replace(GOOD, name="kill-broker", recovery_s=12.34))
    assert "No request was lost, every proof balances, and the slowest recovery took 12.3 s (kill-broker)" in text
    assert (
        "| kill-order | order killed | 1, 2 | 08:00:00 | 10.0 | 100 | 40 | 7 | 0 | 1.5 | 2.5 | refund | 3.0 |" in text
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lost": ["POST was not answered"]}, "lost: POST was not answered"),
        ({"differences": ["I1: one fen"]}, "proof: I1: one fen"),
        ({"recovery_s": 30.1, "slowest": "cancel"}, "recovery took 30.1 s (cancel), at most 30 s"),
    ],
)
def test_each_bound_that_is_missed_is_said_first(changes: dict[str, object], said: str) -> None:
    outcome = replace(GOOD, **changes)  # type: ignore[arg-type]
    assert outcome.misses == [said]
    text = _rendered(GOOD, outcome)
    assert "**1 bounds were missed.**" in text
    assert f"- **kill-order**: {said}" in text
    assert "No request was lost, every" not in text


def test_an_unknown_scenario_is_wrong_use_and_the_list_names_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "kill-everything"]) == 2
    assert "kill-everything" in capsys.readouterr().err
    assert main(["--list"]) == 0
    assert "rolling-update" in capsys.readouterr().out
