"""Registration of an enterprise or a provider, and its first account."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from services.identity.domain.accounts import role_of_party
from services.identity.domain.organisations import Organisation
from services.identity.domain.organisations import register as register_organisation
from services.identity.domain.refusals import (
    CreditCodeBlacklisted,
    CreditCodeRegistered,
    PersonNameMalformed,
    RegionUnknown,
    SignInNameTaken,
)
from services.identity.handlers.organisations import Telling, announce
from services.identity.handlers.resemblances import index_phone
from services.identity.sealing import Vault
from services.identity.store import organisations as store
from services.identity.store.accounts import Account, add_account
from services.identity.store.organisations import SealedContact
from shared.contracts.messages.identity import AccountOpened, OrganisationRegistered
from shared.contracts.policy import PartyKind
from shared.kernel.credit_code import CreditCodeCheckDigit, examine
from shared.kernel.names import is_seen
from shared.runtime.work import Actor, Notice, Work


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
class Registered:
    """The new organisation and its first account."""

    organisation_id: UUID
    account_id: UUID
    check_flagged: bool
    version: int


async def register(work: Work, command: Register) -> Registered:
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
    return Registered(
        organisation_id=organisation.id,
        account_id=account.id,
        check_flagged=organisation.check_flagged,
        version=organisation.version,
    )


def _first_account(work: Work, organisation: Organisation, command: Register) -> Account:
    return Account(
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
    if await store.find_by_body(work.connection, code, kind=command.kind) is not None:
        raise CreditCodeRegistered


async def _insert(work: Work, organisation: Organisation, account: Account, command: Register) -> None:
    vault = work.ports.get(Vault)
    contact = SealedContact(
        name_sealed=vault.seal(command.contact_name.encode(), record_id=organisation.id, field="name"),
        phone_sealed=vault.seal(command.contact_phone.encode(), record_id=organisation.id, field="phone"),
        phone_index=index_phone(vault, command.contact_phone),
    )
    try:
        await store.add_organisation(work.connection, organisation)
        await store.add_contact(work.connection, organisation.id, contact=contact)
        await add_account(work.connection, account)
    except asyncpg.UniqueViolationError as error:
        # Two forms with the same code or name at the same moment: the second one loses here.
        raise (CreditCodeRegistered if error.table_name == "organisation" else SignInNameTaken) from error


def _tell(work: Work, organisation: Organisation, account: Account) -> None:
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
