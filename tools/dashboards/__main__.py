"""`python -m tools.dashboards` writes every dashboard, for Grafana and as a page that Prometheus serves.

With `--check` it only says which files differ.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.dashboards.consoles import consoles
from tools.dashboards.journey import journey
from tools.dashboards.panels import Document
from tools.dashboards.services import service_dashboard

CHECKOUT = Path(__file__).resolve().parents[2]
OBSERVABILITY = CHECKOUT / "deploy" / "observability"
WRITTEN = ("dashboards/*.json", "consoles/*.html")


def components() -> list[str]:
    """The services of the platform: the folders that can be started."""
    return sorted(path.parent.name for path in CHECKOUT.glob("services/*/__main__.py"))


def documents() -> Mapping[str, Document]:
    """Every dashboard by file name."""
    of_services = {f"{name}.json": service_dashboard(name) for name in components()}
    return {"journey.json": journey(), **of_services}


def texts() -> Mapping[str, str]:
    """What each file below deploy/observability holds."""
    found = documents()
    pages = {f"consoles/{name}": page for name, page in consoles(found).items()}
    return {f"dashboards/{name}": _text(document) for name, document in found.items()} | pages


def _text(document: Document) -> str:
    """Sound JSON with one line a panel: a changed panel is a changed line."""
    entries = (f"{json.dumps(key)}: {_value(value)}" for key, value in document.items())
    return "{\n" + ",\n".join(entries) + "\n}\n"


def _value(value: object) -> str:
    if not isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return "[\n" + ",\n".join(f"  {json.dumps(item, ensure_ascii=False)}" for item in value) + "\n]"


def _written() -> Mapping[str, Path]:
    """The files that are there, by their path below deploy/observability."""
    return {
        path.relative_to(OBSERVABILITY).as_posix(): path for pattern in WRITTEN for path in OBSERVABILITY.glob(pattern)
    }


def differences() -> list[str]:
    """The files that are missing, other than they should be, or nobody's."""
    wanted = texts()
    there = {name: path.read_text(encoding="utf-8") for name, path in _written().items()}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def main() -> int:
    """Exit code 0; with --check 1 when a file differs."""
    parser = argparse.ArgumentParser(prog="python -m tools.dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file differs")
    if parser.parse_args().check:
        found = differences()
        for name in found:
            print(f"{name} is not what `python -m tools.dashboards` writes", file=sys.stderr)
        return 1 if found else 0
    wanted = texts()
    for name, path in _written().items():
        if name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (OBSERVABILITY / name).parent.mkdir(parents=True, exist_ok=True)
        (OBSERVABILITY / name).write_text(text, encoding="utf-8")
    print(f"wrote {len(documents())} dashboards, each for Grafana and as a page of Prometheus")
    return 0


if __name__ == "__main__":
    sys.exit(main())
