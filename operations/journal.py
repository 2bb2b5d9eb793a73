"""Who did what: every acting command leaves a row in the decision table of the service it changed.

The table is append-only for every role, so what an operator did cannot be taken out again by the same command line.
"""

import getpass
import os
import socket
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import msgspec

from operations.places import WrongUse
from shared.runtime.sql import Connection
from shared.runtime.work import Work

_OPERATORS = UUID("6f0d6a8e-5d0b-5e0e-9a30-5a8e6d4b7c11")
_WRITE = """
INSERT INTO decision (id, subject_type, subject_id, act, account_id, role, ground, rule, facts, pack_version, at)
VALUES ($1, $2, $3, $4, $5, 'operator', $6, 'operations', $7, 'operations', $8)
"""
_LAST = """
SELECT facts FROM decision WHERE subject_id = $1 AND act = $2 ORDER BY id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A person at the command line: the name they gave, and the account of the machine they used.

    `proved` is the staff account of a sign-in, for acts that take two people; else the name is only what was typed.
    """

    name: str
    system_user: str
    machine: str
    proved: UUID | None = None

    @property
    def account_id(self) -> UUID:
        """The account that signed in, else a stable id of the name, where tables keep an account."""
        return self.proved or uuid5(_OPERATORS, self.name.casefold())


def operator_of(name: str | None) -> Operator:
    """Whoever is named, else whoever runs this process. Raises: WrongUse."""
    try:
        system_user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number without a name.
        system_user = str(os.getuid())
    chosen = (name or system_user).strip()
    if not chosen:
        raise WrongUse("--operator needs a name")
    return Operator(name=chosen, system_user=system_user, machine=socket.gethostname())


async def record(  # noqa: PLR0913 - the parts of a decision
    work: Work, operator: Operator, *, act: str, subject_type: str, subject_id: UUID, ground: str = "", **facts: object
) -> None:
    """Write down an act in the transaction that does it."""
    who = {"operator": operator.name, "system_user": operator.system_user, "machine": operator.machine}
    who["proved"] = str(operator.proved or "")
    plain = msgspec.to_builtins({**facts, **who})
    arguments = (subject_type, subject_id, act, operator.account_id, ground, plain, work.now)
    await work.connection.execute(_WRITE, work.new_id(), *arguments)


async def last(connection: Connection, *, subject_id: UUID, act: str) -> dict[str, Any] | None:
    """What was written down of a subject's newest act of a kind."""
    facts: dict[str, Any] | None = await connection.fetchval(_LAST, subject_id, act)
    return facts
