"""Intake: applications become numbered tickets with signed receipts, many in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from services.voucher.domain.eligibility import (
    Applicant,
    OpenPlan,
    check_applicant,
    check_plan,
    check_request,
    check_resubmission,
)
from services.voucher.domain.queue import IntakeCounter, NewTicket
from services.voucher.domain.receipts import ApplicationRequest, Receipt, receipt_of
from services.voucher.domain.refusals import ApplicationOpen, PlanNotOpen
from services.voucher.handlers.allocation import wake_allocator
from services.voucher.receipts import ReceiptSigner
from services.voucher.store import parties, queue
from shared.kernel.calendar import business_date
from shared.kernel.refusals import Refusal
from shared.runtime.work import Actor, NotFound, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitApplication:
    """An enterprise asks for quota of a plan. `amount_fen` 1..cap."""

    request: ApplicationRequest
    by: Actor


class ApplicationResult(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: the place in the queue and its receipt; the decision follows."""

    application_id: UUID
    plan_id: UUID
    ticket_no: int
    state: str
    receipt: Receipt
    version: int


async def submit_applications(
    work: Work, commands: Sequence[SubmitApplication]
) -> Sequence[ApplicationResult | Refusal]:
    """Give every eligible application the next number of its plan. Source: R28, Q2, Q6, A13, A16."""
    requests = [command.request for command in commands]
    applicants = await parties.read_applicants(work.connection, [request.enterprise_id for request in requests])
    counters = await queue.lock_counters(work.connection, sorted({request.plan_id for request in requests}))
    taken, returned = await queue.open_tickets(work.connection, [(r.plan_id, r.enterprise_id) for r in requests])
    signer = work.ports.get(ReceiptSigner)
    closed = _closed_plans(work, counters)
    tickets: list[NewTicket] = []
    outcomes: list[ApplicationResult | Refusal] = []
    for command in commands:
        request = command.request
        key = (request.plan_id, request.enterprise_id)
        counter = counters.get(request.plan_id)
        try:
            if counter is None:
                raise NotFound
            applicant = _admit(work, request, counter, applicants.get(request.enterprise_id), closed)
            if key in taken:
                raise ApplicationOpen
            check_resubmission(
                amount_fen=request.amount_fen, correction=request.correction, returned_fen=returned.get(key)
            )
        except Refusal as refusal:
            outcomes.append(refusal)
            continue
        taken.add(key)
        ticket, answer = _number(work, command, counter, applicant, signer)
        tickets.append(ticket)
        outcomes.append(answer)
    if tickets:
        await queue.insert_tickets(work, tickets, kid=signer.kid)
        wake_allocator(work)
    return outcomes


def _closed_plans(work: Work, counters: Mapping[UUID, IntakeCounter]) -> dict[UUID, PlanNotOpen]:
    """Why plans take no application now; the same for every application of a transaction."""
    pack_in_force = work.pack.in_force_on(business_date(work.now))
    closed: dict[UUID, PlanNotOpen] = {}
    for counter in counters.values():
        plan = OpenPlan(
            state=counter.state,
            counter_closed=counter.closed,
            opens_at=counter.opens_at,
            closes_at=counter.closes_at,
            cap_fen=counter.cap_fen,
        )
        try:
            check_plan(plan, now=work.now, pack_in_force=pack_in_force)
        except PlanNotOpen as refusal:
            closed[counter.plan_id] = refusal
    return closed


def _admit(
    work: Work,
    request: ApplicationRequest,
    counter: IntakeCounter,
    applicant: Applicant | None,
    closed: Mapping[UUID, PlanNotOpen],
) -> Applicant:
    years = work.pack.deadlines.registration_years
    small_firms_only = work.pack.limited_to_small_firms
    admitted = check_applicant(applicant, now=work.now, registration_years=years, small_firms_only=small_firms_only)
    if request.plan_id in closed:
        raise closed[request.plan_id]
    check_request(
        amount_fen=request.amount_fen,
        cap_fen=counter.cap_fen,
        declared_version=request.truth_declaration_version,
        current_version=work.pack.truth_declaration.version,
    )
    return admitted


def _number(
    work: Work, command: SubmitApplication, counter: IntakeCounter, applicant: Applicant, signer: ReceiptSigner
) -> tuple[NewTicket, ApplicationResult]:
    request = command.request
    counter.last_ticket_no += 1
    digest = request.digest()
    unsigned = receipt_of(
        plan_id=request.plan_id,
        ticket_no=counter.last_ticket_no,
        digest=digest,
        received_at=work.now,
        kid=signer.kid,
    )
    receipt = signer.sign(unsigned)
    ticket = NewTicket(
        id=work.new_id(),
        plan_id=request.plan_id,
        year=counter.year,
        ticket_no=counter.last_ticket_no,
        enterprise_id=request.enterprise_id,
        region=applicant.region,
        listed=applicant.priority_listed,
        requested_fen=request.amount_fen,
        correction=request.correction,
        declaration_version=request.truth_declaration_version,
        account_id=command.by.account_id or request.enterprise_id,
        request_hash=digest,
        receipt_signature=receipt.signature_bytes(),
    )
    answer = ApplicationResult(
        application_id=ticket.id,
        plan_id=ticket.plan_id,
        ticket_no=ticket.ticket_no,
        state="queued",
        receipt=receipt,
        version=0,
    )
    return ticket, answer
