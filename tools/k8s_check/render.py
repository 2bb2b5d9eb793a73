"""Renders overlays with kubectl, from a copy, so that made-up secrets never come near the repository."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.k8s_check.documents import CHECKOUT, MANIFESTS, Rendered, load_all
from tools.k8s_check.secrets import write_development_secrets

KUBECTL_S_MAX = 60
KUSTOMIZATIONS = ("overlays", "examples")


class KubectlMissing(RuntimeError):
    """No kubectl is to be had; the text says why and what cures it."""


class RenderFailed(RuntimeError):
    """kubectl could not render; the text is what it said."""


def kubectl() -> str:
    """The path of a kubectl, taken from the distribution's package if need be. Raises: KubectlMissing."""
    found = subprocess.run(
        [CHECKOUT / "tools" / "kubectl.sh"], capture_output=True, text=True, check=False, timeout=400
    )
    if found.returncode != 0:
        raise KubectlMissing(found.stderr.strip().splitlines()[-1] if found.stderr.strip() else "kubectl.sh failed")
    return found.stdout.strip()


@contextmanager
def copy_of(manifests: Path = MANIFESTS) -> Iterator[Path]:
    """A copy of the manifests, with secrets for development made for it alone."""
    with tempfile.TemporaryDirectory(prefix="k8s-check-") as folder:
        copied = Path(folder) / "k8s"
        shutil.copytree(manifests, copied, ignore=shutil.ignore_patterns("secrets.new"))
        # Whatever somebody deploys with must not decide what the check finds.
        made = copied / "overlays" / "development" / "secrets.yaml"
        made.unlink(missing_ok=True)
        write_development_secrets(made)
        yield copied


def overlays(manifests: Path) -> list[Path]:
    """The folders that are rendered: every overlay and every example."""
    return [
        folder
        for group in KUSTOMIZATIONS
        for folder in sorted((manifests / group).glob("*"))
        if (folder / "kustomization.yaml").is_file()
    ]


def render(folder: Path, *, program: str) -> Rendered:
    """All objects of one overlay. Raises: RenderFailed."""
    # kubectl looks for a cluster's address although none is needed to render.
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    done = subprocess.run(
        [program, "kustomize", folder],
        capture_output=True,
        text=True,
        check=False,
        timeout=KUBECTL_S_MAX,
        env=environment,
    )
    if done.returncode != 0:
        raise RenderFailed(f"{folder.name}: {done.stderr.strip()[-2000:]}")
    return Rendered(folder.name, tuple(load_all(done.stdout)))
