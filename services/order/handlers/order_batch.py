"""The orders of one transaction: locked together, decided one by one in memory, written together."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from services.order.answers import OrderAnswer
from services.order.domain.order import NewOrder, Order
from services.order.domain.parties import Pair
from services.order.domain.pricing import NewLine, PricedLine
from services.order.domain.refusals import OrderNotFound
from services.order.domain.saga import Saga, Stepped, check_rest, is_settled
from services.order.store import orders as store
from services.order.store.contacts import CONTACTS, SealedContact
from services.order.store.sagas import SAGAS
from shared.contracts.messages.order import OrderFact
from shared.runtime.service import Waiters
from shared.runtime.sql import Connection
from shared.runtime.work import VersionMismatch, Work


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
    async def open_with_parties(cls, work: Work, order_ids: Iterable[UUID]) -> tuple["OrderBatch", Mapping[UUID, Pair]]:
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

    def step(self, stepped: Stepped) -> Saga:
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
        self._tell()

    def _tell(self) -> None:
        touched = self._moved | {self._sagas[saga_id].order_id for saga_id in self._stepped}
        told = [
            (order_id, changing(self._orders[order_id], self._sagas.get(order_id)))
            for order_id in touched
            if order_id in self._orders and is_settled(self._sagas.get(order_id))
        ]
        if told:
            waiters = self.work.ports.get(Waiters)
            self.work.after_commit.append(lambda: tell_all(waiters, told))

    def answer(self, order_id: UUID) -> OrderAnswer:
        """The answer to a command on an order of this batch."""
        order = self._orders[order_id]
        return OrderAnswer(
            id=order.id,
            number=order.number,
            year=order.year,
            fee_fen=order.fee_fen,
            voucher_fen=order.voucher_fen,
            own_fen=order.own_fen,
            **changing(order, self._sagas.get(order_id)),  # type: ignore[arg-type] # the keys are fields of the answer
        )


def changing(order: Order, saga: Saga | None) -> dict[str, object]:
    """The fields of an answer that change after the order was placed."""
    return {
        "state": order.state.value,
        "version": order.version,
        "saga": saga.state.value if saga is not None else "",
        "confirm_due_at": order.confirm_due_at,
        "confirmed_at": order.confirmed_at,
        "reason": order.reason,
        "refusal_code": order.refusal_code,
        "refusal_article": order.refusal_article,
        "refusal_detail": order.refusal_detail,
    }


async def read_news(connection: Connection, order_ids: Sequence[UUID]) -> Mapping[UUID, object]:
    """What waiting callers are told of these orders, as far as nothing is under way for them any more."""
    found = await store.find_with_purchase(connection, order_ids)
    return {order.id: changing(order, saga) for order, saga in found if is_settled(saga)}


async def read_present(connection: Connection, order_ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, object]]:
    """How these orders stand now, as far as their answers change."""
    found = await store.find_with_purchase(connection, order_ids)
    return {order.id: changing(order, saga) for order, saga in found}


def tell_all(waiters: Waiters, told: Sequence[tuple[UUID, dict[str, object]]]) -> None:
    """Wake the callers that wait for these orders."""
    for order_id, value in told:
        waiters.tell(order_id, value)
