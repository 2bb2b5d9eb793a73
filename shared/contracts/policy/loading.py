"""From TOML text to a checked policy pack."""

import hashlib
import re
import tomllib
from datetime import date, datetime
from functools import cached_property, lru_cache
from typing import NoReturn

import msgspec

from shared.contracts.policy.checking import broken_rules
from shared.contracts.policy.locating import KeyPath, PolicyPackInvalid, key_lines, key_path_text, line_of
from shared.contracts.policy.schema import (
    CalendarYear,
    Condition,
    DocumentKind,
    Layer,
    LegalReference,
    NoticeText,
    PackDocument,
    PartyKind,
    Region,
    ServiceClass,
)
from shared.kernel.calendar import CalendarRow, WorkingCalendar, business_date, day_closes_at
from shared.kernel.money import BasisPoints
from shared.kernel.refusals import bug

_TOML_POSITION = re.compile(r" ?\(at (?:line (?P<line>\d+), column \d+|end of document)\)$")
_PATH_PART = re.compile(r"[^.\[\]]+")
# An unknown or a missing key is named in the problem, not in the path.
_KEY_IN_PROBLEM = re.compile(r"field `(?P<key>[^`]*)")


class PolicyPack(PackDocument, frozen=True, kw_only=True, dict=True):
    """A checked pack, with the rules that are only look-ups in it. `digest` is the sha256 hex of its text."""

    digest: str

    @cached_property
    def working_calendar(self) -> WorkingCalendar:
        """The calendar of public working days. Source: Q14."""
        return WorkingCalendar.of(row for year in self.calendar for row in _calendar_rows(year))

    @cached_property
    def _classes_by_code(self) -> dict[str, ServiceClass]:
        return {service_class.code: service_class for service_class in self.classes}

    @cached_property
    def _layers_by_code(self) -> dict[str, Layer]:
        return {layer.code: layer for layer in self.layers}

    @cached_property
    def _regions_by_code(self) -> dict[str, Region]:
        return {region.code: region for region in self.regions}

    @cached_property
    def _notices_by_code(self) -> dict[str, NoticeText]:
        return {notice.code: notice for notice in self.notices}

    def class_of(self, code: str) -> ServiceClass | None:
        """The eligible class of that code, or None: what is not listed is not eligible. Source: A17, R33."""
        return self._classes_by_code.get(code)

    def rate_bp(self, class_code: str) -> BasisPoints:
        """Highest support ratio of a listed class. Raises: Bug when it is not listed. Source: A18, R32."""
        service_class = self.class_of(class_code)
        if service_class is None:
            bug(f"class {class_code} is not in pack {self.id}")
        return self._layers_by_code[service_class.layer].rate_bp

    def region_of(self, code: str) -> Region | None:
        """The region of that code, or None. Source: R5."""
        return self._regions_by_code.get(code)

    def notice(self, code: str) -> NoticeText:
        """The notice text of that code. Raises: Bug when the pack has none."""
        notice = self._notices_by_code.get(code)
        if notice is None:
            bug(f"notice {code} is not in pack {self.id}")
        return notice

    def documents_of(self, party: PartyKind) -> tuple[DocumentKind, ...]:
        """The documents that party files for authentication, in form order. Source: R45, R65."""
        return tuple(document for document in self.documents if document.party is party)

    def conditions_of(self, party: PartyKind) -> tuple[Condition, ...]:
        """The conditions of entry of that party. Source: R37-R42, R59-R63."""
        return tuple(condition for condition in self.conditions if condition.party is party)

    def legal_references_on(self, day: date) -> tuple[LegalReference, ...]:
        """The texts that hold on that Beijing day. Source: R83, Q23."""
        return tuple(
            reference
            for reference in self.legal_references
            if reference.effective_from <= day and (reference.effective_to is None or day <= reference.effective_to)
        )

    def in_force_on(self, day: date) -> bool:
        """Whether new applications are taken on that Beijing day; both ends included. Source: Q26."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def claim_window_closes_at(self, filed_at: datetime) -> datetime:
        """When the window closes (aware UTC) that takes a claim filed then. Source: A22, R77."""
        filed_on = business_date(filed_at)
        closing_days = (
            date(year, int(month_day[:2]), int(month_day[3:]))
            for year in (filed_on.year, filed_on.year + 1)
            for month_day in sorted(self.claim_window_closes_on)
        )
        return day_closes_at(next(day for day in closing_days if day >= filed_on))


@lru_cache(maxsize=8)
def load_pack(text: str, *, name: str) -> PolicyPack:
    """Parse and check a pack; `name` is the file's name in errors. Raises: PolicyPackInvalid."""
    document = _convert(_parse(text, name=name), text=text, name=name)
    for path, expected in broken_rules(document):
        _refuse(path, expected, text=text, name=name)
    fields = {field: getattr(document, field) for field in PackDocument.__struct_fields__}
    return PolicyPack(**fields, digest=hashlib.sha256(text.encode()).hexdigest())


def _parse(text: str, *, name: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except ValueError as error:
        message = str(error)
        position = _TOML_POSITION.search(message)
        # A text that ends too early has no position of its own: its last line is where to look.
        line = int(position["line"]) if position and position["line"] else len(text.splitlines()) or 1
        problem = _TOML_POSITION.sub("", message)
        key_path = _key_near(text, line)
        raise PolicyPackInvalid(name=name, line=line, key_path=key_path, expected=f"valid TOML ({problem})") from error


def _key_near(text: str, line: int) -> str:
    """The key written on a line of a text that is no TOML, as far as it can be read."""
    lines = text.splitlines()
    written = lines[line - 1] if 0 < line <= len(lines) else ""
    return written.partition("=")[0].strip()


def _convert(tables: dict[str, object], *, text: str, name: str) -> PackDocument:
    try:
        return msgspec.convert(tables, PackDocument)
    except msgspec.ValidationError as error:
        problem, _, dotted = str(error).removesuffix("`").partition(" - at `$")
        path = tuple(int(part) if part.isdigit() else part for part in _PATH_PART.findall(dotted))
        key = _KEY_IN_PROBLEM.search(problem)
        if key:
            path = (*path, key["key"])
        _refuse(path, problem, text=text, name=name)


def _refuse(path: KeyPath, expected: str, *, text: str, name: str) -> NoReturn:
    line = line_of(path, lines=key_lines(text))
    raise PolicyPackInvalid(name=name, line=line, key_path=key_path_text(path), expected=expected)


def _calendar_rows(year: CalendarYear) -> list[CalendarRow]:
    off = [CalendarRow(day=day, working=False, source=year.source) for day in year.days_off]
    worked = [CalendarRow(day=day, working=True, source=year.source) for day in year.days_worked]
    return off + worked
