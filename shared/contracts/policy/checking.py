"""Rules between the parts of a pack that a schema alone cannot say."""

import string
from collections.abc import Iterable, Iterator
from datetime import date

from shared.contracts.policy.locating import KeyPath
from shared.contracts.policy.schema import CalendarYear, PackDocument, PartyKind

BrokenRule = tuple[KeyPath, str]

# Any common year serves to tell real month-days; 29 February is refused, for it closes nothing in most years.
_COMMON_YEAR = 2001
_SATURDAY = 5


def broken_rules(pack: PackDocument) -> Iterator[BrokenRule]:
    """Every rule the pack breaks: where, and what was expected there."""
    yield from _unique_codes(pack)
    yield from _classes_have_layers(pack)
    yield from _parties_have_documents_and_conditions(pack)
    yield from _days_are_in_order(pack)
    yield from _windows_are_days(pack)
    yield from _limits_fit(pack)
    yield from _notices_can_be_filled(pack)
    yield from _calendar_is_consistent(pack.calendar)


def _unique_codes(pack: PackDocument) -> Iterator[BrokenRule]:
    for table, keys in (
        ("layers", [layer.code for layer in pack.layers]),
        ("classes", [service_class.code for service_class in pack.classes]),
        ("regions", [region.code for region in pack.regions]),
        ("conditions", [(condition.party, condition.code) for condition in pack.conditions]),
        ("documents", [(document.party, document.code) for document in pack.documents]),
        ("evidence", [evidence.code for evidence in pack.evidence]),
        ("delisting_grounds", [ground.code for ground in pack.delisting_grounds]),
        ("fraud_acts", [act.code for act in pack.fraud_acts]),
        ("evaluation_axes", [axis.code for axis in pack.evaluation_axes]),
        ("aims", [(aim.code, aim.year) for aim in pack.aims]),
        ("notices", [notice.code for notice in pack.notices]),
        ("legal_references", [reference.number for reference in pack.legal_references]),
    ):
        for position in _repeated(keys):
            key = "number" if table == "legal_references" else "code"
            yield (table, position, key), f"a {key} that is not used before in {table}"
    for position in _repeated(pack.claim_window_closes_on):
        yield ("claim_window_closes_on", position), "a day that is not listed before"


def _repeated(keys: Iterable[object]) -> Iterator[int]:
    seen: set[object] = set()
    for position, key in enumerate(keys):
        if key in seen:
            yield position
        seen.add(key)


def _classes_have_layers(pack: PackDocument) -> Iterator[BrokenRule]:
    layers = {layer.code for layer in pack.layers}
    used = {service_class.layer for service_class in pack.classes}
    for position, service_class in enumerate(pack.classes):
        if service_class.layer not in layers:
            yield ("classes", position, "layer"), f"one of the layers {', '.join(sorted(layers))}"
        for item in _repeated([item.code for item in service_class.checklist]):
            yield ("classes", position, "checklist", item), "a code that is not used before in this checklist"
    for position, layer in enumerate(pack.layers):
        if layer.code not in used:
            yield ("layers", position, "code"), "a layer that at least one class belongs to"


def _parties_have_documents_and_conditions(pack: PackDocument) -> Iterator[BrokenRule]:
    for party in PartyKind:
        if not any(document.party is party for document in pack.documents):
            yield ("documents",), f"at least one document of party {party}"
        if not any(condition.party is party for condition in pack.conditions):
            yield ("conditions",), f"at least one condition of party {party}"
    for position, document in enumerate(pack.documents):
        if document.min_side_pixels >= document.max_side_pixels:
            yield ("documents", position, "min_side_pixels"), "fewer pixels than max_side_pixels"


def _days_are_in_order(pack: PackDocument) -> Iterator[BrokenRule]:
    if pack.valid_to is not None and pack.valid_from >= pack.valid_to:
        yield ("valid_to",), f"a day after valid_from ({pack.valid_from})"
    for position, reference in enumerate(pack.legal_references):
        if reference.effective_to is not None and reference.effective_to < reference.effective_from:
            yield ("legal_references", position, "effective_to"), "a day not before effective_from"


def _windows_are_days(pack: PackDocument) -> Iterator[BrokenRule]:
    for position, month_day in enumerate(pack.claim_window_closes_on):
        try:
            date(_COMMON_YEAR, int(month_day[:2]), int(month_day[3:]))
        except ValueError:
            yield ("claim_window_closes_on", position), "a month and day (MM-DD) that every year has"


def _limits_fit(pack: PackDocument) -> Iterator[BrokenRule]:
    if pack.priority_lane.share_bp > 0 and pack.priority_lane.until is None:
        yield ("priority_lane", "until"), "the last day of the lane, because share_bp is above 0"
    # A hold that ended before the provider's time does would let the same money be held twice.
    if pack.deadlines.hold_ttl_days <= pack.deadlines.confirm_timeout_days:
        yield ("deadlines", "hold_ttl_days"), "more days than confirm_timeout_days"
    if not any(evidence.required for evidence in pack.evidence):
        yield ("evidence",), "at least one required kind: money is paid for proven use only"


def _notices_can_be_filled(pack: PackDocument) -> Iterator[BrokenRule]:
    for position, notice in enumerate(pack.notices):
        for key, template in (("title", notice.title), ("body", notice.body)):
            if not _is_template(template):
                yield ("notices", position, key), "text whose {marks} are plain names"


def _is_template(template: str) -> bool:
    try:
        marks = [mark for _, mark, _, _ in string.Formatter().parse(template) if mark is not None]
    except ValueError:
        return False
    return all(mark.isidentifier() for mark in marks)


def _calendar_is_consistent(years: Iterable[CalendarYear]) -> Iterator[BrokenRule]:
    seen_years: set[int] = set()
    for position, year in enumerate(years):
        if year.year in seen_years:
            yield ("calendar", position, "year"), "a year that is not listed before"
        seen_years.add(year.year)
        if not year.days_off and not year.days_worked:
            yield ("calendar", position), "at least one day; leave the year out while it is not announced"
        yield from _year_days(position, year)


def _year_days(position: int, year: CalendarYear) -> Iterator[BrokenRule]:
    seen: set[date] = set()
    for key, days, of_plain_weekend in (
        ("days_off", year.days_off, False),
        ("days_worked", year.days_worked, True),
    ):
        for item, day in enumerate(days):
            where = ("calendar", position, key, item)
            if day in seen:
                yield where, "a day that is not listed before"
            elif day.year != year.year:
                yield where, f"a day of {year.year}"
            elif (day.weekday() >= _SATURDAY) is not of_plain_weekend:
                expected = "a Saturday or Sunday" if of_plain_weekend else "a day from Monday to Friday"
                yield where, f"{expected}; only days that differ from a plain week are listed"
            seen.add(day)
