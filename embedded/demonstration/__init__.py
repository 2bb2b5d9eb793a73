"""The demonstration: two made-up years of the scheme, played over HTTP as its users would.

`play` tells the story unless it was told before. Every act has a key that follows from the story, so a story that was
interrupted goes on at the next start and does nothing twice.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

import httpx
from rich.console import Console

from embedded.demonstration.client import Api, Login
from embedded.demonstration.clock import Clock, settle
from embedded.demonstration.context import BEIJING, DemoContext
from embedded.demonstration.last_year import CHAPTERS
from embedded.demonstration.telling import Telling
from embedded.demonstration.this_year import begin_year, go_on, leave_work
from embedded.demonstration.world import make_newcomer, make_world
from embedded.front import SignIn
from shared.contracts.permissions import Role

__all__ = ["KeptSecrets", "play", "until_quiet"]

ADMIN_NAME = "platform-admin"
SECOND_ADMIN_NAME = "platform-admin-2"
SHOWN_ENTERPRISES = (0, 8)
SHOWN_PROVIDERS = (0, 3)


class KeptSecrets(Protocol):
    """Secrets that are made once for each platform and stay the same."""

    def get(self, name: str) -> str:
        """The secret of that name."""
        ...


class Mark:
    """The file that says that the story was told, and its neighbour that says when it was begun."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._begun = file.with_name(f"{file.name}-from")

    def exists(self) -> bool:
        """Whether the story was told to its end."""
        return self._file.exists()

    def write(self) -> None:
        """Say that it was."""
        self._file.write_text(datetime.now(UTC).isoformat())

    def begun(self) -> datetime:
        """When the story was first begun; the years it tells follow from that, however often it is interrupted."""
        if not self._begun.exists():
            self._begun.write_text(datetime.now(UTC).isoformat())
        return datetime.fromisoformat(self._begun.read_text())


async def play(
    client: httpx.AsyncClient, *, console: Console, kept: KeptSecrets, mark: Path, wanted: bool
) -> Sequence[SignIn]:
    """Tell the story unless `mark` says that it was told, and give sample accounts.

    The story may be cancelled at any await and goes on at the next call. Raises: StoryFailed.
    """
    admin = Login(ADMIN_NAME, kept.get("identity.first_admin_password"))
    second = Login(SECOND_ADMIN_NAME, kept.get("identity.second_admin_password"))
    told = Mark(mark)
    if not wanted and not told.exists():
        return _administrators(admin, second)
    today = told.begun()
    api = Api(client)
    year = today.astimezone(BEIJING).year - 1
    with Telling(console, chapters=len(CHAPTERS) + 3) as telling:
        context = DemoContext(
            world=make_world(year),
            api=api,
            clock=Clock(api, today=today, admin=admin),
            telling=telling,
            secret=kept.get("demonstration"),
            admin=admin,
            second_admin=second,
            year=year,
        )
        if not told.exists():
            await _tell(context)
            told.write()
    return _samples(context)


async def until_quiet(client: httpx.AsyncClient) -> None:
    """Wait until nothing is under way in any service. Raises: StoryFailed that names what is left after a minute."""
    await settle(Api(client))


async def _tell(context: DemoContext) -> None:
    this_year = (
        ("新年度：上年末兑现与新的申领", begin_year),
        ("新年度：订单与兑现", go_on),
        ("今日：待办事项", partial(leave_work, newcomer=make_newcomer(context.year))),
    )
    for title, chapter in (*CHAPTERS, *this_year):
        context.telling.chapter(title)
        await chapter(context)
    await context.clock.end()


def _samples(context: DemoContext) -> list[SignIn]:
    world = context.world
    staff = [_sign_in(person.role.value, person.title, context.login(person.key)) for person in world.staff]
    enterprises = [
        _sign_in(Role.ENTERPRISE.value, f"企业 {party.name}", context.login(party.key))
        for party in (world.enterprises[place] for place in SHOWN_ENTERPRISES)
    ]
    providers = [
        _sign_in(Role.PROVIDER.value, f"云服务商 {party.name}", context.login(party.key))
        for party in (world.providers[place] for place in SHOWN_PROVIDERS)
    ]
    return [*_administrators(context.admin, context.second_admin), *staff, *enterprises, *providers]


def _administrators(first: Login, second: Login) -> list[SignIn]:
    return [
        _sign_in("platform_admin", "平台管理员", first),
        _sign_in("platform_admin", "平台管理员（二）", second),
    ]


def _sign_in(role: str, title: str, login: Login) -> SignIn:
    return SignIn(role=role, title=title, name=login.name, password=login.password)
