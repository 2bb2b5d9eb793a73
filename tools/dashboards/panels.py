"""Panels, rows and the document that Grafana reads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Document: TypeAlias = dict[str, object]

SCHEMA_VERSION = 39
"""The dashboard model of Grafana 11; later ones read it."""
GRID_WIDTH = 24
DATASOURCE: Mapping[str, str] = {"type": "prometheus", "uid": "${datasource}"}

GREEN, RED = "green", "red"


@dataclass(frozen=True, slots=True)
class Line:
    """One query and the name of its lines."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A picture of some lines.

    `unit` is Grafana's own name of a unit. From `bad_from` on a value is red, and an alert waits behind it.
    `kind` is `timeseries`, or `stat` for one figure of now.
    """

    title: str
    lines: Sequence[Line]
    about: str
    unit: str = "short"
    kind: str = "timeseries"
    bad_from: float | None = None
    width: int = 8
    height: int = 7


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: Sequence[Panel]


def figure(title: str, expr: str, about: str, *, unit: str = "short", bad_from: float | None = None) -> Panel:
    """One number of now."""
    return Panel(
        title=title, lines=[Line(expr)], about=about, unit=unit, kind="stat", bad_from=bad_from, width=4, height=4
    )


def posts(service: str, route: str, title: str, about: str, *, width: int = 8) -> Panel:
    """The POSTs to one route per second, by status; `route` is relative to the service's own prefix."""
    requests = f'service="{service}",route="/api/{service}/v1{route}",method="POST"'
    return Panel(
        title=title,
        lines=[
            Line(f"sum by (status) (rate(yunquan_http_requests_total{{{requests}}}[$__rate_interval]))", "{{status}}")
        ],
        about=about,
        unit="reqps",
        width=width,
    )


def dashboard(uid: str, title: str, about: str, rows: Iterable[Row]) -> Document:
    """The document of one dashboard; panel ids are numbered in reading order."""
    return {
        "uid": uid,
        "title": title,
        "description": about,
        "tags": ["yunquan"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "Asia/Shanghai",
        "templating": {"list": [_datasource_variable()]},
        "annotations": {"list": [_page_marks()]},
        "links": [
            {
                "title": "Yunquan",
                "type": "dashboards",
                "tags": ["yunquan"],
                "asDropdown": True,
                "includeVars": True,
                "keepTime": True,
            }
        ],
        "panels": _placed(rows),
    }


def _datasource_variable() -> Document:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}


def _page_marks() -> Document:
    return {
        "name": "Pages",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": RED,
        "expr": 'max by (alertname, service) (ALERTS{alertstate="firing",severity="page"})',
        "titleFormat": "{{alertname}} {{service}}",
        "step": "60s",
    }


def _placed(rows: Iterable[Row]) -> list[Document]:
    placed: list[Document] = []
    top = 0
    for row in rows:
        placed.append(_heading(row, number=len(placed) + 1, top=top))
        top += 1
        left = below = 0
        for panel in row.panels:
            if left + panel.width > GRID_WIDTH:
                left, top, below = 0, top + below, 0
            placed.append(_picture(panel, number=len(placed) + 1, left=left, top=top))
            left += panel.width
            below = max(below, panel.height)
        top += below
    return placed


def _heading(row: Row, *, number: int, top: int) -> Document:
    return {
        "id": number,
        "type": "row",
        "title": row.title,
        "collapsed": False,
        "panels": [],
        "gridPos": {"x": 0, "y": top, "w": GRID_WIDTH, "h": 1},
    }


def _picture(panel: Panel, *, number: int, left: int, top: int) -> Document:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": DATASOURCE,
        "gridPos": {"x": left, "y": top, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _options(panel),
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": DATASOURCE,
                "expr": line.expr,
                "legendFormat": line.legend or "__auto",
                "instant": panel.kind == "stat",
                "range": panel.kind != "stat",
            }
            for index, line in enumerate(panel.lines)
        ],
    }


def _field(panel: Panel) -> Document:
    steps: list[Document] = [{"color": GREEN, "value": None}]
    if panel.bad_from is not None:
        steps.append({"color": RED, "value": panel.bad_from})
    field: Document = {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind == "timeseries" and panel.bad_from is not None:
        field["custom"] = {"thresholdsStyle": {"mode": "line"}}
    return field


def _options(panel: Panel) -> Document:
    if panel.kind == "stat":
        return {"colorMode": "background", "graphMode": "none", "reduceOptions": {"calcs": ["lastNotNull"]}}
    return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
