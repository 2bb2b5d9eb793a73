"""Registration of an enterprise or a provider, and its first account.

Registering claims no code: anybody may write any code into a form. It is claimed with evidence, at authentication
(ADR 0019), and a registration with which nothing is handed in expires.
"""

from dataclasses import dataclass
from uuid import UUID

from services.identity.admission import RegistrationRules
from services.identity.auth.passwords import LoginsBusy, Passwords
from services.identity.domain.accounts import role_of_party
from services.identity.domain.organisations import Organisation, expire
from services.identity.domain.organisations import register as register_organisation
from services.identity.domain.refusals import (
    CreditCodeBlacklisted,
    CreditCodeRegistered,
    PersonNameMalformed,
    RegionUnknown,
    RegistrationsBusy,
)
from services.identity.handlers.accounts import disable
from services.identity.handlers.organisations import Telling, announce, move
from services.identity.handlers.resemblances import index_phone
from services.identity.sealing import Vault
from services.identity.store import accounts
from services.identity.store import organisations as store
from services.identity.store.accounts import SignInAccount, add_account
from services.identity.store.organisations import SealedPartyContact
from shared.contracts.messages.identity import AccountOpened, OrganisationRegistered, RegistrationExpired
from shared.contracts.policy import PartyKind
from shared.kernel.credit_code import CreditCodeCheckDigit, examine
from shared.kernel.names import is_seen
from shared.runtime.work import SYSTEM, Actor, Notice, Work

EXPIRED_BATCH_MAX = 100
_UNUSED = "注册后未在规定时间内提交实名认证材料"


class RegistrationPasswords(Passwords):
    """Hashing for registrations, in a room of its own: however many come, sign-in keeps its threads."""

    async def hash_for(self, password: str, *, network: str) -> str:
        """The encoded hash of a new password. Raises: RegistrationsBusy."""
        try:
            return await self.hash(password, of=network)
        except LoginsBusy as error:
            raise RegistrationsBusy from error


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Register:
    """A registration form; `check_evidence` is the reason to accept a code whose check place fails."""

    kind: PartyKind
    credit_code: str
    name: str
    region: str
    contact_name: str
    contact_phone: str
    sign_in_name: str
    password_hash: str
    check_evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationResult:
    """The new organisation and its first account."""

    organisation_id: UUID
    account_id: UUID
    check_flagged: bool
    version: int


async def register(work: Work, command: Register) -> RegistrationResult:
    """Register an organisation and open its first account.

    Emits: OrganisationRegistered, AccountOpened. Raises: CreditCodeIsResidentId, CreditCodeMalformed,
    CreditCodeUnknownKind, CreditCodeCheckDigit, PersonNameMalformed, OrganisationNameMalformed, RegionUnknown,
    CreditCodeBlacklisted, CreditCodeRegistered,
    SignInNameTaken.
    Source: A11(1), A14(1), R44, R64, R58.
    """
    check = examine(command.credit_code)
    if not is_seen(command.contact_name):
        raise PersonNameMalformed(pointer="/contact_name")
    if check.check_digit_fails and not command.check_evidence:
        raise CreditCodeCheckDigit
    if work.pack.region_of(command.region) is None:
        raise RegionUnknown(region=command.region)
    await _refuse_known(work, check.code, command)
    organisation = register_organisation(
        work.new_id(),
        kind=command.kind,
        name=command.name,
        check=check,
        region=command.region,
        evidence=command.check_evidence,
        now=work.now,
    )
    account = _first_account(work, organisation, command)
    await _insert(work, organisation, account, command)
    _tell(work, organisation, account)
    return RegistrationResult(
        organisation_id=organisation.id,
        account_id=account.id,
        check_flagged=organisation.check_flagged,
        version=organisation.version,
    )


def _first_account(work: Work, organisation: Organisation, command: Register) -> SignInAccount:
    return SignInAccount(
        id=work.new_id(),
        sign_in_name=command.sign_in_name,
        password_hash=command.password_hash,
        organisation_id=organisation.id,
        roles=(role_of_party(command.kind).value,),
        region=None,
        display_name=command.name,
        state="active",
        opened_at=work.now,
        version=1,
    )


async def _refuse_known(work: Work, code: str, command: Register) -> None:
    """Raises: CreditCodeBlacklisted, CreditCodeRegistered."""
    await store.lock_body(work.connection, code)
    if await store.is_blacklisted(work.connection, code):
        raise CreditCodeBlacklisted
    # The first 17 places leave one valid last place, so another last place is no other body.
    if await store.is_body_held(work.connection, code, kind=command.kind):
        raise CreditCodeRegistered


async def _insert(work: Work, organisation: Organisation, account: SignInAccount, command: Register) -> None:
    vault = work.ports.get(Vault)
    contact = SealedPartyContact(
        name_sealed=vault.seal(command.contact_name.encode(), record_id=organisation.id, field="name"),
        phone_sealed=vault.seal(command.contact_phone.encode(), record_id=organisation.id, field="phone"),
        phone_index=index_phone(vault, command.contact_phone),
    )
    await store.add_organisation(work, organisation)
    await store.add_contact(work, organisation.id, contact=contact)
    await add_account(work, account)


def _tell(work: Work, organisation: Organisation, account: SignInAccount) -> None:
    by = Actor(account_id=account.id, organisation_id=organisation.id, role=account.roles[0])
    announce(
        work,
        organisation,
        fact=OrganisationRegistered,
        by=by,
        telling=Telling(
            act="organisation.register",
            rule="A11(1)" if organisation.kind is PartyKind.PROVIDER else "A14(1)",
            ground=organisation.check_evidence,
            text=f"{organisation.name}已注册，请上传实名认证材料。",
            after=organisation.state.value,
        ),
    )
    work.emit(
        AccountOpened(version=1, account_id=account.id, organisation_id=organisation.id, roles=tuple(account.roles))
    )
    if organisation.check_flagged:
        work.notify(
            Notice(
                recipient="role:operator_clerk",
                subject_type="organisation",
                subject_id=organisation.id,
                event="organisation.check_flagged",
                text=f"{organisation.name}的统一社会信用代码校验位不符，注册时已说明依据，请核对营业执照。",
                reason=organisation.check_evidence,
            )
        )


async def expire_unused(work: Work) -> int:
    """Close registrations with which nothing was handed in, and their accounts; how many.

    Emits: RegistrationExpired, AccountEnded.
    """
    before = work.now - work.ports.get(RegistrationRules).unused_ttl
    found = await store.lock_unused(work.connection, before=before, limit=EXPIRED_BATCH_MAX)
    for organisation in found:
        after = expire(organisation)
        telling = Telling(
            act="organisation.expire",
            rule="A11(1), A14(1)",
            ground=_UNUSED,
            text=f"{after.name}的注册已失效：{_UNUSED}。需要时请重新注册。",
            before="registered",
            after="closed",
        )
        await move(work, after, fact=RegistrationExpired, by=SYSTEM, telling=telling)
        for account_id in await accounts.ids_of_organisation(work.connection, organisation.id):
            account = await accounts.load_account(work.connection, account_id)
            if account.active:
                await disable(work, account, ground=_UNUSED, by=SYSTEM)
    return len(found)
