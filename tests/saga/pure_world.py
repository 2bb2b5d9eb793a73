"""One enterprise's year as values: the pure rules of three services, joined by a network that loses and repeats.

No database and no clock stand behind it. What the handlers do between two pure rules (load a row, step a saga, send
what it says) is done here on dictionaries in the same order; inboxes are left out on purpose, because effects must stay
single without them.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from msgspec.structs import replace as with_changes

from services.order.domain import order as rules
from services.order.domain.order import Order, RefundableLine
from services.order.domain.saga import (
    RESTING,
    Answered,
    Cancelled,
    CommitKnown,
    Confirmed,
    ItemEnded,
    ItemPaid,
    OrderEffect,
    Saga,
    SagaKind,
    SagaState,
    SagaStep,
    Signal,
    begin,
    begin_refund,
    step,
)
from services.order.domain.states import CancelReason, OrderState
from services.settlement.domain.claims import Claim, ClaimItem, withdrawn_item
from services.settlement.domain.states import ClaimState, ItemState, claim_after
from shared.contracts.messages.base import Command, Refused, Reply
from shared.contracts.messages.order import OrderFact
from shared.contracts.messages.settlement import ItemOpened, ItemRefused, OpenItem, RefuseItem
from shared.contracts.messages.voucher import ClaimVoucher, HoldVoucher, LineAmount
from shared.kernel.calendar import year_closes_at
from shared.kernel.refusals import Refusal
from tests.saga.pure_ledger import ENTERPRISE, YEAR, PureLedger

CONFIRM_TIMEOUT_DAYS = 15
ROUNDS_MAX = 100
PROVIDER = UUID(int=2)


@dataclass(frozen=True, slots=True)
class Filed:
    """A claim was submitted for these orders."""

    order_ids: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something settlement said about one claim; `signals` are those of its items, by order."""

    claim_id: UUID
    version: int
    said: Filed | None = None
    signals: Sequence[tuple[UUID, Signal]] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """A message under way: a step of a saga, its answer, or a fact."""

    what: Command | Reply | Fact
    saga_id: UUID | None = None
    number: int = 0


@dataclass
class PureWorld:
    """The rows of the three services, and the messages under way between them."""

    now: datetime = datetime(YEAR, 6, 1, tzinfo=UTC)
    ledger: PureLedger = field(default_factory=PureLedger)
    orders: dict[UUID, Order] = field(default_factory=dict)
    lines: dict[UUID, list[RefundableLine]] = field(default_factory=dict)
    refunds: dict[UUID, Sequence[int]] = field(default_factory=dict)
    sagas: dict[UUID, Saga] = field(default_factory=dict)
    claims: dict[UUID, Claim] = field(default_factory=dict)
    cursors: dict[UUID, int] = field(default_factory=lambda: defaultdict(int))
    network: list[Letter] = field(default_factory=list)
    _ids: int = 1_000

    def new_id(self) -> UUID:
        """A fresh id."""
        self._ids += 1
        return UUID(int=self._ids)

    # What people do.

    def place(self, vouchers_fen: Sequence[int]) -> None:
        """Place an order with one line for each voucher share; a line costs 100 fen more than its share."""
        order_id = self.new_id()
        lines = [
            RefundableLine(line=number, fee_fen=fen + 100, voucher_fen=fen, refunded=False)
            for number, fen in enumerate(vouchers_fen, start=1)
        ]
        order = Order(
            id=order_id,
            number=str(order_id.int),
            enterprise_id=ENTERPRISE,
            provider_id=PROVIDER,
            region="520100",
            year=YEAR,
            state=OrderState.PLACED,
            version=1,
            fee_fen=sum(line.fee_fen for line in lines),
            voucher_fen=sum(vouchers_fen),
            placed_at=self.now,
        )
        self.orders[order_id], self.lines[order_id] = order, lines
        if not order.voucher_fen:
            self._await(order)
            return
        shares = tuple(LineAmount(line=one.line, amount_fen=one.voucher_fen) for one in lines if one.voucher_fen)
        hold = HoldVoucher(order_id=order_id, enterprise_id=ENTERPRISE, year=YEAR, lines=shares)
        self._keep(begin(Saga(id=order_id, kind=SagaKind.PURCHASE, order_id=order_id, state=SagaState.HOLDING), hold))

    def confirm(self, order_id: UUID) -> None:
        """The provider confirms. Raises: Refusal."""
        self.put(*rules.confirm(self.orders[order_id], now=self.now))
        self._signal(order_id, Confirmed())

    def cancel(self, order_id: UUID, reason: CancelReason) -> None:
        """Somebody, or time, cancels. Raises: Refusal."""
        self.put(*rules.cancel(self.orders[order_id], reason=reason, now=self.now))
        self._signal(order_id, Cancelled(reason=reason.value))

    def request_refund(self, order_id: UUID, wanted: Sequence[int]) -> None:
        """The enterprise asks for lines back. Raises: Refusal."""
        order = self.orders[order_id]
        self.put(*rules.request_refund(order, lines=self.lines[order_id], wanted=wanted))
        self.refunds[order_id] = wanted

    def escalate_refund(self, order_id: UUID) -> None:
        """The provider was silent. Raises: Refusal."""
        self.put(*rules.escalate_refund(self.orders[order_id]))

    def refuse_refund(self, order_id: UUID) -> None:
        """The provider says no. Raises: Refusal."""
        self.put(*rules.refuse_refund(self.orders[order_id]))

    def consent_refund(self, order_id: UUID) -> None:
        """The provider consents; the voucher of the lines follows by a saga. Raises: Refusal."""
        lines, wanted = self.lines[order_id], self.refunds.get(order_id, ())
        self.put(*rules.consent_refund(self.orders[order_id], lines=lines, wanted=wanted))
        self.lines[order_id] = [with_changes(one, refunded=one.refunded or one.line in wanted) for one in lines]
        with_voucher = tuple(one.line for one in lines if one.line in wanted and one.voucher_fen)
        if with_voucher:
            self._keep(begin_refund(refund_id=self.new_id(), order_id=order_id, lines=with_voucher))

    def file_claim(self, order_ids: Sequence[UUID]) -> None:
        """The provider files a claim; settlement's copies may lag, so any order may be in it."""
        claim_id = self.new_id()
        items = {
            order_id: ClaimItem(claim_id=claim_id, order_id=order_id, state=ItemState.SUBMITTED)
            for order_id in order_ids
        }
        self.claims[claim_id] = Claim(
            id=claim_id,
            serial=1,
            provider_id=PROVIDER,
            state=ClaimState.SUBMITTED,
            version=1,
            window_closes_at=None,
            created_at=self.now,
            items=items,
        )
        self.network.append(Letter(Fact(claim_id, 1, said=Filed(tuple(order_ids)))))

    def end_item(self, claim_id: UUID, order_id: UUID) -> None:
        """An item is withdrawn or rejected. Raises: Refusal."""
        claim = self.claims[claim_id]
        if claim.state is ClaimState.SUBMITTED:
            return
        item = withdrawn_item(claim.item(order_id), reason="withdrawn")
        self._say(claim, [item], signals=[(order_id, ItemEnded())])

    def pay_claim(self, claim_id: UUID, short_fen: int) -> None:
        """Every live item of an answered claim is paid, each short by at most `short_fen`."""
        claim = self.claims[claim_id]
        if claim.state is not ClaimState.ACCEPTED:
            return
        paid = {
            item.order_id: max(1, (item.voucher_fen or 0) - short_fen)
            for item in claim.live_items()
            if item.state is ItemState.OPEN
        }
        items = [
            replace(claim.items[order_id], state=ItemState.PAID, approved_fen=fen) for order_id, fen in paid.items()
        ]
        signals = [(order_id, ItemPaid(paid_fen=fen)) for order_id, fen in paid.items()]
        self._say(replace(claim, state=ClaimState.PAID), items, signals=signals)

    def pass_days(self, days: int) -> None:
        """Time passes; the provider's time to confirm may end with it."""
        self.now += timedelta(days=days)
        for order in list(self.orders.values()):
            due_at = order.confirm_due_at
            if order.unconfirmed and due_at is not None and self.now >= due_at:
                closed = order.voucher_fen and self.now >= year_closes_at(order.year)
                self.cancel(order.id, CancelReason.YEAR_END if closed else CancelReason.TIMEOUT)

    def end_year(self) -> None:
        """The order service cancels what is unconfirmed, voucher takes back what is available."""
        self.now = max(self.now, year_closes_at(YEAR))
        for order in list(self.orders.values()):
            if order.unconfirmed and order.voucher_fen:
                self.cancel(order.id, CancelReason.YEAR_END)
        self.ledger.recover()

    # What the network and the sweeper do.

    def deliver(self, place: int, *, keep: bool) -> None:
        """Deliver one of the letters under way; `keep` leaves a copy that comes again."""
        letter = self.network[place]
        if not keep:
            del self.network[place]
        match letter.what:
            case Fact():
                self._take_fact(letter)
            case Reply():
                self._signal(letter.saga_id, Answered(number=letter.number, reply=letter.what))
            case Command():
                self.network.append(replace(letter, what=self._obey(letter.what)))

    def lose(self, place: int) -> None:
        """Lose a letter, unless it is a fact: those stay in their producer's outbox until they are confirmed."""
        if not isinstance(self.network[place].what, Fact):
            del self.network[place]

    def sweep(self) -> None:
        """Send every pending command again, and wake claims that waited for their purchase's commit."""
        for saga in list(self.sagas.values()):
            if saga.pending is not None:
                self.network.append(Letter(saga.pending, saga.id, saga.number))
            purchase = self.sagas.get(saga.order_id)
            waiting = saga.state is SagaState.WAITING_FOR_COMMIT
            if waiting and purchase is not None and purchase.state is SagaState.COMMITTED:
                self._signal(saga.id, CommitKnown())

    def drain(self) -> None:
        """Deliver and sweep until nothing is under way. Raises: AssertionError when that never comes (I11)."""
        for _ in range(ROUNDS_MAX):
            while self.network:
                self.deliver(0, keep=False)
            if all(saga.state in RESTING for saga in self.sagas.values()):
                return
            self.sweep()
        stuck = [(saga.kind, saga.state, saga.pending) for saga in self.sagas.values() if saga.state not in RESTING]
        raise AssertionError(f"I11: sagas never rest: {stuck}")

    # What the order service does.

    def put(self, order: Order, fact: OrderFact | None = None) -> None:
        """Keep an order; its facts count up without a gap (I8)."""
        before = self.orders[order.id]
        if fact is not None:
            assert order.version == fact.version == before.version + 1, "I8: one fact for each version"
        self.orders[order.id] = order

    def _keep(self, stepped: SagaStep) -> None:
        saga = stepped.saga
        resting = saga.state in RESTING
        assert resting == (saga.pending is None) or saga.state is SagaState.WAITING_FOR_COMMIT, "a saga rests or waits"
        self.sagas[saga.id] = saga
        if stepped.command is not None:
            self.network.append(Letter(stepped.command, saga.id, saga.number))

    def _signal(self, saga_id: UUID | None, signal: Signal) -> None:
        saga = self.sagas.get(saga_id) if saga_id is not None else None
        if saga is None:
            return
        stepped = step(saga, signal)
        self._keep(stepped)
        order = self.orders[saga.order_id]
        match stepped.effect:
            case OrderEffect.AWAIT:
                self._await(order)
            case OrderEffect.REFUSE:
                self.put(*rules.refuse(order, code="voucher.no", article="A18", detail="", now=self.now))
            case OrderEffect.RETURN:
                self.put(rules.returned(order))
            case OrderEffect.UNCLAIM:
                self.put(*rules.unclaim(order))
            case OrderEffect.REDEEM:
                self.put(*rules.redeem(order, paid_fen=stepped.saga.paid_fen or 0, now=self.now))
            case None:
                pass

    def _await(self, order: Order) -> None:
        due_at = rules.confirm_due_at(order, now=self.now, timeout_days=CONFIRM_TIMEOUT_DAYS)
        self.put(*rules.await_confirmation(order, due_at=due_at))

    def _take_fact(self, letter: Letter) -> None:
        fact = letter.what
        assert isinstance(fact, Fact)
        at = self.cursors[fact.claim_id]
        if fact.version > at + 1:
            # Parked: it comes again once its predecessor was applied.
            if letter not in self.network:
                self.network.append(letter)
            return
        if fact.version <= at:
            return
        self.cursors[fact.claim_id] = fact.version
        if fact.said is not None:
            for order_id in fact.said.order_ids:
                self._file(fact.claim_id, order_id)
        by_order = {saga.order_id: saga.id for saga in self.sagas.values() if saga.claim_id == fact.claim_id}
        for order_id, signal in fact.signals:
            self._signal(by_order[order_id], signal)

    def _file(self, claim_id: UUID, order_id: UUID) -> None:
        saga = Saga(
            id=self.new_id(), kind=SagaKind.CLAIM, order_id=order_id, state=SagaState.CLAIMING, claim_id=claim_id
        )
        try:
            after, fact = rules.claim(self.orders[order_id], claim_id=claim_id, provider_id=PROVIDER)
        except Refusal as refusal:
            no = RefuseItem(claim_id=claim_id, order_id=order_id, code=refusal.code, article="A22", detail="")
            self._keep(begin(with_changes(saga, state=SagaState.REFUSING), no))
            return
        self.put(after, fact)
        if self.sagas[order_id].state is SagaState.COMMITTED:
            self._keep(begin(saga, ClaimVoucher(order_id=order_id, claim_id=claim_id)))
        else:
            self._keep(begin(with_changes(saga, state=SagaState.WAITING_FOR_COMMIT), None))

    # What voucher and settlement do.

    def _obey(self, command: Command) -> Reply:
        try:
            if isinstance(command, OpenItem | RefuseItem):
                return self._answer_item(command)
            return self.ledger.obey(command, now=self.now)
        except Refusal as refusal:
            return Refused(code=refusal.code, kind="rule", article=refusal.article, detail="")

    def _answer_item(self, command: OpenItem | RefuseItem) -> Reply:
        claim = self.claims[command.claim_id]
        item = claim.item(command.order_id)
        if isinstance(command, OpenItem):
            if item.state is ItemState.REFUSED:
                return Refused(code="settlement.answered", kind="state", article="A22", detail="")
            if item.state is ItemState.SUBMITTED:
                self._say(claim, [item.moved(ItemState.OPEN, voucher_fen=command.voucher_fen)])
            return ItemOpened(claim_id=claim.id, order_id=item.order_id)
        if item.state not in {ItemState.SUBMITTED, ItemState.REFUSED}:
            return Refused(code="settlement.answered", kind="state", article="A22", detail="")
        if item.state is ItemState.SUBMITTED:
            self._say(claim, [item.moved(ItemState.REFUSED)])
        return ItemRefused(claim_id=claim.id, order_id=item.order_id)

    def _say(self, claim: Claim, items: Sequence[ClaimItem], *, signals: Sequence[tuple[UUID, Signal]] = ()) -> None:
        """Keep changed items, move the claim on where that decides it, and tell what order must know."""
        after = claim.with_items(*items)
        if signals:
            after = replace(after, version=after.version + 1)
            self.network.append(Letter(Fact(claim.id, after.version, signals=tuple(signals))))
        state = claim_after(after.state, items=[item.state for item in after.items.values()])
        if state is not after.state and after.state is not ClaimState.PAID:
            after = replace(after, state=state, version=after.version + 1)
            self.network.append(Letter(Fact(claim.id, after.version)))
        self.claims[claim.id] = after
