"""The written tables of docs/security: which operation asks for which right."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.contracts.permissions import Permission
from tests.factories.harness import repository

OPERATIONS_PAGE = repository() / "docs" / "security" / "operations.md"
EVERYONE = "everyone"
ANY_ACCOUNT = "any account"
ANY_PERSON = "any person"
INSIDE = "Decided inside"
_RIGHT = re.compile(r"`([a-z_:]+)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenOperation:
    """A line of the table: of `permissions` any one lets in, none where everyone, any account or any person may ask."""

    title: str
    asked_of: str
    permissions: frozenset[Permission]
    why: str

    @property
    def for_everyone(self) -> bool:
        """Whether nobody is asked for a token."""
        return self.asked_of == EVERYONE

    @property
    def for_people(self) -> bool:
        """Whether machine clients are refused, whatever their scopes."""
        return self.asked_of == ANY_PERSON

    @property
    def inside(self) -> bool:
        """Whether the handler asks for the rights instead of the route."""
        return self.why.startswith(INSIDE)


def written_operations() -> Mapping[str, WrittenOperation]:
    """The table of operations by title. Raises: ValueError for a line that names no right, or a right twice."""
    found: dict[str, WrittenOperation] = {}
    for line in OPERATIONS_PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or cells[0] == "service":
            continue
        service, method, path, asked_of, why = cells
        names = _RIGHT.findall(asked_of)
        rights = frozenset(map(Permission, names))
        if (
            asked_of not in {EVERYONE, ANY_ACCOUNT, ANY_PERSON, " or ".join(f"`{name}`" for name in names)}
            or not asked_of
        ):
            raise ValueError(f"no right is read from: {line}")
        title = f"{service} {method} {path.strip('`')}"
        if title in found or len(rights) != len(names):
            raise ValueError(f"written twice: {line}")
        found[title] = WrittenOperation(title=title, asked_of=asked_of, permissions=rights, why=why)
    return found
