"""Which image a rolling update begins from: the last release, or else the commit before the last change.

Before the first release a service's first migration is rewritten rather than followed by a second one. Across such a
commit no rolling update is possible, by design: its database cannot be brought forward. So a revision is fit only when
every migration it has is here, unchanged, or is one of those that were split when the runtime's tables got a branch of
their own: databases of these are recognised (ADR 0028). Where none is fit, or the clone has no history, the same code
goes under another version label, and the report says so.
"""

import os
import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.stack import version

GIT_S = 30.0
BUILD_S = 600.0
CODE = ("services", "shared")
MIGRATIONS = ("services/*/migrations/versions/*.py", "shared/runtime/deploy/migrations/versions/*.py")
RECOGNISED = Path(__file__).with_name("recognised_migrations.txt")
"""The first characters of what `sha256sum` said of the migrations that were split, before they were."""
DIGITS = 16


class NotBuilt(Exception):
    """An image of the previous version could not be built; the text says what the engine said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """The version before this one. `revision` is empty when it is the same code under another label."""

    revision: str
    services: frozenset[str]
    why: str

    @property
    def tag(self) -> str:
        """The tag of its images: always the same one, so that old ones do not pile up."""
        return f"{version()}-previous"

    @property
    def label(self) -> str:
        """The version that its images say they are."""
        return f"{version()}-before-{self.revision[:12]}" if self.revision else f"{version()}-same-code"


def choose(checkout: Path, wanted: str = "") -> Previous:
    """The last release, else the revision before the last change of the code; else the same code."""
    here = _migrations_here(checkout)
    candidates = [(wanted, "it was asked for")] if wanted else _candidates(checkout)
    unfit: list[str] = []
    for name, reason in candidates:
        revision = _git(checkout, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()
        if revision and _is_fit(checkout, revision, here):
            services = _services_of(_migrations_of(checkout, revision))
            return Previous(revision=revision, services=services, why=f"{reason}: {_subject(checkout, revision)}")
        if revision:
            unfit.append(
                f"{reason} ({revision[:12]}) has a migration that was rewritten since and cannot be rolled from"
            )
    said = "; ".join(unfit) or "this checkout has no history"
    every = _services_of(here)
    return Previous(revision="", services=every, why=f"the same code under another version label: {said}")


def _candidates(checkout: Path) -> list[tuple[str, str]]:
    found = []
    tag = _git(checkout, "describe", "--tags", "--abbrev=0").strip()
    if tag:
        found.append((tag, f"the release {tag}"))
    if _git(checkout, "status", "--porcelain", "--", *CODE).strip():
        found.append(("HEAD", "the last commit"))
    else:
        last = _git(checkout, "log", "-1", "--format=%H", "--", *CODE).strip()
        found.append((f"{last}~1", "the commit before the last change of services/ or shared/"))
    return found


def _is_fit(checkout: Path, revision: str, here: Mapping[str, str]) -> bool:
    """Whether every migration of a revision is here, byte for byte, or recognised.

    A service that the revision has not is not rolled.
    """
    paths = _migrations_of(checkout, revision)
    recognised = set(RECOGNISED.read_text(encoding="utf-8").splitlines())
    there = {path: _digest(_git(checkout, "show", f"{revision}:{path}").encode()) for path in paths}
    return bool(paths) and all(
        here.get(path) == digest or f"{digest[:DIGITS]}  {path}" in recognised for path, digest in there.items()
    )


def _migrations_of(checkout: Path, revision: str) -> list[str]:
    listed = _git(checkout, "ls-tree", "-r", "--name-only", revision, *CODE).splitlines()
    return [path for path in listed if any(Path(path).match(pattern) for pattern in MIGRATIONS)]


def _services_of(paths: Iterable[str]) -> frozenset[str]:
    return frozenset(path.split("/")[1] for path in paths if path.startswith("services/"))


def _migrations_here(checkout: Path) -> dict[str, str]:
    files = sorted(file for pattern in MIGRATIONS for file in checkout.glob(pattern))
    return {str(file.relative_to(checkout)): _digest(file.read_bytes()) for file in files}


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _subject(checkout: Path, revision: str) -> str:
    return _git(checkout, "log", "-1", "--format=%h of %cs", revision).strip()


def _git(checkout: Path, *words: str) -> str:
    """What git says; nothing where it fails, for example outside a clone."""
    try:
        done = subprocess.run(  # noqa: S603 - git itself
            ["git", *words],  # noqa: S607 - wherever it is installed
            cwd=checkout,
            capture_output=True,
            text=True,
            timeout=GIT_S,
            check=False,
        )
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def build(checkout: Path, previous: Previous, wanted: Collection[str]) -> None:
    """Make the images of the previous version, of those of these services that it has. Raises: NotBuilt."""
    components = sorted(previous.services.intersection(wanted))
    if not previous.revision:
        for component in components:
            text = f"FROM yunquan/{component}:{version()}\nLABEL org.opencontainers.image.version={previous.label}\n"
            _docker("build", "--quiet", "--tag", f"yunquan/{component}:{previous.tag}", "-", said=text.encode())
        return
    with TemporaryDirectory(prefix="yunquan-previous-") as folder:
        _export(checkout, previous.revision, Path(folder))
        # As `make images` does it, from that revision's own Dockerfile.
        common = ["--file", f"{folder}/deploy/Dockerfile", "--build-arg", f"VERSION={previous.label}"]
        common += ["--build-arg", f"REVISION={previous.revision[:12]}"]
        common += ["--build-arg", f"PYTHON_IMAGE={os.environ.get('PYTHON_IMAGE', 'python:3.13-slim')}"]
        common += ["--secret", f"id=ca,src={os.environ.get('EXTRA_CA_FILE', os.devnull)}"]
        for component in components:
            own = ["--build-arg", f"COMPONENT={component}", "--tag", f"yunquan/{component}:{previous.tag}"]
            _docker("buildx", "build", "--load", "--quiet", *common, *own, folder)


def _export(checkout: Path, revision: str, folder: Path) -> None:
    done = subprocess.run(  # noqa: S603 - git itself
        ["git", "archive", "--format=tar", revision],  # noqa: S607 - wherever it is installed
        cwd=checkout,
        capture_output=True,
        timeout=GIT_S,
        check=True,
    )
    # tarfile's own filters came with Python 3.11.4, and without one it warns from 3.12 on.
    unpack = ["tar", "--extract", "--directory", str(folder)]
    subprocess.run(unpack, input=done.stdout, capture_output=True, timeout=GIT_S, check=True)  # noqa: S603 - as above


def _docker(*words: str, said: bytes | None = None) -> None:
    done = subprocess.run(  # noqa: S603 - the engine's own client
        ["docker", *words],  # noqa: S607 - wherever it is installed
        input=said,
        capture_output=True,
        timeout=BUILD_S,
        check=False,
    )
    if done.returncode:
        raise NotBuilt(f"docker {' '.join(words)}: {done.stderr.decode(errors='replace')[-2000:]}")
