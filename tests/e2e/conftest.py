"""The stack is started, and the story told to it, once for a run of the end-to-end tests."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from embedded.front import SignIn
from tests.containers import require_engine
from tests.e2e.market import tell
from tests.e2e.stack import Stack, build_images


@pytest.fixture(scope="session")
def stack(container_labels: dict[str, str]) -> Iterator[Stack]:
    """The whole platform in containers, from images built of this checkout."""
    require_engine()
    build_images()
    with Stack(labels=container_labels) as running:
        yield running


@pytest.fixture(scope="session")
def told(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Sequence[SignIn]:
    """The demonstration's story, told to the containers once."""
    return asyncio.run(tell(stack, tmp_path_factory.mktemp("story") / "told"))
