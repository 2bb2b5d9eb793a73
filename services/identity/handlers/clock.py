"""The business clock of the whole platform, moved in demonstrations, tests and sandboxes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from shared.contracts.messages.identity import ClockMoved
from shared.runtime.work import Actor, BusinessClock, Decision, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveClock:
    """Where the business clock shall stand; None is real time."""

    target: datetime | None
    by: Actor


async def move_clock(work: Work, command: MoveClock) -> None:
    """Move the business clock of every service. Emits: ClockMoved.

    Raises: ClockNotMovable, ClockOutOfRange, ClockBackwards.
    """
    clock = work.ports.get(BusinessClock)
    offset = await clock.move_to(work.connection, target=command.target)
    move_id = work.new_id()
    work.emit(ClockMoved(version=1, move_id=move_id, offset_us=offset // timedelta(microseconds=1)))
    after = "" if command.target is None else command.target.isoformat()
    work.decide(
        Decision(subject_type="clock", subject_id=move_id, act="clock.move", by=command.by, rule="", after=after)
    )
    work.after_commit.append(partial(clock.take, offset))
