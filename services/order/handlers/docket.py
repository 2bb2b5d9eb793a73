"""The orders of one transaction: locked together, decided one by one in memory, saved together."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from services.order.answers import changing
from services.order.domain import order as rules
from services.order.domain.order import Order
from services.order.domain.parties import Act, Pair, check_enterprise, check_pair
from services.order.domain.refusals import OrderNotFound
from services.order.domain.saga import Answer, Cancelled, Kind, Move, Saga, Signal, Step, Stepped, step
from services.order.domain.states import CancelReason
from services.order.handlers import telling
from services.order.store import orders as store
from services.order.store import refunds, sagas
from shared.contracts.messages.base import Refused
from shared.contracts.messages.order import OrderFact
from shared.kernel.refusals import Refusal, bug
from shared.runtime.db import Connection
from shared.runtime.problems import VersionMismatch
from shared.runtime.waiters import Waiters
from shared.runtime.work import SYSTEM, Actor, Decision, Work

CONFIRM_TIMER = "confirm_timeout"
"""Set once for an order and left standing when it is confirmed or cancelled: firing looks at the state again, and to
find and delete the timer of every purchase costs more than to let it pass."""
REFUND_TIMER = "refund_silence"


class Docket:
    """Orders and sagas as this transaction has decided so far."""

    def __init__(self, work: Work, *, orders: Iterable[Order], sagas: Iterable[Saga]) -> None:
        self.work = work
        self._orders = {order.id: order for order in orders}
        self._loaded = dict(self._orders)
        self._sagas = {saga.id: saga for saga in sagas}
        self._loaded_sagas = dict(self._sagas)
        self._moved: set[UUID] = set()
        self._stepped: set[UUID] = set()
        self._returned: list[UUID] = []

    @classmethod
    async def open(cls, work: Work, order_ids: Iterable[UUID]) -> "Docket":
        """Lock orders, then read their purchase sagas."""
        orders = await store.lock(work.connection, sorted(set(order_ids)))
        found = await sagas.find_sagas(work.connection, [order.id for order in orders])
        return cls(work, orders=orders, sagas=found)

    @classmethod
    async def open_with_parties(cls, work: Work, order_ids: Iterable[UUID]) -> tuple["Docket", Mapping[UUID, Pair]]:
        """Lock orders, then read their purchase sagas and what conditions ask of their parties, in one statement."""
        orders = await store.lock(work.connection, sorted(set(order_ids)))
        found, parties = await sagas.find_purchases(work.connection, [order.id for order in orders])
        return cls(work, orders=orders, sagas=found), parties

    @classmethod
    async def of_sagas(cls, work: Work, saga_ids: Iterable[UUID]) -> "Docket":
        """Lock the orders that sagas are about, with these sagas and the purchase sagas."""
        orders, found = await store.lock_by_saga(work.connection, sorted(set(saga_ids)))
        return cls(work, orders=orders, sagas=found)

    def find(self, order_id: UUID) -> Order | None:
        """An order of this docket."""
        return self._orders.get(order_id)

    def of(self, order_id: UUID, *, version: int | None, **party: UUID | None) -> Order:
        """The order when it belongs to the party (enterprise_id or provider_id) and stands at the version.

        Raises: OrderNotFound, VersionMismatch.
        """
        order = self._orders.get(order_id)
        if order is None or any(value is None or getattr(order, name) != value for name, value in party.items()):
            raise OrderNotFound
        if version is not None and version != order.version:
            raise VersionMismatch(version=order.version)
        return order

    def purchase(self, order_id: UUID) -> Saga | None:
        """The saga of an order's voucher, or None when it uses none."""
        return self._sagas.get(order_id)

    def take(self, sagas: Iterable[Saga]) -> None:
        """Add refund and claim sagas, read under the locks of their orders."""
        for saga in sagas:
            self._sagas.setdefault(saga.id, saga)
            self._loaded_sagas.setdefault(saga.id, saga)

    def saga(self, saga_id: UUID) -> Saga | None:
        """A saga of this docket."""
        return self._sagas.get(saga_id)

    def put(self, order: Order, fact: OrderFact | None = None) -> Order:
        """Keep a decided order and say its fact."""
        self._orders[order.id] = order
        self._moved.add(order.id)
        if fact is not None:
            self.work.emit(fact)
        return order

    def begin(self, stepped: Stepped) -> None:
        """Keep a new saga and send its first command."""
        self._keep(stepped)

    def signal(self, saga: Saga, signal: Signal) -> Saga:
        """Step a saga: send what it says, move its order as it says."""
        stepped = step(saga, signal)
        self._keep(stepped)
        if stepped.move is not None:
            self._apply(stepped, signal)
        return stepped.saga

    def _keep(self, stepped: Stepped) -> None:
        saga = stepped.saga
        self._sagas[saga.id] = saga
        self._stepped.add(saga.id)
        if stepped.command is not None:
            self.work.send(stepped.command, saga=saga.id, number=saga.number)

    def _apply(self, stepped: Stepped, signal: Signal) -> None:
        order = self._orders[stepped.saga.order_id]
        match stepped.move:
            case Move.AWAIT:
                self.await_confirmation(order)
            case Move.REFUSE:
                self._refuse(order, signal)
            case Move.RETURN:
                self.put(rules.returned(order))
                self._returned.append(stepped.saga.id)
            case Move.UNCLAIM:
                self.put(*rules.unclaim(order))
                telling.tell_unclaimed(self.work, order)
            case Move.REDEEM:
                self.put(*rules.redeem(order, paid_fen=stepped.saga.paid_fen or 0, now=self.work.now))
                telling.tell_redeemed(self.work, order)
            case None:
                pass

    def await_confirmation(self, order: Order) -> None:
        """The voucher is held: ask the provider, and set the end of its time. Source: A19, Q5, Q11."""
        days = self.work.pack.deadlines.confirm_timeout_days
        due_at = rules.confirm_due_at(order, now=self.work.now, timeout_days=days)
        after = self.put(*rules.await_confirmation(order, due_at=due_at))
        self.work.set_timer(CONFIRM_TIMER, key=order.id, due_at=due_at)
        telling.tell_awaiting(self.work, after)

    def _refuse(self, order: Order, signal: Signal) -> None:
        refused = signal.reply if isinstance(signal, Answer) and isinstance(signal.reply, Refused) else None
        refused = refused or bug("only a refusal refuses an order")
        after = self.put(
            *rules.refuse(order, code=refused.code, article=refused.article, detail=refused.detail, now=self.work.now)
        )
        telling.tell_refused(self.work, after)

    def cancel(self, order: Order, *, reason: CancelReason, by: Actor = SYSTEM, detail: str = "") -> Order:
        """Cancel on the row and let the voucher return by itself; `detail` is the provider's reason, in its words.

        Raises: Refusal. Source: A20, R72.
        """
        after = self.put(*rules.cancel(order, reason=reason, now=self.work.now, detail=detail))
        saga = self.purchase(order.id)
        if saga is not None:
            self.signal(saga, Cancelled(reason=reason.value))
        rule, ground = telling.CANCEL_ARTICLES[reason], detail or reason.value
        self.decide(order, after, act="order.cancel", by=by, rule=rule, ground=ground)
        telling.tell_cancelled(self.work, after, reason=reason)
        return after

    def decide(  # noqa: PLR0913 - the parts of a decision
        self, before: Order, after: Order, *, act: str, by: Actor, rule: str, ground: str = ""
    ) -> None:
        """Record a decision about an order."""
        self.work.decide(
            Decision(
                subject_type="order",
                subject_id=before.id,
                act=act,
                by=by,
                rule=rule,
                ground=ground,
                before=before.state.value,
                after=after.state.value,
                facts={"version": after.version},
            )
        )

    def refused(self, order: Order, refusal: Refusal, *, act: str, by: Actor, **facts: object) -> None:
        """Put into an order's history that an act was refused, and why; a refusal about the parties names their tie."""
        self.work.decide(
            Decision(
                subject_type="order",
                subject_id=order.id,
                act=act,
                by=by,
                rule=refusal.article,
                ground=refusal.detail,
                before=order.state.value,
                after=order.state.value,
                facts={"version": order.version, "code": refusal.code, **refusal.facts, **facts},
            )
        )

    async def save(self) -> None:
        """Write what changed in one statement, and wake whoever waits for these orders after the commit."""
        await self.leave()
        await self.work.write_deferred()

    async def leave(self) -> None:
        """As `save`, but orders and sagas are written with what is said; nothing may read them before."""
        moved = [(self._loaded[order_id], self._orders[order_id]) for order_id in sorted(self._moved)]
        saga_ids = sorted(self._stepped)
        stepped = [
            (before, self._sagas[key]) for key in saga_ids if (before := self._loaded_sagas.get(key)) is not None
        ]
        begun = [self._sagas[key] for key in saga_ids if key not in self._loaded_sagas]
        if moved or saga_ids:
            self.work.defer(store.saved(orders=moved, sagas=stepped, begun=begun))
        if self._returned:
            await refunds.finish(self.work.connection, self._returned, now=self.work.now)
        self._wake()

    def _wake(self) -> None:
        touched = self._moved | {self._sagas[saga_id].order_id for saga_id in self._stepped}
        waiters = self.work.ports.get(Waiters)
        news = [(order_id, self.news(order_id)) for order_id in touched if order_id in self._orders]
        told = [(order_id, value) for order_id, value in news if self._settled(order_id)]
        if told:
            self.work.after_commit.append(lambda: tell_all(waiters, told))

    def news(self, order_id: UUID) -> dict[str, object]:
        """What changed in an order, as its answer shows it."""
        return changing(self._orders[order_id], self._sagas.get(order_id))

    def _settled(self, order_id: UUID) -> bool:
        return is_settled(self._sagas.get(order_id))


def check_both(work: Work, pair: Pair, order: Order, *, act: Act) -> None:
    """Whether the parties of an order may do this act as they stand now. Raises: Refusal. Source: A13(4), R63."""
    check_enterprise(act, pair.enterprise, now=work.now)
    check_pair(
        act,
        pair,
        voucher=order.voucher_fen > 0,
        small_firms_only=work.pack.limited_to_small_firms,
        now=work.now,
    )


def is_settled(saga: Saga | None) -> bool:
    """Whether a caller that waits would call this the end: no command of the purchase is under way."""
    return saga is None or saga.kind is not Kind.PURCHASE or saga.state not in UNDER_WAY


async def read_news(connection: Connection, order_ids: Sequence[UUID]) -> Mapping[UUID, object]:
    """What waiting callers are told of these orders, as far as nothing is under way for them any more."""
    found = await _purchases(connection, order_ids)
    return {order.id: changing(order, saga) for order, saga in found if is_settled(saga)}


async def read_present(connection: Connection, order_ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, object]]:
    """How these orders stand now, as far as their answers change."""
    return {order.id: changing(order, saga) for order, saga in await _purchases(connection, order_ids)}


async def _purchases(connection: Connection, order_ids: Sequence[UUID]) -> Sequence[tuple[Order, Saga | None]]:
    orders = await store.find(connection, order_ids)
    purchases = {saga.id: saga for saga in await sagas.find_sagas(connection, [order.id for order in orders])}
    return [(order, purchases.get(order.id)) for order in orders]


UNDER_WAY = frozenset({Step.HOLDING, Step.COMMITTING, Step.RELEASING})


def tell_all(waiters: Waiters, told: Sequence[tuple[UUID, dict[str, object]]]) -> None:
    """Wake the callers that wait for these orders."""
    for order_id, value in told:
        waiters.tell(order_id, value)
