"""A toy service with one hot and one cold command, for tests of the runtime's HTTP conventions."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends
from sqlalchemy import Column, Integer, MetaData, Table, Text, Uuid
from starlette.responses import Response

from shared.contracts.permissions import Permission
from shared.kernel.refusals import Refusal, RefusalKind
from shared.runtime.auth.tokens import Principal
from shared.runtime.edge import require
from shared.runtime.hot import HotRoute
from shared.runtime.http import Body, Run
from shared.runtime.runtime import Waiters
from shared.runtime.service import Service
from shared.runtime.settings import ServiceSettings
from shared.runtime.tables import attach
from shared.runtime.work import Work

METADATA = MetaData()
RUNTIME = attach(METADATA)
THING = Table("thing", METADATA, Column("id", Uuid, primary_key=True), Column("name", Text), Column("version", Integer))


class NameTaken(Refusal):
    """Another thing has this name."""

    code = "toy.name_taken"
    kind = RefusalKind.RULE
    article = "A1"
    zh = "名称 {name} 已被使用"


class Fault(Exception):
    """A bug in a handler."""


class MakeBody(msgspec.Struct, forbid_unknown_fields=True):
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


async def make_things(work: Work, commands: Sequence[MakeBody]) -> Sequence[Thing | Refusal]:
    """Store things; a taken name is refused, the name `fault` is a bug."""
    made: list[Thing | Refusal] = []
    for command in commands:
        if command.name == "fault":
            raise Fault
        if command.name.startswith("taken"):
            made.append(NameTaken(name=command.name))
            continue
        thing = Thing(work.new_id(), command.name, 1)
        await work.connection.execute("INSERT INTO thing VALUES ($1, $2, 1)", thing.id, thing.name)
        if command.name.startswith("news"):
            work.after_commit.append(partial(work.ports.get(Waiters).tell, thing.id, {"version": 2}))
        made.append(thing)
    return made


async def make_thing(work: Work, command: ColdBody) -> Thing:
    """The cold form of the same; what it wrote before its refusal is rolled back."""
    thing = Thing(work.new_id(), command.name, 1)
    await work.connection.execute("INSERT INTO thing VALUES ($1, $2, 1)", thing.id, thing.name)
    if command.name.startswith("taken"):
        raise NameTaken(name=command.name)
    if command.name == "fault":
        raise Fault
    return thing


router = APIRouter()


@router.post("/cold-things")
async def cold(
    run: Run, body: ColdBody, _: Annotated[Principal, Depends(require(Permission.ORDER_ORDER_PLACE))]
) -> Response:
    """Make a thing by the cold way."""
    return await run.run(make_thing, body, status=201, location=lambda thing: f"/things/{thing.id}")


SERVICE = Service(
    name="toy",
    metadata=METADATA,
    settings=ServiceSettings,
    router=router,
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
