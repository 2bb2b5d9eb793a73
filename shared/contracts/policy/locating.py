"""Where in a TOML text a key path is written, so that an error can name its line.

tomllib gives values without positions. This scanner reads a text that tomllib has already accepted, so it
need only recognise keys, headers, strings, comments and nesting, not judge them.
"""

import re
from collections.abc import Iterator, Mapping

KeyPath = tuple[str | int, ...]

_BARE_OR_QUOTED = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = rf"{_BARE_OR_QUOTED}(?:[ \t]*\.[ \t]*{_BARE_OR_QUOTED})*"
_HEADER = re.compile(rf"[ \t]*(?P<open>\[\[?)[ \t]*(?P<key>{_DOTTED})[ \t]*\]")
_KEY = re.compile(rf"[ \t]*(?P<key>{_DOTTED})[ \t]*=")
_PART = re.compile(_BARE_OR_QUOTED)
# What matters inside a value: strings and comments are stepped over whole, the rest nests or separates.
_SYMBOL = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[\[\]{},\n]"
    r"|[^\s\[\]{},\#\"']+",
    re.DOTALL,
)


class PolicyPackInvalid(ValueError):
    """A policy pack that must not be used: file, line, key path, and what was expected there."""

    def __init__(self, *, name: str, line: int, key_path: str, expected: str) -> None:
        super().__init__(f"{name}, line {line}: {key_path or '(top level)'}: {expected}")
        self.name = name
        self.line = line
        self.key_path = key_path
        self.expected = expected


def key_path_text(path: KeyPath) -> str:
    """The path as people write it: `classes[3].layer`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def line_of(path: KeyPath, *, lines: Mapping[KeyPath, int]) -> int:
    """The line (from 1) of the path, or of the nearest part of it that is written; line 1 at worst."""
    for length in range(len(path), 0, -1):
        line = lines.get(path[:length])
        if line is not None:
            return line
    return 1


def key_lines(text: str) -> Mapping[KeyPath, int]:
    """The line (from 1) of every table, key and array element of a valid TOML text."""
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    position, line = 0, 1
    while position < len(text):
        header = _HEADER.match(text, position)
        key = _KEY.match(text, position)
        if header:
            table = _table_path(_parts(header["key"]), is_element=header["open"] == "[[", counts=counts)
            lines.setdefault(table, line)
        elif key:
            path = (*table, *_parts(key["key"]))
            lines[path] = line
            position, line = _scan_value(text, key.end(), path=path, line=line, lines=lines)
        position, line = _next_line(text, position), line + 1
    return lines


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _table_path(parts: tuple[str, ...], *, is_element: bool, counts: dict[KeyPath, int]) -> KeyPath:
    """The path of a header; a name that is an array of tables means its newest element."""
    path: KeyPath = ()
    for part in parts[:-1]:
        path = _newest((*path, part), counts)
    path = (*path, parts[-1])
    if is_element:
        counts[path] = counts.get(path, 0) + 1
    return _newest(path, counts)


def _newest(path: KeyPath, counts: Mapping[KeyPath, int]) -> KeyPath:
    return (*path, counts[path] - 1) if path in counts else path


def _next_line(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end + 1


def _scan_value(text: str, position: int, *, path: KeyPath, line: int, lines: dict[KeyPath, int]) -> tuple[int, int]:
    """Step over a value, noting the line of each element of its arrays; gives its last position and line."""
    # One entry per open bracket: the next element's index, or None inside an inline table.
    open_brackets: list[int | None] = []
    for symbol, start in _symbols(text, position):
        if symbol == "\n" and not open_brackets:
            return start, line
        if symbol not in {"\n", ",", "]", "}"} and not symbol.startswith("#") and None not in open_brackets:
            indexes = tuple(index for index in open_brackets if index is not None)
            lines.setdefault((*path, *indexes), line)
        if symbol in {"[", "{"}:
            open_brackets.append(0 if symbol == "[" else None)
        elif symbol in {"]", "}"}:
            open_brackets.pop()
        elif symbol == "," and (index := open_brackets[-1]) is not None:
            open_brackets[-1] = index + 1
        line += symbol.count("\n")
    return len(text), line


def _symbols(text: str, position: int) -> Iterator[tuple[str, int]]:
    for match in _SYMBOL.finditer(text, position):
        yield match.group(), match.start()
