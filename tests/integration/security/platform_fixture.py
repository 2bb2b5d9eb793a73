"""All five services for a module of tests, every operation they serve, and calls in any role."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4, uuid5

import httpx
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from embedded.platform import SERVICES
from shared.contracts.permissions import Permission, Role
from shared.runtime.host.host import build_app
from shared.runtime.http.edge import TELL_WHO, person_of
from shared.runtime.service.runtime import Runtime
from tests.factories.databases import DatabasePool, fresh
from tests.factories.harness import Platform, open_platform
from tests.factories.staff import ADMIN, ADMIN_PASSWORD, SETTINGS

__all__ = ["ADMIN", "ADMIN_PASSWORD"]

NAMES = tuple(service.name for service in SERVICES)
_PEOPLE = UUID(int=4_711)
_NO_CONTENT = frozenset({"HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path; `permissions` are those of which any one lets in, None when the route names none."""

    service: str
    method: str
    path: str
    permissions: frozenset[Permission] | None
    signed_in: bool
    people_only: bool = False

    @property
    def title(self) -> str:
        """How the tests name it."""
        return f"{self.service} {self.method} {self.path}"

    @property
    def is_upload(self) -> bool:
        """Whether the body is a file instead of JSON."""
        return self.method == "PUT" and self.service in {"identity", "settlement"} and "/documents/" in self.path

    def url(self, values: Mapping[str, object]) -> str:
        """The full path with its parameters filled in."""
        return f"/api/{self.service}/v1{self.path.format(**values)}"


def operations_of(runtime: Runtime) -> Iterator[Operation]:
    """Everything a service answers to: hot routes, its own cold ones, and the runtime's."""
    name = runtime.service.name
    hot = {(route.method, route.path): route.permission for route in runtime.service.hot_routes}
    for (method, path), permission in hot.items():
        yield Operation(service=name, method=method, path=path, permissions=frozenset({permission}), signed_in=True)
    for route in iter_route_contexts(build_app(runtime).routes):
        for method in sorted((route.methods or set()) - _NO_CONTENT):
            dependant = getattr(route, "dependant", None)
            yield Operation(
                service=name,
                method=method,
                path=str(route.path),
                permissions=None if dependant is None else _permissions(dependant),
                signed_in=dependant is not None and _asks_who(dependant),
                people_only=dependant is not None and _asks_for_a_person(dependant),
            )


def _permissions(dependant: Dependant) -> frozenset[Permission] | None:
    """The permissions a route's dependencies name, or None."""
    single = getattr(dependant.call, "permission", None)
    found = (single,) if single else getattr(dependant.call, "permissions", None)
    if found is not None:
        return frozenset(found)
    inner = [_permissions(each) for each in dependant.dependencies]
    return next((each for each in inner if each is not None), None)


def _asks_who(dependant: Dependant) -> bool:
    return (
        dependant.call in TELL_WHO
        or _permissions(dependant) is not None
        or any(_asks_who(each) for each in dependant.dependencies)
    )


def _asks_for_a_person(dependant: Dependant) -> bool:
    return dependant.call is person_of or any(_asks_for_a_person(each) for each in dependant.dependencies)


@dataclass
class Estate:
    """The running platform as the tests of security use it."""

    platform: Platform

    @cached_property
    def operations(self) -> list[Operation]:
        """Every operation of every service."""
        return [operation for runtime in self.platform.host.runtimes for operation in operations_of(runtime)]

    @cached_property
    def documents(self) -> dict[str, dict[str, Any]]:
        """The OpenAPI document of each service."""
        return {name: build_app(self.platform.runtime(name)).openapi() for name in NAMES}

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        role: Role | None = None,
        organisation_id: UUID | None = None,
        account_id: UUID | None = None,
        region: str | None = None,
        scopes: Iterable[str] | None = None,
        member: str | None = None,
        headers: Mapping[str, str] | None = None,
        repeated: Sequence[tuple[str, str]] = (),
        **others: Any,
    ) -> httpx.Response:
        """One request to `/api/<service>/v1/...`; anonymous without a role, and with a fresh Idempotency-Key.

        With `scopes` the caller is a machine client. Headers that are `repeated` come behind those of the same name.
        """
        sent = {"Idempotency-Key": uuid4().hex}
        if role is not None:
            sent = self.platform.headers(
                role,
                service=path.split("/")[2],
                organisation_id=organisation_id,
                account_id=account_id or uuid5(_PEOPLE, f"{role} {organisation_id}"),
                region=region,
                scopes=scopes,
                member=member,
            )
        if body is not None:
            others["json"] = body
        all_headers = [*{**sent, **(headers or {})}.items(), *repeated]
        return await self.platform.client.request(method, path, headers=all_headers, **others)

    async def done(self, method: str, path: str, body: object = None, **others: Any) -> dict[str, Any]:
        """A request that must succeed."""
        response = await self.call(method, path, body, **others)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        found: dict[str, Any] = response.json() if response.content else {}
        return found


@asynccontextmanager
async def open_estate(databases: DatabasePool) -> AsyncIterator[Estate]:
    """All five services on fresh databases, until the block ends."""
    with fresh(databases) as make:
        async with open_platform(SERVICES, make, settings={"identity": SETTINGS}) as platform:
            await platform.settle()
            yield Estate(platform)
