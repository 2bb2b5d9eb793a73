"""How a service declares itself: names, routes, what it listens to and its schedules. Wiring only, no logic."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import MetaData

from shared.contracts.messages.base import Command, Fact, Message, Reply
from shared.kernel.refusals import Refusal, invariant
from shared.runtime.bus.base import Wiring
from shared.runtime.database.sql import Connection
from shared.runtime.service.gauges import Audit, GaugeQuery
from shared.runtime.service.hot_routes import HotRoute
from shared.runtime.service.settings import ServiceSettings
from shared.runtime.unit_of_work.work import Work

ReplyOrRefusal: TypeAlias = Reply | Refusal
MessageHandler: TypeAlias = Callable[[Work, Sequence[Any]], Awaitable[Sequence[ReplyOrRefusal] | None]]
Subscriptions: TypeAlias = Mapping[type[Message], MessageHandler]
TimerHandler: TypeAlias = Callable[[Work, Sequence[UUID]], Awaitable[None]]
JobHandler: TypeAlias = Callable[[Work], Awaitable[int]]

_Handler = TypeVar("_Handler", bound=MessageHandler)


def folding(handler: _Handler) -> _Handler:
    """Mark a handler of facts that takes several facts of one aggregate in one call, in their order.

    What a batch says of an aggregate then costs one write instead of one each. All types of a stream that a service
    subscribes to have to go to the same such handler, or none of them.
    """
    handler.folding = True  # type: ignore[attr-defined]
    return handler


def is_folding(handler: MessageHandler) -> bool:
    """Whether a handler is marked as `folding`; any other gets one fact of an aggregate in a call."""
    return getattr(handler, "folding", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaReply:
    """A reply with the saga and step it answers; the orchestrator's handlers receive these."""

    saga_id: UUID
    number: int
    reply: Reply
    sender: str
    """The service that answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something done on a schedule by one process at a time; the handler returns how much it did.

    `every_s` is machine time. A handler that did `batch_max` is run again at once. A job that speaks with others,
    such as the store of files, is an errand instead: it is given the Runtime and opens its transactions itself.
    """

    name: str
    every_s: float
    handler: JobHandler | None = None
    errand: Callable[[Any], Awaitable[int]] | None = None
    batch_max: int = 100

    def __post_init__(self) -> None:
        invariant((self.handler is None) != (self.errand is None), "a job is a handler or an errand")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of the platform."""

    name: str
    metadata: MetaData
    settings: type[ServiceSettings]
    title: str = ""
    """Its name in Chinese, and what it does, for the page of the embedded platform."""
    duty: str = ""
    router: APIRouter | None = None
    well_known: Mapping[str, str] = field(default_factory=dict)
    """Addresses below /.well-known (RFC 8615), each with the operation of the service that answers there as well."""
    hot_routes: Sequence[HotRoute] = ()
    subscriptions: Subscriptions = field(default_factory=dict)
    timers: Mapping[str, TimerHandler] = field(default_factory=dict)
    jobs: Sequence[Job] = ()
    runners: Sequence[Callable[[Any], Coroutine[Any, Any, None]]] = ()
    """Each runs in every process with the Runtime until it is cancelled; what it does may be done by others beside it.
    It outlives its own faults."""
    news: Callable[[Connection, Sequence[UUID]], Awaitable[Mapping[UUID, object]]] | None = None
    """What callers that wait for these aggregates are told, for those of which there is something to tell."""
    present: Callable[[Connection, Sequence[UUID]], Awaitable[Mapping[UUID, Mapping[str, Any]]]] | None = None
    """How these aggregates stand now, as fields of a hot route's answer: what a repeated call is told."""
    gauge_queries: Sequence[GaugeQuery] = ()
    """The service's own gauges, each read from its database when somebody asks."""
    audits: Sequence[Audit] = ()
    """Checks over everything the service wrote, by one process at a time."""
    prepare: Callable[[Any], Awaitable[None]] | None = None
    """Called with the Runtime once the pool is open and before anything is served: registers ports, first rows."""

    def wiring(self) -> Wiring:
        """The streams this service listens to, and the services whose commands it accepts."""
        streams = {kind.stream for kind in self.subscriptions if issubclass(kind, Fact)}
        orchestrators = {kind.orchestrator for kind in self.commands()}
        return Wiring(self.name, tuple(sorted(streams | RUNTIME_STREAMS)), tuple(sorted(orchestrators)))

    def commands(self) -> Sequence[type[Command]]:
        """The commands this service accepts."""
        return [kind for kind in self.subscriptions if issubclass(kind, Command)]


RUNTIME_STREAMS = frozenset({"identity.key", "identity.account", "identity.clock"})
"""Streams every service follows: published signing keys, ended accounts, and the clock of a demonstration."""
