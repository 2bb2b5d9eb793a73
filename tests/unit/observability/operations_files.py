"""What operations looks at, as the tests read it: rules, their unit tests, dashboards, runbooks and guides."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.guides import Block, fenced

CHECKOUT = Path(__file__).parents[3]
OBSERVABILITY = CHECKOUT / "deploy" / "observability"
RUNBOOKS = CHECKOUT / "docs" / "runbooks"
WATCH_GUIDE = CHECKOUT / "docs" / "operations" / "watch.md"


def components() -> list[str]:
    """The services of the platform."""
    return sorted(path.parent.name for path in CHECKOUT.glob("services/*/__main__.py"))


def read_yaml(path: Path) -> Any:
    """A YAML document."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@cache
def rule_files() -> dict[str, Any]:
    """The rule files by name."""
    return {path.name: read_yaml(path) for path in sorted(OBSERVABILITY.glob("rules/*.yaml"))}


def rules() -> list[dict[str, Any]]:
    """Every rule, recorded or alerting."""
    return [rule for file in rule_files().values() for group in file["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """Every alerting rule; two may share a name and differ in severity."""
    return [rule for rule in rules() if "alert" in rule]


@cache
def rule_tests() -> list[dict[str, Any]]:
    """Every promtool test."""
    return [test for path in sorted(OBSERVABILITY.glob("tests/*.yaml")) for test in read_yaml(path)["tests"]]


@cache
def dashboards() -> dict[str, dict[str, Any]]:
    """Every dashboard by file name."""
    return {
        path.name: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(OBSERVABILITY.glob("dashboards/*.json"))
    }


def dashboard_expressions() -> Iterator[tuple[str, str]]:
    """File and panel, and each query of it."""
    for name, document in dashboards().items():
        for panel in document["panels"]:
            for target in panel.get("targets", ()):
                yield f"{name}: {panel['title']}", target["expr"]
        for mark in document["annotations"]["list"]:
            yield f"{name}: {mark['name']}", mark["expr"]


def runbooks() -> list[Path]:
    """Every runbook."""
    return sorted(RUNBOOKS.glob("*.md"))


@cache
def blocks(kind: str) -> list[Block]:
    """The fenced blocks of runbooks and guide whose first word is `kind`."""
    return [block for file in (*runbooks(), WATCH_GUIDE) for block in fenced(file) if block.kind == kind]


def queries() -> list[tuple[str, str]]:
    """Every PromQL expression, with where it stands."""
    found = [(f"rule {rule.get('alert', rule.get('record'))}", rule["expr"]) for rule in rules()]
    found += dashboard_expressions()
    for block in blocks("promql"):
        found += [(block.file.name, line) for line in block.text.splitlines() if line.strip()]
    return found
