"""The orders of one transaction: locked together, decided one by one in memory, written together.

Confirm, cancel and refuse are decided here: each is a guarded move of the order row, and the loser learns who won.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import TypeAlias
from uuid import UUID

import msgspec

from services.order.domain import order as rules
from services.order.domain.order import NewOrder, Order
from services.order.domain.refusals import OrderNotFound
from services.order.domain.saga import Cancelled, Confirmed, Saga, SagaStep, check_rest, is_settled, step
from services.order.domain.states import CANCEL_ARTICLES, CANCEL_REASONS, CancelReason
from services.order.domain.terms import Act, NewLine, OrderParties, PricedLine, check_both
from services.order.store import orders as store
from services.order.store.contacts import CONTACTS, SealedContact
from services.order.store.sagas import SAGAS
from shared.contracts.messages.order import OrderFact
from shared.kernel.money import Fen, format_yuan
from shared.kernel.refusals import Refusal
from shared.runtime.service import Waiters
from shared.runtime.work import SYSTEM, Actor, Decision, Notice, VersionMismatch, Work


class OrderAct(StrEnum):
    """What a party may want done with an order that waits for its provider."""

    CONFIRM = "confirm"
    CANCEL = "cancel"
    REFUSE = "refuse"


class OrderCommand(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something one party wants done with one order; `reason` is why a provider does not take it."""

    act: OrderAct
    order_id: UUID
    by: Actor
    expected_version: int | None = None
    reason: str = ""


class OrderResult(msgspec.Struct, frozen=True, kw_only=True):
    """An order after a command; `saga` is where its voucher stands, empty without a voucher. Amounts in fen."""

    id: UUID
    number: str
    state: str
    version: int
    saga: str
    year: int
    fee_fen: int
    voucher_fen: int
    own_fen: int
    confirm_due_at: datetime | None = None
    confirmed_at: datetime | None = None
    reason: str = ""
    refusal_code: str = ""
    refusal_article: str = ""
    refusal_detail: str = ""


_FIXED = ("id", "number", "year", "fee_fen", "voucher_fen")
_CHANGING = (
    *("state", "version", "confirm_due_at", "confirmed_at", "reason"),
    *("refusal_code", "refusal_article", "refusal_detail"),
)


def changing(order: Order, saga: Saga | None) -> dict[str, object]:
    """The fields of a result that change after the order was placed."""
    return {"saga": saga.state.value if saga is not None else "", **{name: getattr(order, name) for name in _CHANGING}}


class OrderBatch:
    """Orders and sagas as this transaction has decided so far; `write` ends it."""

    def __init__(self, work: Work, *, orders: Iterable[Order] = (), sagas: Iterable[Saga] = ()) -> None:
        self.work = work
        self._orders = {order.id: order for order in orders}
        self._loaded = dict(self._orders)
        self._sagas = {saga.id: saga for saga in sagas}
        self._loaded_sagas = dict(self._sagas)
        self._moved: set[UUID] = set()
        self._stepped: set[UUID] = set()
        self._lines: list[NewLine] = []
        self._contacts: list[SealedContact] = []

    @classmethod
    async def open(cls, work: Work, order_ids: Iterable[UUID]) -> "OrderBatch":
        """Lock orders, then read their purchase sagas."""
        orders = await store.lock(work.connection, sorted(set(order_ids)))
        found = await store.find_sagas(work.connection, [order.id for order in orders])
        return cls(work, orders=orders, sagas=found)

    @classmethod
    async def open_with_parties(cls, work: Work, order_ids: Iterable[UUID]) -> tuple["OrderBatch", "AllParties"]:
        """Lock orders, then read their purchase sagas and what conditions ask of their parties, in one statement."""
        orders = await store.lock(work.connection, sorted(set(order_ids)))
        found, parties = await store.find_purchases(work.connection, [order.id for order in orders])
        return cls(work, orders=orders, sagas=found), parties

    @classmethod
    async def of_sagas(cls, work: Work, saga_ids: Iterable[UUID]) -> "OrderBatch":
        """Lock the orders that sagas are about, with these sagas and the purchase sagas."""
        orders, found = await store.lock_by_saga(work.connection, sorted(set(saga_ids)))
        return cls(work, orders=orders, sagas=found)

    def find(self, order_id: UUID) -> Order | None:
        """An order of this batch."""
        return self._orders.get(order_id)

    def of(self, order_id: UUID, *, expected_version: int | None, **party: UUID | None) -> Order:
        """The order when it belongs to the party (enterprise_id or provider_id) and stands at the version.

        Raises: OrderNotFound, VersionMismatch.
        """
        order = self._orders.get(order_id)
        if order is None or any(value is None or getattr(order, name) != value for name, value in party.items()):
            raise OrderNotFound
        if expected_version is not None and expected_version != order.version:
            raise VersionMismatch(version=order.version)
        return order

    def order_of(self, saga: Saga) -> Order:
        """The order that a saga of this batch is about."""
        return self._orders[saga.order_id]

    def purchase(self, order_id: UUID) -> Saga | None:
        """The saga of an order's voucher, or None when it uses none."""
        return self._sagas.get(order_id)

    def saga(self, saga_id: UUID) -> Saga | None:
        """A saga of this batch."""
        return self._sagas.get(saga_id)

    def add_sagas(self, sagas: Iterable[Saga]) -> None:
        """Hold refund and claim sagas as well, read under the locks of their orders."""
        for saga in sagas:
            self._sagas.setdefault(saga.id, saga)
            self._loaded_sagas.setdefault(saga.id, saga)

    def place(
        self, order: NewOrder, fact: OrderFact, *, lines: Sequence[PricedLine], contact: SealedContact | None
    ) -> None:
        """Hold a new order with its lines, and say its fact."""
        self.put(order, fact)
        self._lines += [NewLine(order.id, line) for line in lines]
        if contact is not None:
            self._contacts.append(contact)

    def put(self, order: Order, fact: OrderFact | None = None) -> Order:
        """Hold a decided order, and say its fact."""
        self._orders[order.id] = order
        self._moved.add(order.id)
        if fact is not None:
            self.work.emit(fact)
        return order

    def step(self, stepped: SagaStep) -> Saga:
        """Hold a saga that begins or goes on, and send its command. Raises: Bug when it neither rests nor waits."""
        saga = stepped.saga
        check_rest(saga)
        self._sagas[saga.id] = saga
        self._stepped.add(saga.id)
        if stepped.command is not None:
            self.work.send(stepped.command, saga=saga.id, number=saga.number)
        return saga

    def write(self) -> None:
        """Write what changed, and tell whoever waits for these orders after the commit."""
        work, loaded, loaded_sagas = self.work, self._loaded, self._loaded_sagas
        moved, stepped = sorted(self._moved), sorted(self._stepped)
        work.update(store.ORDERS, [(loaded[key], self._orders[key]) for key in moved if key in loaded])
        work.update(SAGAS, [(loaded_sagas[key], self._sagas[key]) for key in stepped if key in loaded_sagas])
        work.insert(store.ORDERS, [self._orders[key] for key in moved if key not in loaded])
        work.insert(SAGAS, [self._sagas[key] for key in stepped if key not in loaded_sagas])
        work.insert(store.LINES, self._lines)
        work.insert(CONTACTS, self._contacts)
        self._notify_waiters()

    def _notify_waiters(self) -> None:
        work = self.work
        for order_id in self._moved | {self._sagas[saga_id].order_id for saga_id in self._stepped}:
            order, saga = self._orders.get(order_id), self._sagas.get(order_id)
            if order is not None and is_settled(saga):
                work.after_commit.append(partial(work.ports.get(Waiters).tell, order_id, changing(order, saga)))

    def result(self, order_id: UUID) -> OrderResult:
        """What a command on an order of this batch came to."""
        order = self._orders[order_id]
        own_fen = order.fee_fen - order.voucher_fen
        fixed = {name: getattr(order, name) for name in _FIXED}
        return OrderResult(own_fen=own_fen, **fixed, **changing(order, self._sagas.get(order_id)))  # type: ignore[arg-type] # named for them


AllParties: TypeAlias = Mapping[UUID, OrderParties]
"""What conditions ask of the parties of an order, by order."""


async def decide_orders(work: Work, commands: Sequence[OrderCommand]) -> Sequence[OrderResult | Refusal]:
    """Decide each command on the order as the commands before it left it: one transaction, whatever they ask for.

    Emits OrderConfirmed, OrderCancelled.
    """
    batch, parties = await OrderBatch.open_with_parties(work, [command.order_id for command in commands])
    results: list[OrderResult | Refusal] = []
    for command in commands:
        try:
            after = _DECIDE[command.act](batch, parties, command)
        except Refusal as refusal:
            results.append(refusal)
        else:
            results.append(batch.result(after.id))
    batch.write()
    return results


def _confirm(batch: OrderBatch, parties: AllParties, command: OrderCommand) -> Order:
    """The provider's transaction confirmation, final on the row; the commit follows by the saga.

    Source: A19, R70, Q5.
    """
    work, party = batch.work, command.by.organisation_id
    order = batch.of(command.order_id, expected_version=command.expected_version, provider_id=party)
    after, fact = rules.confirm(order, now=work.now)
    try:
        check_both(
            Act.CONFIRM,
            parties[order.id],
            voucher=order.voucher_fen > 0,
            small_firms_only=work.pack.limited_to_small_firms,
            now=work.now,
        )
    except Refusal as refusal:
        record_refusal(work, order, refusal, act="order.confirm_refused", by=command.by)
        raise
    batch.put(after, fact)
    saga = batch.purchase(order.id)
    if saga is not None:
        batch.step(step(saga, Confirmed()))
    decide(work, order, after, act="order.confirm", by=command.by, rule="A19")
    text = f"订单{order.number}已由云服务商完成交易确认。"
    tell(work, order.enterprise_id, order, event="order.confirmed", text=text, article="A19")
    return after


def _cancel(batch: OrderBatch, parties: AllParties, command: OrderCommand) -> Order:
    """The enterprise cancels before confirmation; the voucher returns by itself. Source: A20, R72."""
    del parties
    party = command.by.organisation_id
    order = batch.of(command.order_id, expected_version=command.expected_version, enterprise_id=party)
    return cancel(batch, order, reason=CancelReason.ENTERPRISE, by=command.by)


def _refuse(batch: OrderBatch, parties: AllParties, command: OrderCommand) -> Order:
    """The provider does not take the order, and says why; the order is cancelled with that. Source: A19, A20."""
    del parties
    party = command.by.organisation_id
    order = batch.of(command.order_id, expected_version=command.expected_version, provider_id=party)
    return cancel(batch, order, reason=CancelReason.PROVIDER, by=command.by, detail=command.reason)


_DECIDE: Mapping[OrderAct, Callable[[OrderBatch, AllParties, OrderCommand], Order]] = {
    OrderAct.CONFIRM: _confirm,
    OrderAct.CANCEL: _cancel,
    OrderAct.REFUSE: _refuse,
}


def cancel(batch: OrderBatch, order: Order, *, reason: CancelReason, by: Actor = SYSTEM, detail: str = "") -> Order:
    """Cancel on the row and let the voucher return by itself; `detail` is the provider's reason, in its words.

    Raises: Refusal. Source: A20, R72.
    """
    work, article = batch.work, CANCEL_ARTICLES[reason]
    after = batch.put(*rules.cancel(order, reason=reason, now=work.now, detail=detail))
    saga = batch.purchase(order.id)
    if saga is not None:
        batch.step(step(saga, Cancelled(reason=reason.value)))
    decide(work, order, after, act="order.cancel", by=by, rule=article, ground=detail or reason.value)
    words = f"{CANCEL_REASONS[reason]}：{detail}" if detail else CANCEL_REASONS[reason]
    plain = f"订单{order.number}已取消。原因：{words}。"
    text = plain
    if order.taken_back(work.now):
        text = f"{plain}{taken_back(order, order.voucher_fen)}"
    elif order.voucher_fen:
        # The enterprise's notice is the pack's, and names what returns.
        body = work.pack.notice("order_cancelled").body
        text = body.format(order_number=order.number, amount_yuan=format_yuan(Fen(order.voucher_fen)), reason=words)
    tell(work, order.enterprise_id, order, event="order.cancelled", text=text, reason=words, article=article)
    tell(work, order.provider_id, order, event="order.cancelled", text=plain, reason=words, article=article)
    return after


def taken_back(order: Order, amount_fen: int) -> str:
    """What becomes of voucher money that returns after its year is over. Source: Q5, R36."""
    amount_yuan = format_yuan(Fen(amount_fen))
    return f"云使用券{amount_yuan}元属{order.year}年度，该年度已结束，按规定收回，不再退回上云企业账户。"


def decide(  # noqa: PLR0913 - the parts of a decision
    work: Work,
    before: Order,
    after: Order,
    *,
    act: str,
    by: Actor,
    rule: str,
    ground: str = "",
    facts: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Record a decision about an order."""
    work.decide(
        Decision(
            subject_type="order",
            subject_id=before.id,
            act=act,
            by=by,
            rule=rule,
            ground=ground,
            before=before.state.value,
            after=after.state.value,
            facts={"version": after.version, **facts},
        )
    )


def record_refusal(work: Work, order: Order, refusal: Refusal, *, act: str, by: Actor, **facts: object) -> None:
    """Put into an order's history that an act was refused, and why; a refusal about the parties names their tie."""
    more = {"code": refusal.code, **refusal.facts, **facts}
    decide(work, order, order, act=act, by=by, rule=refusal.article, ground=refusal.detail, facts=more)


def tell(  # noqa: PLR0913 - the parts of a notice
    work: Work, organisation_id: UUID, order: Order, *, event: str, text: str, reason: str = "", article: str = ""
) -> None:
    """Notify one party of its order."""
    work.notify(
        Notice(
            recipient=f"org:{organisation_id}",
            subject_type="order",
            subject_id=order.id,
            event=event,
            text=text,
            reason=reason,
            article=article,
        )
    )


def tell_both(  # noqa: PLR0913 - the parts of a notice
    work: Work, order: Order, *, event: str, text: str, reason: str = "", article: str = ""
) -> None:
    """Notify enterprise and provider alike."""
    for party in (order.enterprise_id, order.provider_id):
        tell(work, party, order, event=event, text=text, reason=reason, article=article)
