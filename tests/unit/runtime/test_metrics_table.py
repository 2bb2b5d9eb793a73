"""The page of metrics says what the code says, and every name keeps Prometheus's conventions."""

import re

from shared.runtime.observability.metrics import METRICS
from tools.metrics_table import FILE, page, rows


def test_the_page_of_metrics_is_what_the_code_declares() -> None:
    assert FILE.read_text(encoding="utf-8") == page(), "run: python -m tools.metrics_table"


def test_no_metric_is_declared_twice_and_every_name_says_its_unit_and_kind() -> None:
    found = list(rows())
    names = [name for name, *_ in found]
    assert len(names) == len(set(names))
    for name, kind, labels, _, _, meaning in found:
        assert re.fullmatch(r"yunquan_[a-z_]+", name)
        assert (kind == "counter") == name.endswith("_total"), name
        assert kind != "histogram" or name.endswith("_seconds")
        assert meaning
        assert "service" not in labels, "every metric has it without saying so"
        assert "|" not in meaning


def test_no_label_is_an_id_or_a_person() -> None:
    known = {
        "version",
        "revision",
        "reason",
        "route",
        "method",
        "status",
        "outcome",
        "queue",
        "stream",
        "state",
        "pool",
        "job",
    }
    known |= {"partition", "kind", "year", "check", "invariant"}
    # The two closed lists of the code: refusals and permissions.
    known |= {"code", "permission"}
    assert {label for _, _, labels, *_ in rows() for label in labels} <= known
    assert "yunquan_http_requests_total" in METRICS
