"""The first two administrators, who open all other staff accounts together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.identity.auth.passwords import Passwords, check_password_rule
from services.identity.domain.account_refusals import SignInNameTaken
from services.identity.domain.accounts import accept_sign_in_name
from services.identity.store.accounts import (
    SignInAccount,
    add_account,
    count_administrators,
    find_account,
    open_administrators_alone,
)
from shared.contracts.messages.identity import AccountOpened
from shared.contracts.permissions import Role
from shared.runtime.service import Runtime
from shared.runtime.work import SYSTEM, Decision, Work

ADMINS_MIN: Final = 2
"""Below this nobody could open an account: it takes two people."""


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """A platform administrator of the settings."""

    sign_in_name: str
    password: str

    def __repr__(self) -> str:
        return f"FirstAdmin({self.sign_in_name!r})"


async def ensure_first_admins(runtime: Runtime, wanted: Sequence[FirstAdmin]) -> None:
    """Open the platform administrators of the settings, as long as there are fewer than two.

    A platform that began with one gets its second. Emits: AccountOpened. Raises: SignInNameMalformed,
    SignInNameTaken and the password rule's refusals.
    """
    async with runtime.reading() as connection:
        if await count_administrators(connection) >= ADMINS_MIN:
            return
    made = [await _hashed(runtime, admin) for admin in wanted]
    async with runtime.work() as work:
        await open_administrators_alone(work.connection)
        for name, password_hash in made:
            if await count_administrators(work.connection) < ADMINS_MIN:
                await _open(work, name, password_hash)


async def _hashed(runtime: Runtime, admin: FirstAdmin) -> tuple[str, str]:
    name = accept_sign_in_name(admin.sign_in_name)
    check_password_rule(admin.password, login_name=name)
    return name, await runtime.ports.get(Passwords).hash(admin.password)


async def _open(work: Work, name: str, password_hash: str) -> None:
    known = await find_account(work.connection, name)
    if known is not None:
        if Role.PLATFORM_ADMIN.value in known.roles:
            return
        raise SignInNameTaken
    account = SignInAccount(
        id=work.new_id(),
        sign_in_name=name,
        password_hash=password_hash,
        organisation_id=None,
        roles=(Role.PLATFORM_ADMIN.value,),
        region=None,
        display_name="平台管理员",
        state="active",
        opened_at=work.now,
        version=1,
    )
    await add_account(work, account)
    work.emit(AccountOpened(version=1, account_id=account.id, organisation_id=None, roles=tuple(account.roles)))
    work.decide(
        Decision(
            subject_type="account",
            subject_id=account.id,
            act="account.open",
            by=SYSTEM,
            rule="N五(一), N五(四), A7-A9",
            ground="settings",
            after=Role.PLATFORM_ADMIN.value,
        )
    )
