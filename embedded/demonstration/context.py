"""What every chapter of the story works with: the world, the platform's API, the clock, and the ids given so far."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TypedDict, Unpack
from zoneinfo import ZoneInfo

from embedded.demonstration.client import Act, Answer, Api, File, Login
from embedded.demonstration.clock import Clock
from embedded.demonstration.telling import Telling
from embedded.demonstration.world import World
from shared.contracts.permissions import Role

BEIJING = ZoneInfo("Asia/Shanghai")
OFFICE_HOUR = 9
PASSWORD_BYTES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What the platform publishes and every submission quotes."""

    declaration_version: str = ""
    agreement_version: str = ""
    checklists: Mapping[str, list[str]] = field(default_factory=dict)
    rates_bp: Mapping[str, int] = field(default_factory=dict)


class How(TypedDict, total=False):
    """How an act is done: see Act."""

    query: Mapping[str, str | int]
    turn: int
    refused: str
    tolerated: frozenset[str]
    version: int


@dataclass(slots=True, kw_only=True)
class DemoContext:
    """The state of the telling; ids are answers of the platform, by the keys of the world."""

    world: World
    api: Api
    clock: Clock
    telling: Telling
    secret: str
    admin: Login
    second_admin: Login
    year: int
    texts: Texts = field(default_factory=Texts)
    ids: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    editions: dict[str, int] = field(default_factory=dict)
    amounts_fen: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def login(self, key: str) -> Login:
        """The account of somebody in the world; its password follows from this platform's own secret."""
        digest = hmac.digest(self.secret.encode(), key.encode(), hashlib.sha256)
        return Login(key, base64.b32encode(digest[:PASSWORD_BYTES]).decode().lower())

    def staff(self, role: Role) -> Login:
        """The account of the first person in a role."""
        return self.login(self.world.staff_of(role).key)

    async def on(self, month: int, day: int, *, hour: int = OFFICE_HOUR, year: int | None = None) -> None:
        """Move every clock to an hour in Beijing, or to today when that lies ahead."""
        await self.at(moment(year or self.year, month, day, hour=hour))

    async def at(self, target: datetime) -> None:
        """Move every clock to a moment, or to today when that lies ahead."""
        await self.clock.move_to(target)
        self.telling.dated(self.today)

    async def settle(self) -> None:
        """Let every service hear of what was done."""
        await self.clock.settle()

    @property
    def today(self) -> date:
        """The business date of the story."""
        return (self.clock.now or datetime.now(UTC)).astimezone(BEIJING).date()

    async def post(self, who: Login | None, path: str, body: Answer | None = None, **how: Unpack[How]) -> Answer:
        """POST a command."""
        self.telling.acted()
        return await self.api.do(Act(who=who, method="POST", path=f"/api/{path}", body=body or {}, **how))

    async def put(self, who: Login, path: str, body: Answer | File, **how: Unpack[How]) -> Answer:
        """PUT a command or a document."""
        self.telling.acted()
        return await self.api.do(Act(who=who, method="PUT", path=f"/api/{path}", body=body, **how))

    async def get(self, who: Login | None, path: str, **query: str | int) -> Answer:
        """Read something."""
        return await self.api.get(who, f"/api/{path}", **query)


def moment(year: int, month: int, day: int, *, hour: int = OFFICE_HOUR) -> datetime:
    """An hour of a day in Beijing."""
    return datetime.combine(date(year, month, day), time(hour), BEIJING).astimezone(UTC)


def later(target: datetime, *, days: float) -> datetime:
    """A moment some days on."""
    return target + timedelta(days=days)
