"""The components of the platform, as `deploy/components` lists them: every other list follows from this one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
LISTING = CHECKOUT / "deploy" / "components"


def listed(listing: Path = LISTING) -> Mapping[str, Sequence[str]]:
    """The folders of every component by its name, in the order of the list."""
    lines = [line.split() for line in listing.read_text(encoding="utf-8").splitlines()]
    return {words[0]: words[1:] for words in lines if words and not words[0].startswith("#")}


def service_names(listing: Path = LISTING) -> tuple[str, ...]:
    """The components that are services, whose folder declares one in `service.py`; in the order of the list."""
    return tuple(name for name, folders in listed(listing).items() if (CHECKOUT / folders[0] / "service.py").is_file())
