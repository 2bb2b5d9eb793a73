"""The acts of buying: orders, confirmation, records, cancelling, refunds."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from embedded.demonstration.catalogue import product_key
from embedded.demonstration.client import Answer, Login, together
from embedded.demonstration.stage import Stage
from embedded.papers import paper_pdf
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


async def place(stage: Stage, plots: Sequence[Plot]) -> None:
    """Place orders; each has its voucher held, or was refused, when this returns."""
    await together(*(_place(stage, plot) for plot in plots))
    await stage.settle()


async def place_refused(stage: Stage, plot: Plot, *, refused: str) -> None:
    """Try an order that is refused at once."""
    await stage.post(_buyer(stage, plot), ORDERS, _body(stage, plot), refused=refused)


async def confirm(stage: Stage, plots: Sequence[Plot]) -> None:
    """The providers confirm; the voucher part becomes firm."""
    await together(*(stage.post(_seller(stage, plot), f"{_order(stage, plot)}/confirm") for plot in plots))
    await stage.settle()


async def cancel(stage: Stage, plot: Plot) -> None:
    """The enterprise cancels before confirmation; the voucher returns by itself."""
    await stage.post(_buyer(stage, plot), f"{_order(stage, plot)}/cancel")
    await stage.settle()


async def decline(stage: Stage, plot: Plot, *, reason: str) -> None:
    """The provider does not take the order, and says why."""
    await stage.post(_seller(stage, plot), f"{_order(stage, plot)}/refuse", {"reason": reason})
    await stage.settle()


async def buy(stage: Stage, plots: Sequence[Plot]) -> None:
    """Orders that go their ordinary way: placed, confirmed, contract and own payment on record."""
    await place(stage, plots)
    await confirm(stage, plots)
    await together(*(_put_on_record(stage, plot) for plot in plots))


async def deliver(stage: Stage, plots: Sequence[Plot]) -> None:
    """The providers record the delivery and the enterprises accept it."""
    await together(*(_deliver(stage, plot) for plot in plots))


async def complain(stage: Stage, plot: Plot, text: str) -> str:
    """An enterprise complains of lowered service; the complaint's id."""
    answer = await stage.post(_buyer(stage, plot), f"{_order(stage, plot)}/complaints", {"text": text})
    return str(answer["id"])


async def answer_complaint(stage: Stage, complaint_id: str, text: str) -> None:
    """The operator answers a complaint."""
    await stage.post(stage.staff(Role.OPERATOR_CLERK), f"order/v1/complaints/{complaint_id}/answer", {"text": text})


async def evaluate(stage: Stage, plot: Plot, scores: Mapping[str, int], text: str) -> None:
    """An enterprise scores the effect on the four axes of the scheme."""
    await stage.post(_buyer(stage, plot), f"{_order(stage, plot)}/evaluation", {"scores": dict(scores), "text": text})


async def request_refund(stage: Stage, plot: Plot, *, lines: Sequence[int], reason: str) -> None:
    """After confirmation an enterprise asks for whole lines back."""
    body: Answer = {"lines": list(lines), "reason": reason}
    await stage.post(_buyer(stage, plot), f"{_order(stage, plot)}/refund-requests", body)


async def consent_refund(stage: Stage, plot: Plot) -> None:
    """The provider consents; the voucher returns by itself."""
    await stage.post(_seller(stage, plot), f"{_order(stage, plot)}/refund/consent", {"reason": "同意退款。"})
    await stage.settle()


async def refuse_refund(stage: Stage, plot: Plot, *, reason: str) -> None:
    """The provider refuses the refund."""
    await stage.post(_seller(stage, plot), f"{_order(stage, plot)}/refund/refuse", {"reason": reason})


async def decide_refund(stage: Stage, plot: Plot, *, reason: str) -> None:
    """The operator's lead decides what the provider was silent on."""
    body: Answer = {"consent": True, "reason": reason}
    await stage.post(stage.staff(Role.OPERATOR_LEAD), f"{_order(stage, plot)}/refund/decide", body)
    await stage.settle()


async def expect(stage: Stage, plot: Plot, state: str, *, reason: str = "") -> None:
    """Wait until the order stands so, by itself."""

    async def ready() -> bool:
        order = await stage.get(_buyer(stage, plot), _order(stage, plot))
        return bool(order["state"] == state and reason in {"", order["reason"]})

    await stage.api.wait_for(f"order {plot.key} to be {state} {reason}", ready)


async def _put_on_record(stage: Stage, plot: Plot) -> None:
    paper = paper_pdf(stage.numbers[plot.key] % 2**31, lines=["Service contract", plot.key])
    contract: Answer = {"signed_on": stage.today.isoformat(), "sha256": hashlib.sha256(paper).hexdigest()}
    await stage.put(_seller(stage, plot), f"{_order(stage, plot)}/documents/contract", contract)
    own_fen = stage.amounts_fen[f"{plot.key} own"]
    payment: Answer = {"paid_on": stage.today.isoformat(), "amount_fen": own_fen, "text": "对公转账"}
    await stage.post(_buyer(stage, plot), f"{_order(stage, plot)}/payments", payment)


async def _deliver(stage: Stage, plot: Plot) -> None:
    on = stage.today.isoformat()
    delivery: Answer = {"delivered_on": on, "text": "已开通并完成使用培训。"}
    await stage.post(_seller(stage, plot), f"{_order(stage, plot)}/deliveries", delivery)
    acceptance: Answer = {"accepted_on": on, "text": "服务与约定标准一致。"}
    await stage.post(_buyer(stage, plot), f"{_order(stage, plot)}/acceptance", acceptance)


async def _place(stage: Stage, plot: Plot) -> None:
    answer = await stage.post(_buyer(stage, plot), ORDERS, _body(stage, plot))
    stage.ids[plot.key] = answer["id"]
    stage.numbers[plot.key] = int(answer["id"].replace("-", ""), 16) % 10**15
    stage.amounts_fen[f"{plot.key} fee"] = answer["fee_fen"]
    stage.amounts_fen[f"{plot.key} own"] = answer["own_fen"]


def _body(stage: Stage, plot: Plot) -> Answer:
    products = {product.key: product for product in stage.world.products}
    lines = [
        {
            "product_id": stage.ids[product_key(number)],
            "edition": stage.editions[product_key(number)],
            "component": products[product_key(number)].components[component].code,
            "quantity": quantity,
        }
        for number, component, quantity in plot.lines
    ]
    wish: Answer = {"voucher": plot.voucher} if isinstance(plot.voucher, str) else {"voucher_fen": plot.voucher}
    buyer = stage.world.enterprises[plot.place]
    contact: Answer = {"name": buyer.contact, "phone": buyer.phone}
    return {"lines": lines, "agreement_version": stage.texts.agreement_version, "contact": contact, **wish}


def _buyer(stage: Stage, plot: Plot) -> Login:
    return stage.login(stage.world.enterprises[plot.place].key)


def _seller(stage: Stage, plot: Plot) -> Login:
    key = product_key(plot.lines[0][0])
    return stage.login(next(product.provider for product in stage.world.products if product.key == key))


def _order(stage: Stage, plot: Plot) -> str:
    return f"{ORDERS}/{stage.ids[plot.key]}"
