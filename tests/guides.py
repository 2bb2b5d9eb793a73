"""The blocks of a Markdown document that somebody types, and a reader who types those marked `ci` as they stand."""

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

_FENCED = re.compile(
    r"^## (?P<heading>[^\n]+)$"
    r"|^(?P<indent> *)```(?P<info>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
CHAPTER_S_MAX = 600


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a document: the words behind its fence, its text, and the chapter and file it stands in."""

    file: Path
    heading: str
    info: str
    text: str

    @property
    def kind(self) -> str:
        """The language, `console` where each command has a prompt."""
        return self.info.split(" ")[0]

    @property
    def runs_in_ci(self) -> bool:
        """Whether a machine without a cluster can run it."""
        return "ci" in self.info.split(" ")[1:]

    @property
    def commands(self) -> list[str]:
        """The lines somebody types at a prompt, joined where a backslash continues them, without the answers."""
        joined = self.text.replace("\\\n", " ")
        return [" ".join(line[2:].split()) for line in joined.splitlines() if line.startswith("$ ")]

    @property
    def script(self) -> str:
        """What a shell is given."""
        return "\n".join(self.commands) + "\n" if self.kind == "console" else self.text


@dataclass(frozen=True, slots=True)
class Chapter:
    """What of a chapter is run, in one shell: a later block reads the variables of an earlier one."""

    heading: str
    script: str


def fenced(file: Path) -> list[Block]:
    """Every fenced block of a document, those inside lists included."""
    heading, found = "", []
    for match in _FENCED.finditer(file.read_text(encoding="utf-8")):
        if match["heading"] is not None:
            heading = match["heading"]
        else:
            found.append(Block(file, heading, match["info"], textwrap.dedent(match["text"])))
    return found


def chapters_for_ci(file: Path) -> list[Chapter]:
    """The chapters of a document of which something is run."""
    chosen = [block for block in fenced(file) if block.runs_in_ci]
    grouped = groupby(chosen, key=lambda block: block.heading)
    return [Chapter(heading, "".join(block.script for block in blocks)) for heading, blocks in grouped]


def fill(text: str, blanks: Mapping[str, str]) -> str:
    """A text with the words in capitals that its reader fills in."""
    if not blanks:
        return text
    return re.sub(r"\b(?:" + "|".join(blanks) + r")\b", lambda found: blanks[found[0]], text)


def run_as_reader(
    chapter: Chapter,
    folder: Path,
    *,
    blanks: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Type a chapter in a checkout, and stop at the first command that fails; what it answered."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603 - commands of a document of this checkout
        # Each command is told before its answer, so that a failure shows which one it was.
        ["bash", "-euxo", "pipefail", "-c", fill(chapter.script, blanks or {})],  # noqa: S607 - the shell of the reader
        check=False,
        capture_output=True,
        text=True,
        timeout=CHAPTER_S_MAX,
        cwd=folder,
        env={**os.environ, "PATH": path, **(environment or {})},
    )
    assert done.returncode == 0, f"{chapter.heading}: {done.stdout[-4_000:]}{done.stderr[-4_000:]}"
    return done.stdout
