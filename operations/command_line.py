"""The command line: arguments, signals, exit codes."""

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Sequence

import asyncpg
from pydantic import ValidationError

from operations.commands import backup, dead_letters, export, keys, repair, resend, sagas, sign_in, status, verify
from operations.commands.base import Call, add_common
from operations.places import NotConfigured, WrongUse, read_env_file
from operations.programs import ProgramFailed
from operations.report import Code, Progress, Report, as_json
from shared.kernel.refusals import Refusal

COMMANDS = (status, verify, sign_in, dead_letters, resend, sagas, keys, export, backup, repair)
_EPILOG = """\
exit codes:
  0   all is well, or the act is done
  1   differences were found, or something is left to do
  2   wrong use: arguments that cannot be, an act that is not allowed
  78  configuration: a variable, a program or a server is missing
  130 stopped by Ctrl-C; 143 by SIGTERM

The databases are named by <NAME>_DATABASE_URL (owner's role), the broker by <NAME>_BUS_URL or BUS_URL, the services'
own addresses for `status` and `sign-in` by <NAME>_URL; OPERATIONS_ENV_FILE may name a file that holds them. Commands
that change something are dry runs without --yes, and leave a row with the operator's name in the decision table of the
service they change. What takes two people takes two sign-ins.
"""


def parser() -> argparse.ArgumentParser:
    """All commands."""
    found = argparse.ArgumentParser(
        prog="python -m operations",
        description="Look after Yunquan: verify, reconcile, repair.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_common(found)
    commands = found.add_subparsers(metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.add(commands)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = parser().parse_args(arguments)
    progress = Progress()
    try:
        if given.env_file is not None:
            read_env_file(given.env_file)
        report = asyncio.run(_guarded(Call(given=given, progress=progress)))
    except TOLD as error:
        text, code = _told(error)
        progress.note(text)
        return int(code)
    progress.close()
    print(as_json(report.data) if given.json else "\n".join(report.lines))
    return int(report.code)


def _told(error: Exception) -> tuple[str, int]:
    """An error in one line, and the exit code it has."""
    said = " ".join(str(error).split())
    match error:
        case NotConfigured():
            return f"cannot work: {said}", Code.CONFIGURATION
        case ValidationError():
            # The names only: what was given may be a secret.
            prefix = error.title.removesuffix("Settings")
            names = ", ".join("_".join([prefix, *map(str, one["loc"])]).upper() for one in error.errors())
            return f"cannot work: settings are missing or wrong: {names}", Code.CONFIGURATION
        case WrongUse():
            return f"wrong use: {said}", Code.WRONG_USE
        case Refusal():
            # Refusals speak Chinese to people of the scheme; the first line of their description is for us.
            return f"refused ({error.code}): {(type(error).__doc__ or '').partition(chr(10))[0]}", Code.WRONG_USE
        case Stopped():
            return "stopped; what was done is done whole, and the same command goes on", error.code
        case _:
            return f"failed: {type(error).__name__}: {said}", Code.DIFFERENCES


class Stopped(Exception):
    """A signal ended the command."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


TOLD = (
    NotConfigured,
    ValidationError,
    WrongUse,
    Refusal,
    Stopped,
    ProgramFailed,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
)
"""What an operator is told in one line; only what is left is a stack trace."""


async def _guarded(call: Call) -> Report:
    """Run the command; SIGINT and SIGTERM cancel it, so that its open transaction rolls back."""
    working = asyncio.ensure_future(call.given.run(call))
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        working.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Only the main thread hears signals; called from another one, the caller ends the command.
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
            loop.add_signal_handler(number, stop, number)
    try:
        report: Report = await working
    except asyncio.CancelledError as error:
        if received:
            raise Stopped(received[0]) from error
        raise
    return report
