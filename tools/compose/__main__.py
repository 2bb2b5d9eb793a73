"""`python -m tools.compose` writes deploy/compose.components.yaml; with `--check` it only says whether it differs."""

import argparse
import sys
from pathlib import Path

from tools.compose.blocks import text_of
from tools.compose.components import CHECKOUT, FaultyDeclaration, listed, serving

FILE = CHECKOUT / "deploy" / "compose.components.yaml"
EXIT_FAULTY = 2


def text() -> str:
    """What the file should hold. Raises: FaultyDeclaration."""
    return text_of(serving())


def is_current(file: Path = FILE) -> bool:
    """Whether the file is what would be written. Raises: FaultyDeclaration."""
    return file.is_file() and file.read_text(encoding="utf-8") == text()


def main() -> int:
    """Exit code 0; with --check 1 when the file differs; 2 when a component declares what compose cannot do."""
    parser = argparse.ArgumentParser(prog="python -m tools.compose", description=f"{__doc__} {main.__doc__}")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file differs")
    given = parser.parse_args()
    try:
        if given.check:
            if not is_current():
                print(f"{FILE.name} is not what `python -m tools.compose` writes", file=sys.stderr)
                return 1
            return 0
        FILE.write_text(text(), encoding="utf-8")
        served = [component.name for component in serving()]
    except FaultyDeclaration as error:
        print(error, file=sys.stderr)
        return EXIT_FAULTY
    print(f"{FILE.name}: {', '.join(served)}")
    for name in listed().keys() - served:
        print(f"{name} has no settings.py and serves nothing, so it has no block")
    return 0


if __name__ == "__main__":
    sys.exit(main())
