"""The chapters of redemption: claims with evidence, both reviews, questions, appropriation, payment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from embedded.demonstration.client import Answer, File, Login, together
from embedded.demonstration.context import DemoContext
from embedded.sample_documents import paper_pdf
from shared.contracts.permissions import Role

SETTLEMENT = "settlement/v1"
EVIDENCE = ("invoice", "contract", "transfer", "usage")
TRUE_AND_VALID = ("云平台用量记录与合同一致，服务真实发生。", "发票、合同与转账信息相互印证，材料有效。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """One claim: whose, for which orders."""

    key: str
    provider: str
    orders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What becomes of a claim: orders rejected in first review, and the reductions of the approval in percent."""

    rejected: Mapping[str, str] = field(default_factory=dict)
    reduced: Mapping[str, tuple[int, str]] = field(default_factory=dict)


async def draft(context: DemoContext, filing: Filing) -> None:
    """Open a draft and upload four pieces of evidence for each of its orders."""
    who = context.login(filing.provider)
    body: Answer = {"order_ids": [context.ids[order] for order in filing.orders]}
    answer = await context.post(who, f"{SETTLEMENT}/claims", body)
    context.ids[filing.key] = answer["id"]
    await together(*(_file(context, filing, order, kind) for order in filing.orders for kind in EVIDENCE))


async def submit(context: DemoContext, filings: Sequence[Filing]) -> None:
    """File drafts; their orders are locked for them."""
    body: Answer = {"declaration_version": context.texts.declaration_version}
    await together(
        *(context.post(context.login(filing.provider), f"{_claim(context, filing)}/submit", body) for filing in filings)
    )
    await context.settle()


async def file(context: DemoContext, filings: Sequence[Filing]) -> None:
    """Draft and submit claims."""
    await together(*(draft(context, filing) for filing in filings))
    await submit(context, filings)


async def file_twice(context: DemoContext, filing: Filing, *, order: str, other: str) -> None:
    """Try to file the invoice of another order once more, which is refused."""
    await _file(context, filing, order, "invoice", evidence_of=other, turn=2, refused="settlement.duplicate_evidence")


async def withdraw(context: DemoContext, filing: Filing, *, orders: Sequence[str], reason: str) -> None:
    """The provider takes orders back; they are confirmed again."""
    body: Answer = {"reason": reason, "order_ids": [context.ids[order] for order in orders]}
    await context.post(context.login(filing.provider), f"{_claim(context, filing)}/withdraw", body)
    await context.settle()


async def review_first(context: DemoContext, filings: Sequence[Filing], judgement: Judgement) -> None:
    """The operator tests truth and validity of each order."""
    await together(*(_review_first(context, filing, order, judgement) for filing in filings for order in filing.orders))
    await context.settle()


async def ask(context: DemoContext, filing: Filing, text: str) -> None:
    """The bureau asks the operator about a claim."""
    answer = await context.post(
        context.staff(Role.BUREAU_OFFICER), f"{_claim(context, filing)}/questions", {"text": text}
    )
    context.ids[f"{filing.key} question"] = answer["id"]


async def answer_question(context: DemoContext, filing: Filing, text: str) -> None:
    """The operator answers, in time or late."""
    path = f"{SETTLEMENT}/questions/{context.ids[f'{filing.key} question']}/answer"
    await context.post(context.staff(Role.OPERATOR_CLERK), path, {"text": text})


async def review_by_bureau(context: DemoContext, filing: Filing, judgement: Judgement) -> None:
    """The bureau agrees with what passed first review."""
    officer = context.staff(Role.BUREAU_OFFICER)
    body: Answer = {"approve": True, "reason": "初审意见属实，同意。"}
    passed = [order for order in filing.orders if order not in judgement.rejected]
    await together(*(context.post(officer, f"{_item(context, filing, order)}/bureau-review", body) for order in passed))


async def request_money(context: DemoContext, filings: Sequence[Filing]) -> None:
    """One provider asks for the appropriation of its passed claims together."""
    body: Answer = {
        "claim_ids": [context.ids[filing.key] for filing in filings],
        "declaration_version": context.texts.declaration_version,
    }
    answer = await context.post(context.login(filings[0].provider), f"{SETTLEMENT}/appropriations", body)
    context.ids[f"{filings[0].key} money"] = answer["id"]


async def approve_money(context: DemoContext, filings: Sequence[Filing], judgement: Judgement) -> None:
    """The bureau's lead fixes the amount of every order, some lower than claimed."""
    lead = context.staff(Role.BUREAU_LEAD)
    claimed_fen = await _claimed_fen(context, lead, filings)
    orders = {context.ids[order]: order for filing in filings for order in filing.orders}
    items = []
    for order_id, amount_fen in sorted(claimed_fen.items()):
        percent, reason = judgement.reduced.get(orders[order_id], (100, ""))
        items.append({"order_id": order_id, "approved_fen": amount_fen * percent // 100, "reason": reason})
    answer = await context.post(lead, f"{_money(context, filings)}/approve", {"items": items})
    context.amounts_fen[f"{filings[0].key} money"] = answer["approved_fen"]


async def pay(context: DemoContext, filings: Sequence[Filing]) -> None:
    """Finance records what the fund's own system paid."""
    name = f"{filings[0].key} money"
    body: Answer = {
        "reference": f"GZCZ-{context.today:%Y%m%d}-{filings[0].key.upper()}",
        "paid_on": context.today.isoformat(),
        "amount_fen": context.amounts_fen[name],
    }
    await context.post(context.staff(Role.FINANCE), f"{_money(context, filings)}/payments", body)


async def export(context: DemoContext, year: int) -> None:
    """Finance and the auditor read the list of payments of a year."""
    for role in (Role.FINANCE, Role.AUDITOR):
        await context.get(context.staff(role), f"{SETTLEMENT}/exports/payments", year=year)


async def pass_to_money(context: DemoContext, filings: Sequence[Filing], judgement: Judgement) -> None:
    """The bureau's review of several claims, then the request of each provider."""
    await together(*(review_by_bureau(context, filing, judgement) for filing in filings))
    await together(*(request_money(context, own) for own in by_provider(filings)))


async def approve_all(context: DemoContext, filings: Sequence[Filing], judgement: Judgement) -> None:
    """The bureau's lead approves the request of each provider."""
    await together(*(approve_money(context, own, judgement) for own in by_provider(filings)))


async def pay_all(context: DemoContext, filings: Sequence[Filing]) -> None:
    """Finance records the payment of each provider's request."""
    await together(*(pay(context, own) for own in by_provider(filings)))
    await context.settle()


async def state_of(context: DemoContext, filing: Filing) -> str:
    """Where a claim stands."""
    return str((await context.get(context.login(filing.provider), _claim(context, filing)))["state"])


def by_provider(filings: Sequence[Filing]) -> list[list[Filing]]:
    """The claims of each provider together."""
    found: dict[str, list[Filing]] = {}
    for filing in filings:
        found.setdefault(filing.provider, []).append(filing)
    return list(found.values())


async def _claimed_fen(context: DemoContext, who: Login, filings: Sequence[Filing]) -> dict[str, int]:
    """What is claimed for each order that is still in these claims."""
    details = await together(*(context.get(who, _claim(context, filing)) for filing in filings))
    return {
        item["order_id"]: item["claimed_fen"]
        for detail in details
        for item in detail["results"]
        if item["state"] not in {"refused", "rejected", "withdrawn"}
    }


async def _review_first(context: DemoContext, filing: Filing, order: str, judgement: Judgement) -> None:
    truth, validity = TRUE_AND_VALID
    reason = judgement.rejected.get(order, "")
    body: Answer = {"pass": not reason, "truth_opinion": reason or truth, "validity_opinion": validity}
    await context.post(context.staff(Role.OPERATOR_CLERK), f"{_item(context, filing, order)}/first-review", body)


async def _file(  # noqa: PLR0913 - the parts of one upload
    context: DemoContext,
    filing: Filing,
    order: str,
    kind: str,
    *,
    evidence_of: str = "",
    turn: int = 1,
    refused: str = "",
) -> None:
    source = evidence_of or order
    query: dict[str, str | int] = {}
    if kind in {"invoice", "transfer"}:
        fee_fen, own_fen = context.amounts_fen[f"{source} fee"], context.amounts_fen[f"{source} own"]
        query = {
            "reference": f"{'FP' if kind == 'invoice' else 'ZZ'}{context.numbers[source]:016}",
            "amount_fen": fee_fen if kind == "invoice" else max(own_fen, 1),
            "dated_on": (context.today - timedelta(days=1)).isoformat(),
        }
    lines = [f"{kind.title()} of order {source}", f"Number {context.numbers[source]:016}", "Made up"]
    seed = context.numbers[source] * len(EVIDENCE) + EVIDENCE.index(kind)
    file = File(content=paper_pdf(seed, lines=lines), media_type="application/pdf")
    path = f"{_claim(context, filing)}/documents/{context.ids[order]}/{kind}"
    await context.put(context.login(filing.provider), path, file, query=query, turn=turn, refused=refused)


def _claim(context: DemoContext, filing: Filing) -> str:
    return f"{SETTLEMENT}/claims/{context.ids[filing.key]}"


def _item(context: DemoContext, filing: Filing, order: str) -> str:
    return f"{_claim(context, filing)}/items/{context.ids[order]}"


def _money(context: DemoContext, filings: Sequence[Filing]) -> str:
    return f"{SETTLEMENT}/appropriations/{context.ids[f'{filings[0].key} money']}"
