"""The commands of `python -m operations` as they are measured: their arguments, and which read all by right."""

import argparse
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.growth.meter import Act
from bench.growth.ways import Unanswered, Way
from operations.command_line import parser
from operations.commands.base import Call
from operations.places import service_names
from operations.report import Progress

FLAT: Mapping[str, str] = {
    "status": "status",
    "sagas": "sagas list --stuck",
    "dead-letters": "dead-letters list --service order",
    "keys": "keys list",
}
ALL: Mapping[str, tuple[str, ...]] = {
    "verify": ("verify --service voucher", "verify --service order"),
    "reconcile": ("reconcile",),
    "resend": ("resend --service order --since 2020-01-01T00:00", "resend --to settlement"),
    "export": ("export --service voucher --out {folder}/voucher.jsonl",),
    "repair": ("repair voucher",),
}
"""Commands that read all by right: once through, each page once."""
UNSEEN: Mapping[str, str] = {
    "sign-in": "asks identity over HTTP",
    "backup": "is pg_dump",
    "restore": "is pg_restore",
}


def commands(databases: Mapping[str, str], folder: Path) -> Iterator[Way]:
    """Each command, as a dry run where it changes something. Raises: Unanswered."""
    for name, dsn in databases.items():
        os.environ[f"{name}_database_url".upper()] = dsn
    services = tuple(service_names())
    for name in _registered():
        if name in UNSEEN:
            continue
        if name not in FLAT and name not in ALL:
            raise Unanswered(f"operations {name}: give its arguments in commands.py")
        for text in (FLAT[name],) if name in FLAT else ALL[name]:
            yield Way(f"operations {text}", _running(text.format(folder=folder)), services, linear=name in ALL)


def _registered() -> list[str]:
    for action in parser()._actions:  # noqa: SLF001 - argparse has no public list of subcommands
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            return list(action.choices)
    raise Unanswered("operations has no commands")


def _running(text: str) -> Act:
    async def act() -> None:
        given = parser().parse_args(text.split())
        await given.run(Call(given=given, progress=Progress(stream=io.StringIO())))

    return act
