"""OpenTelemetry spans of one service, sent by OTLP over HTTP; imported only where an endpoint is configured.

A request is a server span. What it says carries that span's context in each event, so the relay's publishing and each
consumer's processing are its children, however many transactions and envelopes they share with other traces: one
purchase is one trace. Nothing personal is an attribute: routes, types and ids of events, never bodies, paths or people.
"""

import os
from collections.abc import Sequence
from typing import Protocol

from shared.contracts.messages.base import Event
from shared.runtime.bus.base import Envelope
from shared.runtime.tracing.contexts import Contexts
from shared.runtime.tracing.span_links import FactLink

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class RequestSpan(Protocol):
    """The span of one request."""

    @property
    def traceparent(self) -> str:
        """The context of what the request makes happen."""
        ...

    def end(self, *, route: str, method: str, status: int) -> None:
        """The request was answered."""
        ...


class Tracing(Protocol):
    """What the runtime asks of a tracer."""

    def begin_request(self, method: str, *, parent: str) -> RequestSpan:
        """The span of a request, below its caller's traceparent where it gave one."""
        ...

    def process(self, events: Sequence[Event]) -> "BatchSpans":
        """Spans of the events that one transaction applies."""
        ...

    def publish(self, envelopes: Sequence[Envelope]) -> "BatchSpans":
        """Spans of the events that are being published."""
        ...

    def tie(self, ties: Sequence[FactLink]) -> None:
        """Link requests with what was said before, and that with the requests."""
        ...

    def close(self) -> None:
        """Send what is left, bounded in time; it blocks."""
        ...


class BatchSpans(Protocol):
    """The spans of one batch; without any it costs nothing."""

    @property
    def contexts(self) -> Contexts | None:
        """Below which context belongs what the batch says."""
        ...

    def end(self, error: BaseException | None = None) -> None:
        """The batch was committed or confirmed, or it failed."""
        ...


def is_configured() -> bool:
    """Whether somebody wants spans. Source: OpenTelemetry's environment variables."""
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(os.environ.get(name) for name in ENDPOINTS)


def open_tracing(service: str, *, version: str) -> Tracing | None:
    """The tracer of a service, or None where no endpoint is configured: then nothing of OpenTelemetry is loaded."""
    if not is_configured():
        return None
    # Some 10 MB that a service without a collector does not pay.
    from shared.runtime.tracing.spans import OtlpTracing  # noqa: PLC0415

    return OtlpTracing(service, version=version)
