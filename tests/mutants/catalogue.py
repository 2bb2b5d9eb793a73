"""The seeded bugs as data: `bugs/*.toml`, a file for each kind of fault."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

BUGS = Path(__file__).parent / "bugs"
ROOT = Path(__file__).parents[2]

_FIELDS = frozenset({"name", "file", "old", "new", "tests", "equivalent", "slow"})
_DEFINED = re.compile(r"^\s*(?:(?:async )?def|class) (\w+)|^(Test\w+) =", re.MULTILINE)


class CatalogueBroken(Exception):
    """A seeded bug cannot be read, or no longer fits the code it is to be planted in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """One seeded bug: `old` stands once in `file` and becomes `new`; `tests` are what must turn red.

    `equivalent` says why no test can tell the changed code from the right one; such a bug is expected to stay green.
    `slow` says that its tests take longer than about a second although they need no server.
    """

    kind: str
    name: str
    file: str
    old: str
    new: str
    tests: Sequence[str]
    equivalent: str = ""
    slow: bool = False

    @property
    def title(self) -> str:
        """What the reports call it."""
        return f"{self.kind}: {self.name}"

    @property
    def quick(self) -> bool:
        """Whether its tests take about a second and need no server, so that CI plants it every time."""
        return not self.slow and self.serverless

    @property
    def serverless(self) -> bool:
        """Whether its tests need no server."""
        return all(test.startswith("tests/unit/") for test in self.tests)

    def planted(self, source: str) -> str:
        """The source with the bug in it. Raises: CatalogueBroken when it does not fit exactly once."""
        found = source.count(self.old)
        if found != 1:
            raise CatalogueBroken(f"{self.title}: what it changes stands {found} times in {self.file}, expected once")
        return source.replace(self.old, self.new)


def load(folder: Path = BUGS) -> Sequence[Bug]:
    """All seeded bugs, by kind and in the order of their files. Raises: CatalogueBroken."""
    bugs = [
        _read(entry, kind=path.stem)
        for path in sorted(folder.glob("*.toml"))
        for entry in tomllib.loads(path.read_text("utf-8")).get("bug", [])
    ]
    titles = [bug.title for bug in bugs]
    twice = {title for title in titles if titles.count(title) > 1}
    if twice:
        raise CatalogueBroken(f"named twice: {', '.join(sorted(twice))}")
    return bugs


def _read(entry: dict[str, object], *, kind: str) -> Bug:
    unknown = entry.keys() - _FIELDS
    if unknown:
        raise CatalogueBroken(f"{kind}: unknown fields {', '.join(sorted(unknown))}")
    try:
        bug = Bug(kind=kind, **entry)  # type: ignore[arg-type] # tomllib gives objects; what follows checks them
    except TypeError as error:
        raise CatalogueBroken(f"{kind}: {error}") from error
    if not bug.tests or bug.old == bug.new:
        raise CatalogueBroken(f"{bug.title}: names no test, or changes nothing")
    return bug


def check_fit(bugs: Sequence[Bug], root: Path = ROOT) -> Sequence[str]:
    """What no longer fits the code: a sentence for each bug whose file, text or tests are gone."""
    wrong = []
    for bug in bugs:
        try:
            bug.planted((root / bug.file).read_text("utf-8"))
        except (OSError, CatalogueBroken) as error:
            wrong.append(str(error))
        wrong += [f"{bug.title}: no test {test}" for test in bug.tests if not _exists(test, root)]
    return wrong


def _exists(test: str, root: Path) -> bool:
    """Whether a test's file is there and defines it; parameters are not looked at."""
    name, _, function = test.partition("[")[0].partition("::")
    path = root / name
    return path.is_file() and (not function or set(function.split("::")) <= _defined(path))


@lru_cache(maxsize=256)
def _defined(path: Path) -> frozenset[str]:
    return frozenset("".join(names) for names in _DEFINED.findall(path.read_text("utf-8")))
