"""`python -m tools.compose` writes what follows from deploy/components beside the services.

That is deploy/compose.components.yaml, and a line for each component in Prometheus' configuration and in the rule of
what should be there. With `--check` it only says which file differs.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.compose.blocks import text_of
from tools.compose.components import CHECKOUT, FaultyDeclaration, listed, serving
from tools.compose.lists import texts_of

FILE = CHECKOUT / "deploy" / "compose.components.yaml"
EXIT_FAULTY = 2


def texts() -> Mapping[Path, str]:
    """What each file should hold. Raises: FaultyDeclaration."""
    components = serving()
    return {FILE: text_of(components), **texts_of(components)}


def stale() -> Sequence[Path]:
    """The files that are not what would be written. Raises: FaultyDeclaration."""
    return [file for file, text in texts().items() if not file.is_file() or file.read_text(encoding="utf-8") != text]


def main() -> int:
    """Exit code 0; with --check 1 when a file differs; 2 when a component declares what compose cannot do."""
    parser = argparse.ArgumentParser(prog="python -m tools.compose", description=f"{__doc__} {main.__doc__}")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file differs")
    given = parser.parse_args()
    try:
        if given.check:
            differing = stale()
            for file in differing:
                print(f"{file.name} is not what `python -m tools.compose` writes", file=sys.stderr)
            return 1 if differing else 0
        for file, text in texts().items():
            file.write_text(text, encoding="utf-8")
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
