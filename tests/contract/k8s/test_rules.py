"""Each rule has an error planted into good manifests that turns it red."""

import copy

import pytest

from tests.contract.k8s.planted_around import PLANTED_AROUND
from tests.contract.k8s.planted_in_objects import PLANTED_IN_OBJECTS
from tools.k8s_check.documents import Rendered, name_of
from tools.k8s_check.rules import RULES

PLANTED = {**PLANTED_IN_OBJECTS, **PLANTED_AROUND}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_error_is_found_and_its_cure_named(what: str, rendered: dict[str, Rendered]) -> None:
    planted = PLANTED[what]
    good = rendered[planted.overlay]
    target = next(found for found in good.of(planted.kind) if name_of(found) == planted.name)
    changed = copy.deepcopy(target)
    planted.change(changed)
    bad = Rendered(good.overlay, tuple(changed if found is target else found for found in good.documents))

    found = list(planted.rule(bad))

    assert list(planted.rule(good)) == []
    assert found
    assert all(finding.cure and finding.what and finding.overlay == good.overlay for finding in found)


def test_every_rule_has_a_planted_error() -> None:
    assert {planted.rule for planted in PLANTED.values()} == set(RULES)
