"""The way in: every service under its own path, the same as in the embedded platform and in compose."""

from collections.abc import Sequence

from shared.runtime.service.service import Service
from tools.k8s_check.documents import Document

GATEWAY = "yunquan"
HTTP_PORT = 8000
TIMEOUT = "60s"
"""Longer than the longest request, which holds its answer for 30 s at most (`Prefer: wait`)."""


def path_of(service: Service) -> str:
    """The path below which a service answers."""
    return f"/api/{service.name}"


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
                        "matches": [
                            {"path": {"type": "PathPrefix", "value": path_of(service)}},
                            *({"path": {"type": "Exact", "value": known}} for known in sorted(service.well_known)),
                        ],
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
            "pathType": kind,
            "backend": {"service": {"name": service.name, "port": {"name": "http"}}},
        }
        for service in services
        for path, kind in [(path_of(service), "Prefix"), *((known, "Exact") for known in sorted(service.well_known))]
    ]
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": GATEWAY},
            "spec": {"rules": [{"http": {"paths": paths}}]},
        }
    ]
