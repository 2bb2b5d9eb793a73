"""Nobody has two parts in the way of the same money, whatever the roles; all pairs."""

from itertools import product
from uuid import UUID

import pytest

from services.settlement.domain.persons import PART_ZH, Acted, CasePart, check_person
from services.settlement.domain.refusals import SamePerson

ANNA, BEN = UUID(int=1), UUID(int=2)
# Written by hand: what one person may do in one case, because it is one side's own work.
OWN_WORK = {
    ("submit", "request"),
    ("first_review", "answer"),
    ("ask", "bureau_review"),
    ("ask", "approve"),
    ("propose_override", "first_review"),
    ("propose_override", "answer"),
    ("propose_override", "ask"),
    ("propose_override", "bureau_review"),
}


@pytest.mark.requirement("R78")
@pytest.mark.parametrize(("earlier", "later"), list(product(CasePart, CasePart)))
def test_one_person_has_two_parts_only_where_they_are_one_sides_own_work(earlier: CasePart, later: CasePart) -> None:
    allowed = earlier is later or {(earlier, later), (later, earlier)} & OWN_WORK
    acted = [Acted(CasePart.SUBMIT, BEN), Acted(earlier, ANNA)]
    if allowed:
        check_person(later, ANNA, acted=acted)
        return
    with pytest.raises(SamePerson) as refused:
        check_person(later, ANNA, acted=acted)
    assert refused.value.facts["earlier"] == earlier.value
    assert PART_ZH[earlier] in refused.value.detail


@pytest.mark.parametrize("part", list(CasePart))
def test_who_had_no_part_may_take_any_and_nobody_is_nobody(part: CasePart) -> None:
    check_person(part, ANNA, acted=[Acted(other, BEN) for other in CasePart])
    with pytest.raises(SamePerson):
        check_person(part, None, acted=[])
