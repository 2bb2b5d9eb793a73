"""Logs: one JSON object a line, an event name and facts as keys, where it belongs in a trace, nothing personal."""

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from typing import Any, TextIO

import asyncpg
import structlog
from pydantic import ValidationError
from structlog.typing import EventDict, Processor

from shared.runtime.tracing.current import REQUEST, TRACEPARENT_KEY, span_id_of, trace_id_of

FRAMES_MAX = 30
TEXT_MAX = 2_000

# Whatever quotes what somebody wrote: a resident's id, a mobile number, a credit code, a bank account, a token.
_PERSONAL = re.compile(
    r"(?<![0-9A-Za-z])(?:[1-9]\d{16}[\dXx]|(?:\+?86)?1[3-9]\d{9}|[0-9A-HJ-NP-RT-UW-Y]{2}\d{6}[0-9A-HJ-NP-RT-UW-Y]{10}|\d{16,19})"
    r"(?![0-9A-Za-z])|eyJ[\w-]+\.[\w-]+\.[\w-]*|(?<=[Bb]earer )\S+"
)
_MASK = "[masked]"
# Made by this process of random digits, which may look like a bank account.
_OWN_IDS = frozenset({"request_id", "span_id", "account_id"})
# PostgreSQL's second line quotes rows and keys.
_DETAIL = re.compile(r"\s*\n?(?:DETAIL|HINT|CONTEXT):.*", re.DOTALL)
_QUOTING = (ValueError, LookupError, asyncpg.DataError)
"""Faults whose words quote the value that was wrong."""


def configure(*, level: str = "INFO", service: str = "", stream: TextIO | None = None) -> None:
    """Set up structlog for this process; `service` names whoever speaks outside of a request or task of its own.

    Lines go to `stream`, or else to stderr.
    """
    structlog.configure(
        processors=_processors(service),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=True,
    )


def adopt_libraries(*, level: str = "INFO", service: str = "", stream: TextIO | None = None) -> None:
    """Let what libraries log by the standard library leave in the same form and to the same place as our own lines.

    Every process does so once: else asyncio and uvicorn write tracebacks, unmasked, to whoever sits at the terminal.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(ensure_ascii=False),
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_processors(service)[:-1]],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(logging.getLevelNamesMapping()[level], logging.WARNING))


def _processors(service: str) -> list[Processor]:
    def name_service(_: Any, __: str, said: EventDict) -> EventDict:  # noqa: ANN401 - a logger of any kind
        if service:
            said.setdefault("service", service)
        return said

    return [
        structlog.contextvars.merge_contextvars,
        add_context,
        name_service,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        describe_fault,
        mask_personal,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def add_context(_: Any, __: str, said: EventDict) -> EventDict:  # noqa: ANN401 - as above
    """Add service, request and trace of the request that this task serves."""
    request = REQUEST.get()
    if request is None:
        return said
    runtime = request.get("yunquan.runtime")
    if runtime is not None:
        said["service"] = runtime.service.name
    said.setdefault("request_id", request.get("yunquan.request_id", ""))
    traceparent = request.get(TRACEPARENT_KEY, "")
    if traceparent:
        said["trace_id"], said["span_id"] = trace_id_of(traceparent), span_id_of(traceparent)
    return said


def describe_fault(_: Any, __: str, said: EventDict) -> EventDict:  # noqa: ANN401 - as above
    """Turn exc_info into type, place and what may be said of the fault: never a row, a value or a local variable."""
    given = said.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else None
    if error is None and given:
        error = sys.exc_info()[1]
    if error is None:
        return said
    said["exception"] = [
        {
            "type": f"{type(part).__module__}.{type(part).__qualname__}",
            **words_of(part),
            "frames": [
                f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(part.__traceback__)[-FRAMES_MAX:]
            ],
        }
        for part in _chain(error)
    ]
    return said


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    part: BaseException | None = error
    while part is not None and part not in found:
        found.append(part)
        part = part.__cause__ or (None if part.__suppress_context__ else part.__context__)
    return found


def words_of(error: BaseException) -> Mapping[str, object]:
    """What may be said of a fault. The words of some faults quote what people wrote, so these say only where."""
    match error:
        case asyncpg.PostgresError():
            parts = {name: getattr(error, name, None) for name in ("sqlstate", "constraint_name", "table_name")}
            told: dict[str, object] = {name: value for name, value in parts.items() if value}
            return told if isinstance(error, asyncpg.DataError) else {**told, "message": str(error.args[0])[:TEXT_MAX]}
        case ValidationError():
            return {"fields": [f"{'.'.join(map(str, item['loc']))}: {item['type']}" for item in error.errors()]}
        case _ if isinstance(error, _QUOTING):
            return {}
        case _:
            return {"message": str(error)[:TEXT_MAX]}


def mask_personal(_: Any, __: str, said: EventDict) -> EventDict:  # noqa: ANN401 - as above
    """Mask what looks like a person's number or a token in every text, whoever wrote it there; ids of our own stay."""
    return {key: value if key in _OWN_IDS else masked(value) for key, value in said.items()}


def masked(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """A value without personal numbers, tokens and the rows that a database quotes."""
    match value:
        case str():
            return _PERSONAL.sub(_MASK, _DETAIL.sub("", value))
        case Mapping():
            return {key: masked(part) for key, part in value.items()}
        case list() | tuple():
            return [masked(part) for part in value]
        case _:
            return value
