"""Every service describes itself in OpenAPI 3.1, completely and truly as far as no call is needed to know it."""

import re
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from embedded.platform import SERVICES
from shared.handbook.contents import pages
from shared.runtime.http.consistency import EXTENSION
from tools.handbook.operations import openapi_of, operation_entries

DOCUMENTS = {service.name: openapi_of(service) for service in SERVICES}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
NAMES = sorted(DOCUMENTS)


def operations(name: str) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in DOCUMENTS[name]["paths"].items()
        for method, operation in methods.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_service_describes_itself_in_valid_openapi_31(name: str) -> None:
    assert DOCUMENTS[name]["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(DOCUMENTS[name]).validate()


def test_the_validator_sees_a_broken_document() -> None:
    broken = {**DOCUMENTS["order"], "paths": {"/x": {"get": {"responses": {"200": {}}}}}}
    assert list(OpenAPIV31SpecValidator(broken).iter_errors())


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_says_in_a_sentence_what_is_seen_at_once_and_what_follows(name: str) -> None:
    for title, operation in operations(name).items():
        said = operation[EXTENSION]
        assert CHINESE.search(said["says"]), title
        assert said["writes"] == (not title.startswith("GET")), title
        assert said["follows"] == [] or not said["writes"], title
        assert all(other in said["says"] for other in said["follows"]), title


@pytest.mark.parametrize("name", NAMES)
def test_an_operation_has_a_name_of_its_own_a_summary_and_says_what_a_refusal_looks_like(name: str) -> None:
    found = operations(name)
    assert len({operation["operationId"] for operation in found.values()}) == len(found)
    for title, operation in found.items():
        assert operation["summary"], title
        assert "application/problem+json" in operation["responses"]["default"]["content"], title


def test_the_page_of_consistency_has_every_operation() -> None:
    text = pages()["/guide/consistency"].text
    entries = operation_entries()
    assert len(entries) > 200
    for entry in entries:
        assert f"| `{entry.operation}` | {entry.summary} |" in text
    orders = next(entry for entry in entries if (entry.service, entry.operation) == ("order", "GET /orders"))
    assert {"catalog", "identity", "voucher"} <= set(orders.follows)
    place = next(entry for entry in entries if (entry.service, entry.operation) == ("order", "POST /orders"))
    assert (place.writes, place.waits) == (True, True)
