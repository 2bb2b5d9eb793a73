"""The first administrator, who opens all other staff accounts."""

from services.identity.domain.accounts import accept_sign_in_name
from services.identity.handlers.staff import OpenStaff, open_staff
from shared.contracts.permissions import Role
from shared.runtime.auth.passwords import Passwords, check_password_rule
from shared.runtime.db import Connection
from shared.runtime.runtime import Runtime
from shared.runtime.work import SYSTEM

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('identity.first_admin'))"
_ANY_STAFF = "SELECT EXISTS (SELECT FROM account WHERE organisation_id IS NULL)"


async def ensure_first_admin(runtime: Runtime, *, sign_in_name: str, password: str) -> None:
    """Open a platform administrator, unless there are staff.

    Emits: AccountOpened. Raises: SignInNameMalformed and the password rule's refusals.
    """
    async with runtime.reading() as connection:
        if await _any_staff(connection):
            return
    name = accept_sign_in_name(sign_in_name)
    check_password_rule(password, login_name=name)
    password_hash = await runtime.ports.get(Passwords).hash(password)
    async with runtime.work() as work:
        # Two replicas may start at the same moment.
        await work.connection.execute(_LOCK)
        if await _any_staff(work.connection):
            return
        opening = OpenStaff(
            sign_in_name=name,
            password_hash=password_hash,
            display_name="平台管理员",
            roles=frozenset({Role.PLATFORM_ADMIN}),
            region=None,
            by=SYSTEM,
        )
        await open_staff(work, opening)


async def _any_staff(connection: Connection) -> bool:
    found: bool = await connection.fetchval(_ANY_STAFF)
    return found
