"""What the market wrote, cut so that a copy of it is a few joins: ids, numbers, dates and counters are blanks to fill.

The rows are PostgreSQL's own COPY text with every byte that can be read left readable, so a blank is found wherever it
stands: in a column, in a key, inside a fact's JSON. What a stage wrote is known by the ids that came with it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from io import BytesIO
from typing import Any
from uuid import UUID

import asyncpg

from services.order.domain.terms import order_number

SINGLE = frozenset({"alembic_version", "clock", "lease", "relay_partition", "allocator_lease", "signing_key"})
"""What a database has once, whatever it holds."""
COUNTED = {("voucher", "application", "ticket_no"): "ticket", ("voucher", "allocation", "ticket_no"): "ticket",
           ("voucher", "allocation", "decision_no"): "decision", ("order", "order_event", "seq"): "event"}  # fmt: skip
COUNTERS = {"ticket": ("voucher", "application", "ticket_no"), "decision": ("voucher", "allocation", "decision_no"),
            "event": ("order", "order_event", "seq")}  # fmt: skip
"""The column whose numbers in the market are counted on, by counter."""
SUFFIXED = {("settlement", "evidence_key", "value"), ("settlement", "evidence", "blob_key"),
            ("settlement", "appropriation", "payment_key")}  # fmt: skip
"""Columns that are unique by a paper's own content."""
TICK_S = 65.536
"""The first 32 bits of a UUIDv7 count these."""
SPREAD_S = 180 * 86_400
_ID = re.compile(rb"(?<![0-9a-f])([0-9a-f]{8})(-?)([0-9a-f]{4})(-?)([0-9a-f]{4})(-?)([0-9a-f]{4})(-?)([0-9a-f]{12})"
                 rb"(?![0-9a-f])")  # fmt: skip
_TIME = re.compile(rb"(\d{4}-\d\d-\d\d)([ T])(\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(\+00(?::00)?|Z)")
_NUMBER = re.compile(rb"\d{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}")
_DECIDED = re.compile(rb"[0-9a-f-]{36}/(\d+)/(?:earmark|free)")
"""The business key of what a decision moved."""
_TABLES = """
SELECT c.relname, (SELECT array_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = '')
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname
"""


class Kind(IntEnum):
    """How often a row is there; a row that names ids of two kinds is of the later one."""

    ONCE = 0
    GROUP = 1
    COPY = 2


@dataclass(frozen=True, slots=True)
class Blank:
    """A place to be filled: what is filled in, from what, and in which form."""

    what: str
    value: Any
    form: str = ""


@dataclass(slots=True)
class Cut:
    """The rows of one table and kind: text, blank, text, ..."""

    table: str
    columns: Sequence[str]
    kind: Kind
    parts: list[bytes | Blank] = field(default_factory=list)


@dataclass(slots=True)
class Template:
    """All that is multiplied, by service, and how often each counter counts within one copy."""

    cuts: dict[str, list[Cut]] = field(default_factory=dict)
    counters: dict[str, list[int]] = field(default_factory=dict)
    year: int = 0


async def dump(connection: asyncpg.Connection) -> dict[tuple[str, tuple[str, ...]], list[bytes]]:
    """The rows of every table as lines of COPY, by table and columns."""
    await connection.execute("SET bytea_output = 'escape'; SET timezone = 'UTC'")
    found = {}
    for name, columns in await connection.fetch(_TABLES):
        if name in SINGLE:
            continue
        out = BytesIO()
        listed = ", ".join(f'"{column}"' for column in columns)
        await connection.copy_from_query(f'SELECT {listed} FROM "{name}"', output=out)  # noqa: S608 - from the catalog
        found[name, tuple(columns)] = out.getvalue().splitlines(keepends=True)
    return found


def ids_of(lines: Iterable[bytes]) -> set[str]:
    """The ids that were drawn for some rows; the accounts of staff are made of their names, and stay."""
    return {_hex(match) for line in lines for match in _ID.finditer(line) if match.group(5)[:1] in b"47"}


def _hex(match: "re.Match[bytes]") -> str:
    return b"".join(match.group(1, 3, 5, 7, 9)).decode()


@dataclass(slots=True)
class Cutter:
    """Cuts rows by what is known of the ids in them."""

    kinds: Mapping[str, Kind]
    year: int
    template: Template = field(default_factory=Template)

    def cut(self, dumped: Mapping[str, Mapping[tuple[str, tuple[str, ...]], list[bytes]]]) -> Template:
        """The template of what five databases hold."""
        self.template.year = self.year
        for name in COUNTERS:
            self.template.counters[name] = self._counted(dumped, name)
        numbers = {}
        for (table, _), lines in dumped["order"].items():
            if table == "cloud_order":
                for match in filter(None, map(_ID.match, lines)):
                    order = UUID(_hex(match))
                    numbers[order_number(order_id=order, year=self.year).encode()] = order.hex
        for service, tables in dumped.items():
            self.template.cuts[service] = [
                cut for key, lines in tables.items() for cut in self._table(service, key, lines, numbers) if cut.parts
            ]
        return self.template

    def _counted(self, dumped: Mapping[str, Any], name: str) -> list[int]:
        service, table, column = COUNTERS[name]
        for (found, columns), lines in dumped[service].items():
            if found == table:
                place = columns.index(column)
                return sorted(int(line.split(b"\t")[place]) for line in lines if self.kind(line) is Kind.COPY)
        return []

    def kind(self, line: bytes) -> Kind:
        """How often a row is there."""
        return max((self.kinds.get(_hex(one), Kind.ONCE) for one in _ID.finditer(line)), default=Kind.ONCE)

    def _table(
        self, service: str, key: tuple[str, tuple[str, ...]], lines: Sequence[bytes], numbers: Mapping[bytes, str]
    ) -> list[Cut]:
        table, columns = key
        cuts = {kind: Cut(table, columns, kind) for kind in (Kind.GROUP, Kind.COPY)}
        for line in lines:
            kind = self.kind(line)
            if kind is Kind.ONCE:
                continue
            parts = cuts[kind].parts
            for place, (column, value) in enumerate(zip(columns, line[:-1].split(b"\t"), strict=True)):
                parts.append(b"\t" if place else b"")
                counter = COUNTED.get((service, table, column))
                if counter is not None:
                    parts.append(self._counter(counter, value))
                    continue
                decided = _DECIDED.fullmatch(value) if column == "business_key" else None
                if decided is not None:
                    at, to = decided.span(1)
                    parts += [value[:at], self._counter("decision", value[at:to]), value[to:]]
                    continue
                parts.extend(self._blanks(value, numbers))
                if (service, table, column) in SUFFIXED:
                    parts.append(Blank("suffix", None))
            parts.append(b"\n")
        return [Cut(cut.table, cut.columns, cut.kind, joined(cut.parts)) for cut in cuts.values()]

    def _counter(self, name: str, value: bytes) -> bytes | Blank:
        counted = self.template.counters[name]
        return Blank(name, counted.index(int(value))) if int(value) in counted else value

    def _blanks(self, value: bytes, numbers: Mapping[bytes, str]) -> list[bytes | Blank]:
        found: list[tuple[int, int, Blank]] = []
        for match in _ID.finditer(value):
            kind = self.kinds.get(_hex(match), Kind.ONCE)
            if kind is not Kind.ONCE:
                found.append((*match.span(), Blank(kind.name, _hex(match), "-" if match.group(2) else "")))
        # Business time lies in the plan's year, machine time before it: what the machine noted stays.
        found.extend(
            (*match.span(), Blank("time", _moment(match), _form(match)))
            for match in _TIME.finditer(value)
            if int(match.group(1)[:4]) >= self.year
        )
        found.extend(
            (*match.span(), Blank("number", numbers[match.group()]))
            for match in _NUMBER.finditer(value)
            if match.group() in numbers and self.kinds.get(numbers[match.group()]) is Kind.COPY
        )
        parts: list[bytes | Blank] = []
        at = 0
        for begins, ends, blank in sorted(found, key=lambda one: one[0]):
            if begins >= at:
                parts += [value[at:begins], blank]
                at = ends
        return [*parts, value[at:]]


def joined(parts: Iterable[bytes | Blank]) -> list[bytes | Blank]:
    """The same with neighbouring texts as one."""
    found: list[bytes | Blank] = []
    for part in parts:
        if isinstance(part, bytes) and found and isinstance(found[-1], bytes):
            found[-1] += part
        elif part != b"":
            found.append(part)
    return found


def _moment(match: "re.Match[bytes]") -> datetime:
    day, _, clock, fraction, _ = (part.decode() if part else "" for part in match.groups())
    return datetime.fromisoformat(f"{day}T{clock}.{fraction.ljust(6, '0')}")


def _form(match: "re.Match[bytes]") -> str:
    return f"{match.group(2).decode()}{match.group(5).decode()}"


class Filled:
    """The blanks of one copy: `slot` ticks after the market, in a group, counting on from the market's last numbers."""

    def __init__(self, template: Template, number: int, *, slot: int, group: int, last: Mapping[str, int]) -> None:
        self._year = template.year
        self._counters = {name: len(counted) for name, counted in template.counters.items()}
        self._number, self._last = number, last
        # What a group shares is as old as the market.
        self._shifts = {Kind.COPY.name: slot, Kind.GROUP.name: 0}
        self._marks = {Kind.COPY.name: mark(number), Kind.GROUP.name: mark(group)}
        self._later = timedelta(seconds=round(slot * TICK_S))

    def fill(self, blank: Blank) -> bytes:
        """What stands in a blank."""
        match blank.what:
            case "time":
                return f"{(blank.value + self._later).isoformat(blank.form[0])}{blank.form[1:]}".encode()
            case "number":
                return order_number(order_id=UUID(self._id(blank.value, Kind.COPY.name)), year=self._year).encode()
            case "suffix":
                return b"-%d" % self._number
            case "ticket" | "decision" | "event":
                each = self._counters[blank.what]
                return b"%d" % (self._last[blank.what] + (self._number - 1) * each + blank.value + 1)
            case kind:
                text = self._id(blank.value, kind)
                if blank.form:
                    text = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
                return text.encode()

    def _id(self, text: str, kind: str) -> str:
        first = (int(text[:8], 16) + self._shifts[kind]) & 0xFFFFFFFF
        return f"{first:08x}{text[8:20]}{int(text[20:], 16) ^ self._marks[kind]:012x}"


def mark(number: int) -> int:
    """What makes the ids of a copy differ from those of all others, spread over 48 bits."""
    return number * 0x9E3779B97F4B & 0xFFFFFFFFFFFF
