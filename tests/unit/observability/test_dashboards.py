from collections import Counter
from typing import Any

import pytest

from tests.unit.observability.operations_files import components, dashboard_expressions, dashboards
from tools.dashboards.__main__ import differences

DOCUMENTS = [pytest.param(document, id=name) for name, document in dashboards().items()]


def test_there_is_a_dashboard_for_every_service_and_one_for_the_journey() -> None:
    assert set(dashboards()) == {"journey.json", *(f"{name}.json" for name in components())}


def test_the_files_are_what_the_generator_writes() -> None:
    assert differences() == [], "run: python -m tools.dashboards"


def test_no_two_dashboards_have_one_uid_or_title() -> None:
    for key in ("uid", "title"):
        assert max(Counter(document[key] for document in dashboards().values()).values()) == 1


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_dashboard_has_what_grafana_needs(document: dict[str, Any]) -> None:
    (variable,) = document["templating"]["list"]
    numbers = [panel["id"] for panel in document["panels"]]

    assert document["schemaVersion"] >= 39
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_panel_asks_the_chosen_source_and_says_what_it_shows(document: dict[str, Any]) -> None:
    for panel in document["panels"]:
        if panel["type"] == "row":
            continue
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["description"].strip(), panel["title"]
        assert panel["targets"], panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references)), panel["title"]


def test_no_query_is_empty() -> None:
    assert [where for where, query in dashboard_expressions() if not query.strip()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_two_panels_lie_over_one_another(document: dict[str, Any]) -> None:
    squares = Counter(
        (x, y)
        for place in (panel["gridPos"] for panel in document["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    )

    assert max(squares.values()) == 1
    assert max(x for x, _ in squares) < 24
