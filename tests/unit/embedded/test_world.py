"""The made-up world: repeatable, well-formed, and wide enough to show every rule."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded.demonstration.order_script import (
    AUTUMN,
    LAST_YEAR_YUAN,
    SPRING,
    SUMMER,
    THIS_SPRING,
    THIS_SUMMER,
    THIS_YEAR_YUAN,
    TODAY,
    WINTER,
)
from embedded.demonstration.world import (
    TOO_YOUNG,
    Organisation,
    World,
    credit_code,
    id_number,
    make_newcomer,
    make_world,
)
from shared.contracts.permissions import Role
from shared.kernel import resident_id
from shared.kernel.credit_code import EntityKind, accept
from shared.kernel.names import fold_phone

YEAR = 2025
CAP_YUAN = 50_000
PLOTS = (*SPRING, *SUMMER, *AUTUMN, *WINTER, *THIS_SPRING, *THIS_SUMMER, *TODAY)


def everybody(world: World) -> list[Organisation]:
    return [
        *world.enterprises,
        *world.providers,
        world.individual_business,
        world.refused_enterprise,
        make_newcomer(YEAR),
    ]


def test_the_same_year_and_seed_make_the_same_world() -> None:
    assert make_world(YEAR) == make_world(YEAR)
    assert make_world(YEAR) != make_world(YEAR, seed=1)


def test_every_credit_code_holds_both_check_places_and_nobody_shares_one() -> None:
    checks = [accept(party.credit_code) for party in everybody(make_world(YEAR))]
    assert not any(check.organisation_check_warns for check in checks)
    assert len({check.code for check in checks}) == len(checks)


@given(body=st.from_regex(r"[0-9A-H]{8}", fullmatch=True))
def test_a_made_code_is_accepted_whatever_its_body(body: str) -> None:
    check = accept(credit_code("91", region="520100", body=body))
    assert check.kind is EntityKind.ENTERPRISE
    assert not check.organisation_check_warns


def test_everybody_has_an_id_number_and_a_telephone_of_the_own_and_no_id_number_is_a_living_persons() -> None:
    parties = everybody(make_world(YEAR))
    numbers = {party.id_number for party in parties}
    for number in numbers:
        resident_id.accept(number)
        # No place of China has this area code (GB/T 2260).
        assert number.startswith("890000")
    assert len(numbers) == len({fold_phone(party.phone) for party in parties}) == len(parties)


@given(number=st.integers(0, 10**6 - 1), sex=st.integers(0, 1))
def test_a_made_id_number_is_accepted_whatever_it_is_made_from(number: int, sex: int) -> None:
    resident_id.accept(id_number(number, sex=sex))


@pytest.mark.requirement("R5")
def test_three_enterprises_live_in_each_of_the_ten_regions() -> None:
    regions = [party.region for party in make_world(YEAR).enterprises]
    assert len(set(regions)) == 10
    assert {regions.count(region) for region in regions} == {3}


@pytest.mark.requirement("R33")
def test_the_products_cover_all_eleven_classes() -> None:
    products = make_world(YEAR).products
    assert len(products) == 20
    assert len({product.class_code for product in products}) == 11


@pytest.mark.requirement("R60")
def test_exactly_one_enterprise_is_too_young_when_the_plan_opens() -> None:
    a_year_before_opening = date(YEAR - 1, 3, 1)
    young = [
        place
        for place, party in enumerate(make_world(YEAR).enterprises)
        if party.established_on > a_year_before_opening
    ]
    assert young == [TOO_YOUNG]


def test_there_is_staff_for_every_role_that_staff_may_have() -> None:
    others = {Role.ENTERPRISE, Role.PROVIDER, Role.PLATFORM_ADMIN, Role.SERVICE}
    assert {person.role for person in make_world(YEAR).staff} == set(Role) - others


@pytest.mark.requirement("R29")
def test_the_story_asks_for_more_than_last_years_plan_but_never_above_the_cap() -> None:
    assert sum(LAST_YEAR_YUAN.values()) > 800_000
    assert max(*LAST_YEAR_YUAN.values(), *THIS_YEAR_YUAN.values()) <= CAP_YUAN


def test_an_order_of_the_story_buys_from_one_provider() -> None:
    products = make_world(YEAR).products
    for plot in PLOTS:
        assert len({products[number - 1].provider for number, _, _ in plot.lines}) == 1, plot.key


def test_the_keys_of_the_storys_orders_are_different() -> None:
    keys = [plot.key for plot in PLOTS]
    assert len(set(keys)) == len(keys)
