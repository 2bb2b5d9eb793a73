"""A toy service with one hot and some cold commands, for tests of the runtime's HTTP conventions."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends
from pydantic import AwareDatetime
from sqlalchemy import Column, Integer, MetaData, Table, Text, Uuid
from starlette.responses import Response

from shared.contracts.permissions import Permission
from shared.kernel.refusals import Refusal, RefusalKind
from shared.runtime.auth.tokens import Principal
from shared.runtime.database.row_security import public_rows
from shared.runtime.database.sql import Connection
from shared.runtime.database.tables import attach
from shared.runtime.http.commands import Body, Run, VersionedRun
from shared.runtime.http.edge import require
from shared.runtime.service.hot_routes import HotRoute
from shared.runtime.service.runtime import Waiters
from shared.runtime.service.service import Service
from shared.runtime.service.settings import ServiceSettings
from shared.runtime.unit_of_work.work import Work
from shared.runtime.validation.fields import Day, Moment
from shared.runtime.validation.refusals import VersionMismatch

METADATA = MetaData()
RUNTIME = attach(METADATA)
THING = Table(
    "thing",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("name", Text),
    Column("version", Integer),
    info=public_rows("a toy's things are anybody's"),
)


class NameTaken(Refusal):
    """Another thing has this name."""

    code = "toy.name_taken"
    kind = RefusalKind.RULE
    article = "A1"
    zh = "名称 {name} 已被使用"


class CopyLags(Refusal):
    """What this service knows of another one's thing is old."""

    code = "toy.copy_lags"
    kind = RefusalKind.STATE
    momentary = True
    zh = "请稍后再试"


SAYS: dict[str, Refusal] = {}
"""What both routes say to a name, as long as it stands here."""
GATE = asyncio.Event()
"""Lets the name `slow` pass."""


class Fault(Exception):
    """A bug in a handler."""


class MakeBody(Body):
    """What the hot route takes."""

    name: str
    size: int = 1


class Thing(msgspec.Struct):
    """What both routes answer."""

    id: UUID
    name: str
    version: int


class ColdBody(Body):
    """What the cold route takes."""

    name: str
    size: int = 1
    due_on: date | None = None
    due_at: AwareDatetime | None = None
    sure: bool = True


class Revealed(msgspec.Struct):
    """An answer with a secret in it."""

    id: UUID
    token: str


async def make_things(work: Work, commands: Sequence[MakeBody]) -> Sequence[Thing | Refusal]:
    """Store things; a taken name is refused, the name `fault` is a bug."""
    made: list[Thing | Refusal] = []
    for command in commands:
        if command.name == "fault":
            raise Fault
        if command.name in SAYS:
            made.append(SAYS[command.name])
            continue
        if command.name.startswith("taken"):
            made.append(NameTaken(name=command.name))
            continue
        thing = Thing(work.new_id(), command.name, 1)
        later = 2 if command.name.startswith("news") else 1
        await work.connection.execute("INSERT INTO thing VALUES ($1, $2, $3)", thing.id, thing.name, later)
        if later > 1:
            work.after_commit.append(partial(work.ports.get(Waiters).tell, thing.id, {"version": 2}))
        made.append(thing)
    return made


async def make_thing(work: Work, command: ColdBody) -> Thing:
    """The cold form of the same; what it wrote before its refusal is rolled back."""
    thing = Thing(work.new_id(), command.name, 1)
    await work.connection.execute("INSERT INTO thing VALUES ($1, $2, 1)", thing.id, thing.name)
    if command.name == "slow":
        await GATE.wait()
    if command.name in SAYS:
        raise SAYS[command.name]
    if command.name.startswith("taken"):
        raise NameTaken(name=command.name)
    if command.name == "fault":
        raise Fault
    return thing


async def reveal_thing(work: Work, command: ColdBody) -> Revealed:
    """Make a secret."""
    return Revealed(work.new_id(), f"secret of {command.name}")


async def rename_thing(work: Work, command: tuple[UUID, int | None]) -> Thing:
    """Raise a thing's version by one."""
    thing_id, expected = command
    row = await work.connection.fetchrow(
        "UPDATE thing SET version = version + 1 WHERE id = $1 AND ($2::int IS NULL OR version = $2) RETURNING *",
        thing_id,
        expected,
    )
    if row is None:
        raise VersionMismatch(version=0)
    return Thing(row["id"], row["name"], row["version"])


async def read_present(connection: Connection, ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, object]]:
    """The versions of things as they are now."""
    rows = await connection.fetch("SELECT id, version FROM thing WHERE id = ANY($1)", ids)
    return {row["id"]: {"version": row["version"]} for row in rows}


router = APIRouter()
Placer = Annotated[Principal, Depends(require(Permission.ORDER_ORDER_PLACE))]


@router.post("/cold-things")
async def cold(run: Run, body: ColdBody, _: Placer, a: str = "") -> Response:
    """Make a thing by the cold way."""
    del a
    return await run.run(make_thing, body, status=201, location=lambda thing: f"/things/{thing.id}")


@router.post("/open-things")
async def unknown_caller(run: Run, body: ColdBody) -> Response:
    """Make a thing without being known."""
    return await run.run(
        make_thing, body, status=201, location=lambda thing: f"/things/{thing.id}", account="anonymous-1"
    )


@router.post("/secrets")
async def reveal(run: Run, body: ColdBody, _: Placer) -> Response:
    """Show a secret once."""
    return await run.run(reveal_thing, body, status=201, shown_once=("token",))


@router.post("/cold-things/{thing_id}/renaming")
async def rename(run: VersionedRun, thing_id: UUID, _: Placer) -> Response:
    """Change a thing that was read."""
    return await run.run(rename_thing, (thing_id, run.expected_version))


@router.get("/moments")
async def read_moment(at: Moment, on: Day) -> dict[str, str]:
    """Say a moment and a day back."""
    return {"at": at.isoformat(), "on": on.isoformat()}


SERVICE = Service(
    name="toy",
    metadata=METADATA,
    settings=ServiceSettings,
    router=router,
    present=read_present,
    hot_routes=[
        HotRoute(
            method="POST",
            path="/things",
            summary="造物",
            permission=Permission.ORDER_ORDER_PLACE,
            body=MakeBody,
            answer=Thing,
            command=lambda body, _: body,
            handler=make_things,
            status=201,
            location=lambda thing: f"/things/{thing.id}",
            awaits=lambda thing: thing.id,
        )
    ],
)
