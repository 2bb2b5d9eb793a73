"""Which files a call runs through, measured: every Python function that runs beneath it notes its file.

A walk is a context variable, so it follows its task and whatever this one starts, in tasks and threads; what runs in
the background has no walk and counts nowhere. What is carried out while a module is imported does not count either.
"""

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

from shared.contracts.messages.base import Event
from shared.runtime.host.host import Host
from tools.house.sizes import CHECKOUT, RUNTIME

SERVICES = "services"
MODULE_BODY = "<module>"
Settle: TypeAlias = Callable[..., Coroutine[Any, Any, Sequence[Event]]]


@dataclass(eq=False)
class Walk:
    """One call: a request until its answer, or the events that a service applied in one transaction."""

    name: str
    """What was asked of whom: `POST /orders`, or the service."""
    events: frozenset[str] = frozenset()
    """The types of the events that were applied."""
    ended: bool = False
    functions: set[tuple[str, str]] = field(default_factory=set)
    """File and name; code objects of two files may be equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """The files that walks of one kind ran through, and their lines."""

    name: str
    service_files: Sequence[str]
    service_lines: int
    runtime_files: Sequence[str]
    runtime_lines: int


_WALK: ContextVar[Walk | None] = ContextVar("walk", default=None)


class Recorder:
    """Notes what runs in the walks of this process while it is `listening`."""

    def __init__(self) -> None:
        self.walks: list[Walk] = []

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen in this thread, in those that begin meanwhile, and in the tasks of the running loop."""
        loop = asyncio.get_running_loop()
        before = sys.getprofile(), threading.getprofile(), loop.get_task_factory()
        sys.setprofile(_note)
        threading.setprofile(_note)
        loop.set_task_factory(_task_with_its_walk)
        try:
            yield
        finally:
            sys.setprofile(before[0])
            threading.setprofile(before[1])
            loop.set_task_factory(before[2])

    @contextmanager
    def walk(self, name: str) -> Iterator[Walk]:
        """Everything that runs beneath this block is one walk."""
        walk = Walk(name)
        token = _WALK.set(walk)
        try:
            yield walk
        finally:
            walk.ended = True
            _WALK.reset(token)
            self.walks.append(walk)

    def follow_events(self, host: Host) -> None:
        """Make a walk of whatever events a service of this host applies, from now on."""
        for service, applier in host.appliers.items():
            applier.settle = self._followed(service, applier.settle)  # type: ignore[method-assign]

    def _followed(self, service: str, settle: Settle) -> Settle:
        async def followed(events: Sequence[Event], **options: Any) -> Sequence[Event]:  # noqa: ANN401 - whatever it takes
            with self.walk(service) as walk:
                settled = await settle(events, **options)
                # Events that came while the transaction began are among them.
                walk.events = frozenset(event.type for event in settled)
            return settled

        return followed


def _note(frame: FrameType, event: str, argument: object) -> None:
    """The profiler's hook: a function begins, goes on or ends in this thread."""
    del argument
    walk = _WALK.get()
    if walk is not None and event == "call" and not walk.ended:
        walk.functions.add((frame.f_code.co_filename, frame.f_code.co_name))


def _task_with_its_walk(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
    context: Context | None = None,
) -> asyncio.Task[Any]:
    """A task; one that is given a context of its own still belongs to the walk that starts it."""
    walk = _WALK.get()
    if context is not None and walk is not None:
        context.run(_WALK.set, walk)
    return asyncio.Task(work, loop=loop, context=context)


def walked(name: str, walks: Sequence[Walk]) -> Walked:
    """What some walks ran through, together."""
    files = sorted({file for walk in walks for function in walk.functions if (file := _file_of(*function))})
    ours = [file for file in files if file.startswith(f"{SERVICES}/")]
    runtime = [file for file in files if file.startswith(f"{RUNTIME}/")]
    return Walked(
        name=name,
        service_files=ours,
        service_lines=_lines_of(ours),
        runtime_files=runtime,
        runtime_lines=_lines_of(runtime),
    )


def _file_of(file: str, function: str) -> str:
    """The file of a function below the checkout; empty for modules, generated code and everybody else's code."""
    path = Path(file)
    if function == MODULE_BODY or not path.is_relative_to(CHECKOUT):
        return ""
    return path.relative_to(CHECKOUT).as_posix()


def _lines_of(files: Sequence[str]) -> int:
    return sum(len((CHECKOUT / file).read_text(encoding="utf-8").splitlines()) for file in files)
