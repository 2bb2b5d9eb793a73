"""The rights that the routes of all five services declare, line by line, against docs/security/operations.md."""

from types import SimpleNamespace
from typing import Any

import pytest

from embedded.platform import SERVICES
from shared.runtime.host.host import build_app
from shared.runtime.service.service import Service
from tests.integration.security.platform_fixture import Operation, operations_of
from tests.integration.security.written import ANY_ACCOUNT, ANY_PERSON, WrittenOperation, written_operations

WRITTEN = written_operations()
SERVICE_BY_NAME = {service.name: service for service in SERVICES}


def declared_of(service: Service) -> list[Operation]:
    """What a service answers to; no database is asked for it."""
    runtime: Any = SimpleNamespace(service=service)
    return list(operations_of(runtime))


DECLARED = {operation.title: operation for service in SERVICES for operation in declared_of(service)}


def test_every_operation_is_written_and_nothing_written_has_gone() -> None:
    assert set(WRITTEN) == set(DECLARED)


@pytest.mark.parametrize("name", sorted(SERVICE_BY_NAME))
def test_every_operation_of_the_published_interface_is_written(name: str) -> None:
    runtime: Any = SimpleNamespace(service=SERVICE_BY_NAME[name])
    published = build_app(runtime).openapi()["paths"]
    operations = {f"{name} {method.upper()} {path}" for path, methods in published.items() for method in methods}
    assert operations
    assert operations - set(WRITTEN) == set()


@pytest.mark.requirement("R9")
@pytest.mark.parametrize("title", sorted(WRITTEN))
def test_an_operation_asks_for_exactly_the_right_that_is_written(title: str) -> None:
    written, declared = WRITTEN[title], DECLARED[title]
    on_the_route = frozenset() if written.inside else written.permissions
    assert (declared.permissions or frozenset()) == on_the_route
    assert declared.signed_in == (not written.for_everyone)
    assert declared.people_only == written.for_people


def _unusual(line: WrittenOperation) -> bool:
    return len(line.permissions) != 1 or line.asked_of in {ANY_ACCOUNT, ANY_PERSON}


@pytest.mark.parametrize("line", [line for line in WRITTEN.values() if _unusual(line)], ids=lambda line: line.title)
def test_a_line_that_its_address_does_not_explain_says_why(line: WrittenOperation) -> None:
    assert line.why.endswith(".")
    assert len(line.why) > len("As the list.")
