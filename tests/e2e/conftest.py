"""The stack is started once for a run of the end-to-end tests."""

from collections.abc import Iterator

import pytest

from tests.containers import require_engine
from tests.e2e.stack import Stack, build_images


@pytest.fixture(scope="session")
def stack(container_labels: dict[str, str]) -> Iterator[Stack]:
    """The whole platform in containers, from images built of this checkout."""
    require_engine()
    build_images()
    with Stack(labels=container_labels) as running:
        yield running
