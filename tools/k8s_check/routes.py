"""The way in: every service under its own path, the same as in the embedded platform and in compose."""

from collections.abc import Sequence

from shared.handbook.routes import PREFIXES
from shared.runtime.service.service import Service
from tools.k8s_check.documents import Document

GATEWAY = "yunquan"
HTTP_PORT = 8000
TIMEOUT = "60s"
"""Longer than the longest request, which holds its answer for 30 s at most (`Prefer: wait`)."""


HANDBOOK = "order"
"""The service that shows the handbook: providers have to do with it most."""


def paths_of(service: Service) -> Sequence[tuple[str, str]]:
    """The paths at which a service answers, each with its kind in the words of the Gateway API."""
    prefixes = [f"/api/{service.name}", *(PREFIXES if service.name == HANDBOOK else ())]
    return [*((path, "PathPrefix") for path in prefixes), *((path, "Exact") for path in sorted(service.well_known))]


def http_routes(services: Sequence[Service]) -> list[Document]:
    """A route of the Gateway API for each service."""
    return [
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": service.name},
            "spec": {
                "parentRefs": [{"name": GATEWAY, "sectionName": "https"}],
                "rules": [
                    {
                        "matches": [{"path": {"type": kind, "value": path}} for path, kind in paths_of(service)],
                        "backendRefs": [{"name": service.name, "port": HTTP_PORT}],
                        "timeouts": {"request": TIMEOUT},
                    }
                ],
            },
        }
        for service in services
    ]


def ingress(services: Sequence[Service]) -> list[Document]:
    """One Ingress for clusters without the Gateway API."""
    paths = [
        {
            "path": path,
            "pathType": kind.removeprefix("Path"),
            "backend": {"service": {"name": service.name, "port": {"name": "http"}}},
        }
        for service in services
        for path, kind in paths_of(service)
    ]
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": GATEWAY},
            "spec": {"rules": [{"http": {"paths": paths}}]},
        }
    ]
