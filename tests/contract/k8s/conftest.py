"""Every overlay rendered once, and the folder of custom resource definitions where there is one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.requirements_of_environment import cannot_run
from tools.k8s_check.documents import CHECKOUT, Rendered
from tools.k8s_check.render import KubectlMissing, copy_of, kubectl, overlays, render

DEFINITIONS = CHECKOUT.parent / "shared" / "crds"


@pytest.fixture(scope="session")
def program() -> str:
    """A kubectl; without one the manifests cannot be judged, which CI must not take for good."""
    try:
        return kubectl()
    except KubectlMissing as error:
        cannot_run(str(error))


@pytest.fixture(scope="session")
def copied_manifests() -> Iterator[Path]:
    """A copy of deploy/k8s with secrets of its own."""
    with copy_of() as copied:
        yield copied


@pytest.fixture(scope="session")
def rendered(program: str, copied_manifests: Path) -> dict[str, Rendered]:
    """Every overlay and example by its name."""
    return {folder.name: render(folder, program=program) for folder in overlays(copied_manifests)}


@pytest.fixture(scope="session")
def definitions() -> Path:
    """A folder of CustomResourceDefinitions beside the checkout."""
    if not DEFINITIONS.is_dir():
        pytest.skip(
            f"custom resources are not judged: no folder of definitions at {DEFINITIONS.name} beside the checkout"
        )
    return DEFINITIONS
