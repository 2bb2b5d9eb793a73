"""The tracer itself, on OpenTelemetry's SDK. Only `tracing.open_tracing` imports this module.

Names and attributes follow OpenTelemetry's semantic conventions for HTTP and messaging. Those prefer links where a
consumer takes a batch. Here each sampled event gets a span of its own, a child of the event's context: a batch is an
accident of load, and with links alone a purchase would fall into one trace for each service.
"""

import re
import threading
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from shared.contracts.messages.base import Event
from shared.runtime.bus.base import Envelope
from shared.runtime.tracing.contexts import Contexts, contexts_of
from shared.runtime.tracing.current import is_sampled, read_traceparent, span_id_of, trace_id_of
from shared.runtime.tracing.span_links import FactLink

CLOSE_S = 3.0

_EVENT = re.compile(rb'"type":"([a-z0-9_.]{1,100})"|"traceparent":"([0-9a-f-]{55})"|"specversion":')


def context_of(traceparent: str) -> Any:  # noqa: ANN401 - OpenTelemetry's context
    """A valid traceparent as the parent of a span; a root where there is none."""
    if not traceparent:
        return set_span_in_context(NonRecordingSpan(SpanContext(0, 0, is_remote=False)))
    return set_span_in_context(NonRecordingSpan(span_context_of(traceparent)))


def span_context_of(traceparent: str) -> SpanContext:
    """A valid traceparent as OpenTelemetry has it."""
    return SpanContext(
        trace_id=int(trace_id_of(traceparent), 16),
        span_id=int(span_id_of(traceparent), 16),
        is_remote=True,
        trace_flags=TraceFlags(int(traceparent[53:55], 16)),
    )


def traceparent_of(span: Span) -> str:
    """The context of a span as it travels."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


class _OpenRequest:
    """The span of one request."""

    __slots__ = ("_open", "_span", "traceparent")

    def __init__(self, span: Span, kept: dict[str, Span]) -> None:
        self._span = span
        self._open = kept
        self.traceparent = traceparent_of(span)
        kept[self.traceparent] = span

    def end(self, *, route: str, method: str, status: int) -> None:
        span = self._span
        self._open.pop(self.traceparent, None)
        if span.is_recording():
            span.update_name(f"{method} {route}")
            span.set_attributes(
                {"http.request.method": method, "http.route": route, "http.response.status_code": status}
            )
            if status >= 500:
                span.set_attribute("error.type", str(status))
                span.set_status(Status(StatusCode.ERROR))
        span.end()


class _RecordedBatch:
    """The spans of one batch of events."""

    __slots__ = ("_spans", "contexts")

    def __init__(self, spans: Sequence[Span], contexts: Contexts | None) -> None:
        self._spans = spans
        self.contexts = contexts

    def end(self, error: BaseException | None = None) -> None:
        for span in self._spans:
            if error is not None:
                # The name of the fault alone: its words may quote what somebody wrote.
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
            span.end()


_NOTHING = _RecordedBatch((), None)


class OtlpTracing:
    """The tracer of one service."""

    def __init__(self, service: str, *, version: str) -> None:
        resource = Resource.create(
            {"service.name": service, "service.namespace": "yunquan", "service.version": version}
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("yunquan")
        self._service = service
        self._open: dict[str, Span] = {}

    def begin_request(self, method: str, *, parent: str) -> _OpenRequest:
        """The span of a request, below its caller's traceparent where it gave one."""
        return _OpenRequest(
            self._tracer.start_span(method, context=context_of(parent), kind=SpanKind.SERVER), self._open
        )

    def process(self, events: Sequence[Event]) -> _RecordedBatch:
        """A span for each sampled event that one transaction applies; what it says belongs below that span."""
        if not any(event.traceparent for event in events):
            return _NOTHING
        spans: list[Span] = []
        known: list[tuple[str, Sequence[UUID]]] = []
        for event in events:
            traceparent = read_traceparent(event.traceparent)
            if is_sampled(traceparent):
                span = self._start_processing(event, len(events))
                spans.append(span)
                traceparent = traceparent_of(span)
            known.append((traceparent, (event.id, event.subject)))
        return _RecordedBatch(spans, contexts_of(known))

    def _start_processing(self, event: Event, size: int) -> Span:
        attributes = {
            **self._attributes("process", event.type, size),
            "messaging.message.id": str(event.id),
            "messaging.message.conversation_id": str(event.subject),
            "yunquan.producer": event.source,
        }
        return self._tracer.start_span(
            f"process {event.type}",
            context=context_of(event.traceparent),
            kind=SpanKind.CONSUMER,
            attributes=attributes,
        )

    def publish(self, envelopes: Sequence[Envelope]) -> _RecordedBatch:
        """A span for each sampled event that is being published, below whatever said it."""
        spans: list[Span] = []
        for envelope in envelopes:
            if b'"traceparent":"' in envelope.body:
                spans += [
                    self._tracer.start_span(
                        f"publish {kind}",
                        context=context_of(traceparent),
                        kind=SpanKind.PRODUCER,
                        attributes={
                            **self._attributes("publish", kind, len(envelopes)),
                            "messaging.rabbitmq.destination.routing_key": envelope.routing_key,
                        },
                    )
                    for kind, traceparent in sampled_in(envelope.body)
                ]
        return _RecordedBatch(spans, None) if spans else _NOTHING

    def tie(self, ties: Sequence[FactLink]) -> None:
        """Link requests with what was said before, and that with the requests.

        A span that has ended takes no link any more, so the earlier trace gets a span without length that holds it.
        """
        for tie in ties:
            said = {"messaging.message.conversation_id": str(tie.subject), "yunquan.event.type": tie.kind}
            request = self._open.get(tie.later)
            if request is not None:
                request.add_link(span_context_of(tie.earlier), {**said, "yunquan.link": "earlier"})
            if is_sampled(tie.earlier):
                link = Link(span_context_of(tie.later), {**said, "yunquan.link": "later"})
                name, context = f"continued by {tie.kind}", context_of(tie.earlier)
                self._tracer.start_span(name, context=context, links=[link], attributes=said).end()

    def _attributes(self, operation: str, kind: str, size: int) -> dict[str, str | int]:
        return {
            "messaging.system": "rabbitmq",
            "messaging.operation.type": "send" if operation == "publish" else operation,
            "messaging.operation.name": operation,
            "messaging.batch.message_count": size,
            "yunquan.event.type": kind,
        }

    def close(self) -> None:
        """Send what is left, bounded in time; it blocks."""
        # A collector that is away must not hold up the end of the process; shutting down has no time-out of its own.
        closing = threading.Thread(target=self._provider.shutdown, name="tracing.close", daemon=True)
        closing.start()
        closing.join(CLOSE_S)


def sampled_in(body: bytes) -> list[tuple[str, str]]:
    """Type and traceparent of each sampled event of an envelope, found without decoding it.

    The attributes of an event stand before its data or, stamped, at its end; inside a text their quotes are escaped.
    """
    found: list[tuple[str, str]] = []
    kind = ""
    for match in _EVENT.finditer(body):
        if match[1] is not None:
            kind = kind or match[1].decode()
        elif match[2] is not None:
            traceparent = read_traceparent(match[2].decode())
            if is_sampled(traceparent):
                found.append((kind, traceparent))
        else:
            kind = ""
    return found
