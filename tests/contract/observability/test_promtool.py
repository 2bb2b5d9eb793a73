import json
import subprocess
from pathlib import Path

import pytest

from tests.guides import Chapter, chapters_for_ci, run_as_reader
from tests.unit.observability.operations_files import CHECKOUT, OBSERVABILITY, WATCH_GUIDE, queries

_LIMIT_S = 120
_RANGE_OF_GRAFANA = "$__rate_interval"
RULE_TESTS = [pytest.param(path, id=path.stem) for path in sorted(OBSERVABILITY.glob("tests/*.yaml"))]


def _run(*words: str | Path) -> None:
    done = subprocess.run(  # noqa: S603 - promtool, on files of this checkout
        words, check=False, capture_output=True, text=True, timeout=_LIMIT_S, cwd=CHECKOUT
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_would_start_with_the_configuration_and_its_rules(promtool: Path) -> None:
    _run(promtool, "check", "config", OBSERVABILITY / "prometheus.yml")


@pytest.mark.parametrize("path", RULE_TESTS)
def test_every_rule_fires_stays_silent_just_below_its_limit_and_resolves(promtool: Path, path: Path) -> None:
    _run(promtool, "test", "rules", path)


def test_prometheus_understands_every_query_of_dashboards_and_runbooks(promtool: Path, tmp_path: Path) -> None:
    # promtool parses expressions in rules only, so each query becomes a rule of a file that nobody evaluates.
    rules = [
        {"record": f"checked:query:{number}", "expr": query.replace(_RANGE_OF_GRAFANA, "5m")}
        for number, (_, query) in enumerate(queries())
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")

    _run(promtool, "check", "rules", "--lint=none", file)


@pytest.mark.usefixtures("promtool")
@pytest.mark.parametrize("chapter", [pytest.param(found, id=found.heading) for found in chapters_for_ci(WATCH_GUIDE)])
def test_the_guide_of_the_operations_team_does_what_it_says(chapter: Chapter) -> None:
    run_as_reader(chapter, CHECKOUT)
