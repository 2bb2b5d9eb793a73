"""All services on fresh databases, and a collector of spans that speaks OTLP over HTTP like a real one."""

import gzip
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.factories.harness import with_tables
from tests.factories.world import SERVICES


@dataclass(frozen=True, slots=True)
class Received:
    """One span as it came over the wire."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    failed: bool
    attributes: Mapping[str, str]
    links: tuple[tuple[str, str], ...]
    """Trace and span of each link."""


@dataclass
class Receiver:
    """What came in."""

    endpoint: str
    spans: list[Received] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    def of_trace(self, trace_id: str) -> list[Received]:
        """The spans of one trace."""
        return [span for span in self.spans if span.trace_id == trace_id]


def a_traceparent(*, sampled: bool = True) -> str:
    """The header of a caller that traces."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-{'01' if sampled else '00'}"


def kinds(spans: list[Received]) -> set[tuple[str, str, str]]:
    """Service, kind and name of spans."""
    return {(span.service, span.kind, span.name) for span in spans}


_KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}


def _take(receiver: Receiver, body: bytes) -> None:
    request = ExportTraceServiceRequest()
    request.ParseFromString(body)
    receiver.raw.append(body)
    for resource in request.resource_spans:
        told = {item.key: item.value.string_value for item in resource.resource.attributes}
        receiver.spans += [
            Received(
                service=told["service.name"],
                name=span.name,
                kind=_KINDS[span.kind],
                trace_id=span.trace_id.hex(),
                span_id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                failed=span.status.code == 2,
                attributes={item.key: str(item.value) for item in span.attributes},
                links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
            )
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A collector on a free port, named to whoever opens a tracer from now on."""
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            packed = self.headers.get("Content-Encoding") == "gzip"
            _take(receiver, gzip.decompress(body) if packed else body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    receiver.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    yield receiver
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
async def databases(fresh_database: Callable[[], str]) -> Mapping[str, str]:
    """An empty database with all tables for each service."""
    return {service.name: await with_tables(service, fresh_database) for service in SERVICES}
