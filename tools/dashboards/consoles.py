"""The dashboards as pages that Prometheus itself serves: its figures of now, without Grafana.

They are console templates: Prometheus asks each query when the page is read, and links it to its own graph.
"""

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from tools.dashboards.panels import Document

RATE_INTERVAL = "5m"
"""What Grafana chooses by the width of a picture."""
_LEGEND = re.compile(r"\{\{ *(\w+) *\}\}")
_STYLE = """\
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; color: #1f2933; }
nav a { margin-right: 1rem; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); gap: 1rem; }
h2 { grid-column: 1 / -1; margin: 1rem 0 0; }
section { border: 1px solid #cbd2d9; border-radius: 4px; padding: .5rem .8rem; }
h3 { margin: 0; font-size: 1rem; }
p { margin: .2rem 0 .5rem; color: #52606d; }
table { width: 100%; border-collapse: collapse; }
td:last-child { text-align: right; font-variant-numeric: tabular-nums; }
.none { color: #829ab1; }
.bad { background: #f8d7da; }
"""
_FORMATS = {
    "s": ("humanizeDuration", ""),
    "percentunit": ("humanizePercentage", ""),
    "bytes": ("humanize1024", "B"),
    "reqps": ("humanize", "/s"),
    "ops": ("humanize", "/s"),
}


def consoles(documents: Mapping[str, Document]) -> Mapping[str, str]:
    """The page of each dashboard by file name."""
    titles = {name.replace(".json", ".html"): str(found["title"]) for name, found in documents.items()}
    links = "".join(f'<a href="{name}">{escape(title)}</a>' for name, title in titles.items())
    return {name.replace(".json", ".html"): _page(found, links) for name, found in documents.items()}


def _page(document: Document, links: str) -> str:
    title = escape(str(document["title"]))
    panels: Any = document["panels"]
    parts = [part for panel in panels for part in _panel(panel)]
    return "\n".join(
        [
            "<!-- Written by `python -m tools.dashboards`; a change by hand is lost. -->",
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="30">',
            f"<title>{title}</title>",
            f"<style>\n{_STYLE}</style></head><body>",
            f'<nav>{links}<a href="/alerts">alerts</a></nav>',
            f"<h1>{title}</h1>",
            "<main>",
            *parts,
            "</main></body></html>",
            "",
        ]
    )


def _panel(panel: Mapping[str, Any]) -> Iterator[str]:
    if panel["type"] == "row":
        yield f"<h2>{escape(panel['title'])}</h2>"
        return
    yield f"<section><h3>{escape(panel['title'])}</h3><p>{escape(panel['description'])}</p><table>"
    defaults = panel["fieldConfig"]["defaults"]
    bad_from = [step["value"] for step in defaults["thresholds"]["steps"] if step["value"] is not None]
    for target in panel["targets"]:
        yield _rows(target, unit=defaults["unit"], bad_from=bad_from[0] if bad_from else None)
    yield "</table></section>"


def _rows(target: Mapping[str, Any], *, unit: str, bad_from: float | None) -> str:
    query = target["expr"].replace("$__rate_interval", RATE_INTERVAL)
    shown, behind = _FORMATS.get(unit, ("humanize", ""))
    marked = "" if bad_from is None else f'{{{{ if ge .Value {float(bad_from)} }}}} class="bad"{{{{ end }}}}'
    name = _name(target["legendFormat"])
    return (
        f"{{{{ range query `{query}` }}}}"
        f'<tr{marked}><td><a href="{{{{ graphLink `{query}` }}}}">{name}</a></td>'
        f"<td>{{{{ .Value | {shown} }}}}{behind}</td></tr>"
        '{{ else }}<tr class="none"><td>nothing</td><td></td></tr>{{ end }}'
    )


def _name(legend: str) -> str:
    """The name of a line as a template; where Grafana would make one up, the labels that it would show."""
    if legend in {"", "__auto"}:
        return "{{ range $label, $value := .Labels }}{{ $value }} {{ else }}now{{ end }}"
    return _LEGEND.sub(r"{{ .Labels.\1 }}", escape(legend))
