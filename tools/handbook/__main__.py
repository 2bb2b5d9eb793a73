"""`python -m tools.handbook` writes what the handbook tells of the code; a test sees that it is current."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from shared.handbook import events as events_of_handbook
from shared.handbook import problems as problems_of_handbook
from tools.handbook.events import asyncapi
from tools.handbook.problems import problem_entries


def files() -> Mapping[Path, str]:
    """Every generated file and its text."""
    entries = msgspec.to_builtins(problem_entries())
    return {
        problems_of_handbook.FILE: json.dumps(entries, indent=1, ensure_ascii=False) + "\n",
        events_of_handbook.ASYNCAPI_FILE: json.dumps(asyncapi(), indent=1, ensure_ascii=False) + "\n",
    }


def main() -> int:
    """Write the files."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(f"{path.name}: {len(text) // 1024} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
