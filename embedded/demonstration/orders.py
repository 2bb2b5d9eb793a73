"""The acts of buying: orders, confirmation, records, cancelling, refunds."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from embedded.demonstration.catalogue import product_key
from embedded.demonstration.client import Answer, Login, together
from embedded.demonstration.context import DemoContext
from embedded.sample_documents import paper_pdf
from shared.contracts.permissions import Role

ORDERS = "order/v1/orders"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One order of the story: who buys which components of which products, and with how much voucher, in fen."""

    key: str
    place: int
    lines: tuple[tuple[int, int, int], ...]
    """Product number, place of the price component, quantity."""
    voucher: Literal["max", "none"] | int = "max"


async def place(context: DemoContext, plots: Sequence[Plot]) -> None:
    """Place orders; each has its voucher held, or was refused, when this returns."""
    await together(*(_place(context, plot) for plot in plots))
    await context.settle()


async def place_refused(context: DemoContext, plot: Plot, *, refused: str) -> None:
    """Try an order that is refused at once."""
    await context.post(_buyer(context, plot), ORDERS, _body(context, plot), refused=refused)


async def confirm(context: DemoContext, plots: Sequence[Plot]) -> None:
    """The providers confirm; the voucher part becomes firm."""
    await together(*(context.post(_seller(context, plot), f"{_order(context, plot)}/confirm") for plot in plots))
    await context.settle()


async def cancel(context: DemoContext, plot: Plot) -> None:
    """The enterprise cancels before confirmation; the voucher returns by itself."""
    await context.post(_buyer(context, plot), f"{_order(context, plot)}/cancel")
    await context.settle()


async def decline(context: DemoContext, plot: Plot, *, reason: str) -> None:
    """The provider does not take the order, and says why."""
    await context.post(_seller(context, plot), f"{_order(context, plot)}/refuse", {"reason": reason})
    await context.settle()


async def buy(context: DemoContext, plots: Sequence[Plot]) -> None:
    """Orders that go their ordinary way: placed, confirmed, contract and own payment on record."""
    await place(context, plots)
    await confirm(context, plots)
    await together(*(_put_on_record(context, plot) for plot in plots))


async def deliver(context: DemoContext, plots: Sequence[Plot]) -> None:
    """The providers record the delivery and the enterprises accept it."""
    await together(*(_deliver(context, plot) for plot in plots))


async def complain(context: DemoContext, plot: Plot, text: str) -> str:
    """An enterprise complains of lowered service; the complaint's id."""
    answer = await context.post(_buyer(context, plot), f"{_order(context, plot)}/complaints", {"text": text})
    return str(answer["id"])


async def answer_complaint(context: DemoContext, complaint_id: str, text: str) -> None:
    """The operator answers a complaint."""
    await context.post(context.staff(Role.OPERATOR_CLERK), f"order/v1/complaints/{complaint_id}/answer", {"text": text})


async def evaluate(context: DemoContext, plot: Plot, scores: Mapping[str, int], text: str) -> None:
    """An enterprise scores the effect on the four axes of the scheme."""
    await context.post(
        _buyer(context, plot), f"{_order(context, plot)}/evaluation", {"scores": dict(scores), "text": text}
    )


async def request_refund(context: DemoContext, plot: Plot, *, lines: Sequence[int], reason: str) -> None:
    """After confirmation an enterprise asks for whole lines back."""
    body: Answer = {"lines": list(lines), "reason": reason}
    await context.post(_buyer(context, plot), f"{_order(context, plot)}/refund-requests", body)


async def consent_refund(context: DemoContext, plot: Plot) -> None:
    """The provider consents; the voucher returns by itself."""
    await context.post(_seller(context, plot), f"{_order(context, plot)}/refund/consent", {"reason": "同意退款。"})
    await context.settle()


async def refuse_refund(context: DemoContext, plot: Plot, *, reason: str) -> None:
    """The provider refuses the refund."""
    await context.post(_seller(context, plot), f"{_order(context, plot)}/refund/refuse", {"reason": reason})


async def decide_refund(context: DemoContext, plot: Plot, *, reason: str) -> None:
    """The operator's lead decides what the provider was silent on."""
    body: Answer = {"consent": True, "reason": reason}
    await context.post(context.staff(Role.OPERATOR_LEAD), f"{_order(context, plot)}/refund/decide", body)
    await context.settle()


async def expect(context: DemoContext, plot: Plot, state: str, *, reason: str = "") -> None:
    """Wait until the order stands so, by itself."""

    async def ready() -> bool:
        order = await context.get(_buyer(context, plot), _order(context, plot))
        return bool(order["state"] == state and reason in {"", order["reason"]})

    await context.api.wait_for(f"order {plot.key} to be {state} {reason}", ready)


async def _put_on_record(context: DemoContext, plot: Plot) -> None:
    paper = paper_pdf(context.numbers[plot.key] % 2**31, lines=["Service contract", plot.key])
    contract: Answer = {"signed_on": context.today.isoformat(), "sha256": hashlib.sha256(paper).hexdigest()}
    await context.put(_seller(context, plot), f"{_order(context, plot)}/documents/contract", contract)
    own_fen = context.amounts_fen[f"{plot.key} own"]
    payment: Answer = {"paid_on": context.today.isoformat(), "amount_fen": own_fen, "text": "对公转账"}
    await context.post(_buyer(context, plot), f"{_order(context, plot)}/payments", payment)


async def _deliver(context: DemoContext, plot: Plot) -> None:
    on = context.today.isoformat()
    delivery: Answer = {"delivered_on": on, "text": "已开通并完成使用培训。"}
    await context.post(_seller(context, plot), f"{_order(context, plot)}/deliveries", delivery)
    acceptance: Answer = {"accepted_on": on, "text": "服务与约定标准一致。"}
    await context.post(_buyer(context, plot), f"{_order(context, plot)}/acceptance", acceptance)


async def _place(context: DemoContext, plot: Plot) -> None:
    answer = await context.post(_buyer(context, plot), ORDERS, _body(context, plot))
    context.ids[plot.key] = answer["id"]
    context.numbers[plot.key] = int(answer["id"].replace("-", ""), 16) % 10**15
    context.amounts_fen[f"{plot.key} fee"] = answer["fee_fen"]
    context.amounts_fen[f"{plot.key} own"] = answer["own_fen"]


def _body(context: DemoContext, plot: Plot) -> Answer:
    products = {product.key: product for product in context.world.products}
    lines = [
        {
            "product_id": context.ids[product_key(number)],
            "edition": context.editions[product_key(number)],
            "component": products[product_key(number)].components[component].code,
            "quantity": quantity,
        }
        for number, component, quantity in plot.lines
    ]
    wish: Answer = {"voucher": plot.voucher} if isinstance(plot.voucher, str) else {"voucher_fen": plot.voucher}
    buyer = context.world.enterprises[plot.place]
    contact: Answer = {"name": buyer.contact, "phone": buyer.phone}
    return {"lines": lines, "agreement_version": context.texts.agreement_version, "contact": contact, **wish}


def _buyer(context: DemoContext, plot: Plot) -> Login:
    return context.login(context.world.enterprises[plot.place].key)


def _seller(context: DemoContext, plot: Plot) -> Login:
    key = product_key(plot.lines[0][0])
    return context.login(next(product.provider for product in context.world.products if product.key == key))


def _order(context: DemoContext, plot: Plot) -> str:
    return f"{ORDERS}/{context.ids[plot.key]}"
