"""What every command shares: how it declares itself, whom it acts for, and waits that end."""

import argparse
import asyncio
import os
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from operations.journal import Operator, operator_of
from operations.places import service_names
from operations.report import Progress, Report
from shared.kernel.calendar import BEIJING

if TYPE_CHECKING:
    Subparsers: TypeAlias = argparse._SubParsersAction[ArgumentParser]  # noqa: SLF001 - it has no public name
else:
    Subparsers: TypeAlias = object

POLL_S = 0.25
ENV_FILE = "OPERATIONS_ENV_FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the command line."""

    given: Namespace
    progress: Progress

    @property
    def operator(self) -> Operator:
        """Who acts. Raises: WrongUse."""
        return operator_of(self.given.operator)


Run: TypeAlias = Callable[[Call], Awaitable[Report]]


def command(commands: Subparsers, name: str, *, does: str, examples: str, run: Run | None = None) -> ArgumentParser:
    """A command with its help: what it does, and how it is called."""
    parser = commands.add_parser(
        name,
        help=does,
        description=does[0].upper() + does[1:] + ".",
        epilog="examples:\n" + "\n".join(f"  python -m operations {line}" for line in examples.splitlines()),
        formatter_class=RawDescriptionHelpFormatter,
    )
    if run is not None:
        parser.set_defaults(run=run)
        add_common(parser, default=argparse.SUPPRESS)
    return parser


def add_common(parser: ArgumentParser, *, default: object = None) -> None:
    """What every command understands, before its name or behind it."""
    given = os.environ.get(ENV_FILE) if default is None else None
    parser.add_argument(
        "--env-file",
        type=Path,
        default=default if given is None else Path(given),
        help=f"take variables from a file of NAME=value lines (default: the file that {ENV_FILE} names, if it does)",
    )
    parser.add_argument("--operator", default=default, help="who acts, for the record (default: the system's user)")
    parser.add_argument("--token-file", type=Path, default=default, help="your own sign-in, for acts that take two")
    parser.add_argument("--json", action="store_true", default=default, help="answer with one JSON document")


def add_service(parser: ArgumentParser, *, required: bool = True, default: str | None = None) -> None:
    """--service NAME."""
    parser.add_argument(
        "--service", choices=service_names(), required=required, default=default, help="the service to look at"
    )


def add_acting(parser: ArgumentParser) -> None:
    """--yes and --reason of a command that changes something."""
    parser.add_argument("--yes", action="store_true", help="do it; without this nothing is changed and all is told")
    parser.add_argument("--reason", default="", help="why, for the record")


def moment(text: str) -> datetime:
    """A moment of the command line; without an offset it is Beijing time. Raises: ValueError."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=BEIJING)


async def until(condition: Callable[[], Awaitable[bool]], *, timeout_s: float) -> bool:
    """Wait until something is so, at most `timeout_s`; whether it is."""
    deadline = time.monotonic() + timeout_s
    while not await condition():
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(POLL_S)
    return True


def dry(lines: list[str], *, acted: bool) -> list[str]:
    """The lines of an acting command, which say so when nothing was done."""
    return lines if acted else [*lines, "Nothing was changed: this was a dry run; --yes does it."]
