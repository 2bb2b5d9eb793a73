"""A sixth component, invented in a copy of the project: its folder and its line in a list."""

from pathlib import Path

SIXTH = "oversight"


def add_folder(parent: Path, *files: str, like: str) -> None:
    """Make the folder of the sixth component, with these files of another one under its own name."""
    (parent / SIXTH).mkdir()
    for file in files:
        text = (parent / like / file).read_text(encoding="utf-8")
        for of, its in ((like, SIXTH), (like.upper(), SIXTH.upper()), (like.title(), SIXTH.title())):
            text = text.replace(of, its)
        (parent / SIXTH / file).write_text(text, encoding="utf-8")


def add_line(listing: Path, line: str, *, after: str) -> None:
    """Write a line into a list, below the one given. Raises: ValueError where that is missing."""
    lines = listing.read_text(encoding="utf-8").splitlines(keepends=True)
    lines.insert(lines.index(f"{after}\n") + 1, f"{line}\n")
    listing.write_text("".join(lines), encoding="utf-8")
