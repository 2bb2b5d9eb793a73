"""The parts that every act on an organisation shares."""

from dataclasses import dataclass
from uuid import UUID

from services.identity.domain.organisations import AuthenticationState, Organisation, RecognitionState
from services.identity.store import organisations as store
from shared.contracts.messages.identity import OrganisationFact
from shared.kernel.credit_code import CreditCodeCheckDigit, examine
from shared.runtime.work import Actor, Decision, Notice, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationResult:
    """An organisation after an act, as the command's answer."""

    id: UUID
    state: AuthenticationState
    recognition: RecognitionState
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What is recorded and told of an act: the act, its rule and ground, and the sentence for the party."""

    act: str
    rule: str
    ground: str
    text: str
    before: str = ""
    after: str = ""


async def accept_named(work: Work, text: str) -> str:
    """The code by which somebody names another party, in its normal form.

    A code whose check place fails is issued now and then: it is taken where a party is registered with exactly it,
    which took evidence, and is a typing error anywhere else. Raises: CreditCodeIsResidentId, CreditCodeMalformed,
    CreditCodeUnknownKind, CreditCodeCheckDigit. Source: R44, R64.
    """
    check = examine(text)
    if check.check_digit_fails and not await store.is_code_registered(work.connection, check.code):
        raise CreditCodeCheckDigit
    return check.code


async def move(
    work: Work, after: Organisation, *, fact: type[OrganisationFact], by: Actor, telling: Telling
) -> OrganisationResult:
    """Save the next version of an organisation, emit its fact, record the decision and tell the party."""
    await store.save_organisation(work, after)
    announce(work, after, fact=fact, by=by, telling=telling)
    return result_of(after)


def announce(work: Work, after: Organisation, *, fact: type[OrganisationFact], by: Actor, telling: Telling) -> None:
    """Emit an organisation's fact, record the decision and tell the party."""
    work.emit(fact(version=after.version, organisation_id=after.id, party=after.party()))
    work.decide(
        Decision(
            subject_type="organisation",
            subject_id=after.id,
            act=telling.act,
            by=by,
            rule=telling.rule,
            ground=telling.ground,
            before=telling.before,
            after=telling.after,
            facts={"version": after.version},
        )
    )
    work.notify(
        Notice(
            recipient=f"org:{after.id}",
            subject_type="organisation",
            subject_id=after.id,
            event=telling.act,
            text=telling.text,
            reason=telling.ground,
            article=telling.rule,
        )
    )


def result_of(organisation: Organisation) -> OrganisationResult:
    """An organisation as a command's answer."""
    return OrganisationResult(
        id=organisation.id,
        state=organisation.state,
        recognition=organisation.recognition,
        version=organisation.version,
    )
