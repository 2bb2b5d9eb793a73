"""Every move that a saga's tables name is carried out."""

from services.order.domain.saga import CLAIM, CLAIM_LATE, PURCHASE, PURCHASE_LATE, REFUND, OrderEffect
from services.order.handlers.effects import EFFECTS


def test_there_is_something_to_do_for_every_move_of_an_order() -> None:
    assert set(EFFECTS) == set(OrderEffect)


def test_no_move_is_left_that_no_saga_names() -> None:
    tables = (PURCHASE, PURCHASE_LATE, REFUND, CLAIM, CLAIM_LATE)
    assert {rule.effect for table in tables for rule in table.values() if rule.effect is not None} == set(OrderEffect)
