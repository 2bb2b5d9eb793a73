"""Every published operation of every service, and what its answer shows at once."""

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from embedded.platform import SERVICES
from shared.handbook.consistency import OperationEntry
from shared.runtime.host.host import build_app
from shared.runtime.http.consistency import EXTENSION
from shared.runtime.service.service import Service


def openapi_of(service: Service) -> dict[str, Any]:
    """The OpenAPI document of a service as it is served; no database is asked for it."""
    runtime: Any = SimpleNamespace(service=service)
    served: dict[str, Any] = json.loads(json.dumps(build_app(runtime).openapi()))
    return served


def operation_entries() -> Sequence[OperationEntry]:
    """The operations in the order of the documents."""
    return [
        OperationEntry(
            service=service.name,
            operation=f"{method.upper()} {path}",
            summary=operation["summary"],
            writes=operation[EXTENSION]["writes"],
            waits=operation[EXTENSION]["waits"],
            follows=tuple(operation[EXTENSION]["follows"]),
        )
        for service in SERVICES
        for path, methods in openapi_of(service)["paths"].items()
        for method, operation in methods.items()
    ]
