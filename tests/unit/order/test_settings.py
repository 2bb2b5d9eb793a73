"""Webhooks to this machine are for trying out, never for a platform on real time."""

import pytest
from pydantic import SecretStr, ValidationError

from services.order.settings import OrderSettings


def settings(**given: bool) -> OrderSettings:
    return OrderSettings(
        database_url=SecretStr("postgresql://nowhere/"),
        encryption_key=SecretStr("x"),
        webhook_local_targets=True,
        **given,
    )


def test_local_targets_are_refused_on_real_time_outside_of_a_sandbox() -> None:
    with pytest.raises(ValidationError):
        settings()


@pytest.mark.parametrize("mode", ["sandbox", "movable_clock"])
def test_a_sandbox_and_a_demonstration_may_have_local_targets(mode: str) -> None:
    assert settings(**{mode: True}).webhook_local_targets
