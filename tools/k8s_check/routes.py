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


def paths_of(service: Service) -> Sequence[str]:
    """The paths below which a service answers."""
    return [f"/api/{service.name}", *(PREFIXES if service.name == HANDBOOK else ())]


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
                        "matches": [{"path": {"type": "PathPrefix", "value": path}} for path in paths_of(service)],
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
            "pathType": "Prefix",
            "backend": {"service": {"name": service.name, "port": {"name": "http"}}},
        }
        for service in services
        for path in paths_of(service)
    ]
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": GATEWAY},
            "spec": {"rules": [{"http": {"paths": paths}}]},
        }
    ]
