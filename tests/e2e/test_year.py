"""Two years of the scheme, over HTTP, on PostgreSQL, RabbitMQ and five services in containers; proved to the fen."""

from collections.abc import Sequence

import pytest

from embedded.front import SignIn
from tests.e2e.market import assert_balanced, settled_proof
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]


@pytest.mark.requirement("R24")
@pytest.mark.requirement("R27")
@pytest.mark.requirement("R29")
async def test_the_year_told_to_containers_balances_to_the_fen(stack: Stack, told: Sequence[SignIn]) -> None:
    proof = await settled_proof(stack)
    assert len(proof.plans) == 2
    assert_balanced(proof)
    assert told
