import pytest

from tests.unit.observability.operations_files import (
    OBSERVABILITY,
    alerts,
    components,
    read_yaml,
    rule_tests,
    rules,
    runbooks,
)

SEVERITIES = {"page", "ticket", "info"}
ALERTS = [pytest.param(rule, id=f"{rule['alert']}-{rule['labels']['severity']}") for rule in alerts()]
NAMES = sorted({rule["alert"] for rule in alerts()})


def _expectations(name: str) -> list[list[list[dict[str, object]]]]:
    """For each promtool test of an alert what is expected of it, in the order of time."""
    found = []
    for test in rule_tests():
        expected = [
            step.get("exp_alerts") or [] for step in test.get("alert_rule_test", ()) if step["alertname"] == name
        ]
        if expected:
            found.append(expected)
    return found


@pytest.mark.parametrize("rule", ALERTS)
def test_an_alert_says_how_urgent_it_is_what_happens_and_where_its_runbook_is(rule: dict[str, dict[str, str]]) -> None:
    assert rule["labels"]["severity"] in SEVERITIES
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"


def test_a_rule_is_told_from_every_other_by_its_name_and_severity() -> None:
    keys = [(rule["alert"], rule["labels"]["severity"], rule["labels"].get("service")) for rule in alerts()]

    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("rule", ALERTS)
def test_promtool_sees_every_rule_fire_with_the_service_it_is_about(rule: dict[str, dict[str, str]]) -> None:
    fired = [
        alert["exp_labels"] for expected in _expectations(str(rule["alert"])) for found in expected for alert in found
    ]

    assert any(labels["severity"] == rule["labels"]["severity"] for labels in fired)
    assert all(labels.get("service") for labels in fired)


@pytest.mark.parametrize("name", NAMES)
def test_promtool_sees_every_alert_resolve_and_stay_silent_just_below_its_limit(name: str) -> None:
    expected = _expectations(name)

    assert any(found[-1] == [] and any(found) for found in expected), "no test sees it resolve"
    assert any(not any(found) for found in expected), "no test sees it silent"


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_has_a_runbook(name: str) -> None:
    assert name in {path.stem for path in runbooks()}


def test_every_runbook_is_of_an_alert() -> None:
    assert {path.stem for path in runbooks()} == set(NAMES)


def test_every_component_is_scraped_and_missed_when_it_is_gone() -> None:
    configuration = read_yaml(OBSERVABILITY / "prometheus.yml")
    scraped = {job["job_name"]: job["dns_sd_configs"][0]["names"] for job in configuration["scrape_configs"]}
    missed = [rule["labels"]["service"] for rule in rules() if rule.get("record") == "yunquan:expected_service"]

    assert scraped["yunquan"] == components()
    assert missed == components()
