"""`python -m tools.handbook` writes what the handbook tells of the code; a test sees that it is current."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from shared.handbook import consistency
from shared.handbook import events as events_of_handbook
from shared.handbook import problems as problems_of_handbook
from tools.handbook.events import asyncapi
from tools.handbook.operations import operation_entries
from tools.handbook.problems import problem_entries


def files() -> Mapping[Path, str]:
    """Every generated file and its text."""
    contents = {
        problems_of_handbook.FILE: problem_entries(),
        consistency.FILE: operation_entries(),
        events_of_handbook.ASYNCAPI_FILE: asyncapi(),
    }
    return {
        file: json.dumps(msgspec.to_builtins(content), indent=1, ensure_ascii=False) + "\n"
        for file, content in contents.items()
    }


def main() -> int:
    """Write the files."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(f"{path.name}: {len(text) // 1024} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
