"""The chapters of redemption: claims with evidence, both reviews, questions, appropriation, payment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from embedded.demonstration.client import Answer, File, Login, together
from embedded.demonstration.stage import Stage
from embedded.papers import paper_pdf
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


async def draft(stage: Stage, filing: Filing) -> None:
    """Open a draft and upload four pieces of evidence for each of its orders."""
    who = stage.login(filing.provider)
    body: Answer = {"order_ids": [stage.ids[order] for order in filing.orders]}
    answer = await stage.post(who, f"{SETTLEMENT}/claims", body)
    stage.ids[filing.key] = answer["id"]
    await together(*(_file(stage, filing, order, kind) for order in filing.orders for kind in EVIDENCE))


async def submit(stage: Stage, filings: Sequence[Filing]) -> None:
    """File drafts; their orders are locked for them."""
    body: Answer = {"declaration_version": stage.texts.declaration_version}
    await together(
        *(stage.post(stage.login(filing.provider), f"{_claim(stage, filing)}/submit", body) for filing in filings)
    )
    await stage.settle()


async def file(stage: Stage, filings: Sequence[Filing]) -> None:
    """Draft and submit claims."""
    await together(*(draft(stage, filing) for filing in filings))
    await submit(stage, filings)


async def file_twice(stage: Stage, filing: Filing, *, order: str, other: str) -> None:
    """Try to file the invoice of another order once more, which is refused."""
    await _file(stage, filing, order, "invoice", evidence_of=other, turn=2, refused="settlement.duplicate_evidence")


async def withdraw(stage: Stage, filing: Filing, *, orders: Sequence[str], reason: str) -> None:
    """The provider takes orders back; they are confirmed again."""
    body: Answer = {"reason": reason, "order_ids": [stage.ids[order] for order in orders]}
    await stage.post(stage.login(filing.provider), f"{_claim(stage, filing)}/withdraw", body)
    await stage.settle()


async def review_first(stage: Stage, filings: Sequence[Filing], judgement: Judgement) -> None:
    """The operator tests truth and validity of each order."""
    await together(*(_review_first(stage, filing, order, judgement) for filing in filings for order in filing.orders))
    await stage.settle()


async def ask(stage: Stage, filing: Filing, text: str) -> None:
    """The bureau asks the operator about a claim."""
    answer = await stage.post(stage.staff(Role.BUREAU_OFFICER), f"{_claim(stage, filing)}/questions", {"text": text})
    stage.ids[f"{filing.key} question"] = answer["id"]


async def answer_question(stage: Stage, filing: Filing, text: str) -> None:
    """The operator answers, in time or late."""
    path = f"{SETTLEMENT}/questions/{stage.ids[f'{filing.key} question']}/answer"
    await stage.post(stage.staff(Role.OPERATOR_CLERK), path, {"text": text})


async def review_by_bureau(stage: Stage, filing: Filing, judgement: Judgement) -> None:
    """The bureau agrees with what passed first review."""
    officer = stage.staff(Role.BUREAU_OFFICER)
    body: Answer = {"approve": True, "reason": "初审意见属实，同意。"}
    passed = [order for order in filing.orders if order not in judgement.rejected]
    await together(*(stage.post(officer, f"{_item(stage, filing, order)}/bureau-review", body) for order in passed))


async def request_money(stage: Stage, filings: Sequence[Filing]) -> None:
    """One provider asks for the appropriation of its passed claims together."""
    body: Answer = {
        "claim_ids": [stage.ids[filing.key] for filing in filings],
        "declaration_version": stage.texts.declaration_version,
    }
    answer = await stage.post(stage.login(filings[0].provider), f"{SETTLEMENT}/appropriations", body)
    stage.ids[f"{filings[0].key} money"] = answer["id"]


async def approve_money(stage: Stage, filings: Sequence[Filing], judgement: Judgement) -> None:
    """The bureau's lead fixes the amount of every order, some lower than claimed."""
    lead = stage.staff(Role.BUREAU_LEAD)
    claimed_fen = await _claimed_fen(stage, lead, filings)
    orders = {stage.ids[order]: order for filing in filings for order in filing.orders}
    items = []
    for order_id, amount_fen in sorted(claimed_fen.items()):
        percent, reason = judgement.reduced.get(orders[order_id], (100, ""))
        items.append({"order_id": order_id, "approved_fen": amount_fen * percent // 100, "reason": reason})
    answer = await stage.post(lead, f"{_money(stage, filings)}/approve", {"items": items})
    stage.amounts_fen[f"{filings[0].key} money"] = answer["approved_fen"]


async def pay(stage: Stage, filings: Sequence[Filing]) -> None:
    """Finance records what the fund's own system paid."""
    name = f"{filings[0].key} money"
    body: Answer = {
        "reference": f"GZCZ-{stage.today:%Y%m%d}-{filings[0].key.upper()}",
        "paid_on": stage.today.isoformat(),
        "amount_fen": stage.amounts_fen[name],
    }
    await stage.post(stage.staff(Role.FINANCE), f"{_money(stage, filings)}/payments", body)


async def export(stage: Stage, year: int) -> None:
    """Finance and the auditor read the list of payments of a year."""
    for role in (Role.FINANCE, Role.AUDITOR):
        await stage.get(stage.staff(role), f"{SETTLEMENT}/exports/payments", year=year)


async def pass_to_money(stage: Stage, filings: Sequence[Filing], judgement: Judgement) -> None:
    """The bureau's review of several claims, then the request of each provider."""
    await together(*(review_by_bureau(stage, filing, judgement) for filing in filings))
    await together(*(request_money(stage, own) for own in by_provider(filings)))


async def approve_all(stage: Stage, filings: Sequence[Filing], judgement: Judgement) -> None:
    """The bureau's lead approves the request of each provider."""
    await together(*(approve_money(stage, own, judgement) for own in by_provider(filings)))


async def pay_all(stage: Stage, filings: Sequence[Filing]) -> None:
    """Finance records the payment of each provider's request."""
    await together(*(pay(stage, own) for own in by_provider(filings)))
    await stage.settle()


async def state_of(stage: Stage, filing: Filing) -> str:
    """Where a claim stands."""
    return str((await stage.get(stage.login(filing.provider), _claim(stage, filing)))["state"])


def by_provider(filings: Sequence[Filing]) -> list[list[Filing]]:
    """The claims of each provider together."""
    found: dict[str, list[Filing]] = {}
    for filing in filings:
        found.setdefault(filing.provider, []).append(filing)
    return list(found.values())


async def _claimed_fen(stage: Stage, who: Login, filings: Sequence[Filing]) -> dict[str, int]:
    """What is claimed for each order that is still in these claims."""
    details = await together(*(stage.get(who, _claim(stage, filing)) for filing in filings))
    return {
        item["order_id"]: item["claimed_fen"]
        for detail in details
        for item in detail["results"]
        if item["state"] not in {"refused", "rejected", "withdrawn"}
    }


async def _review_first(stage: Stage, filing: Filing, order: str, judgement: Judgement) -> None:
    truth, validity = TRUE_AND_VALID
    reason = judgement.rejected.get(order, "")
    body: Answer = {"pass": not reason, "truth_opinion": reason or truth, "validity_opinion": validity}
    await stage.post(stage.staff(Role.OPERATOR_CLERK), f"{_item(stage, filing, order)}/first-review", body)


async def _file(  # noqa: PLR0913 - the parts of one upload
    stage: Stage,
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
        fee_fen, own_fen = stage.amounts_fen[f"{source} fee"], stage.amounts_fen[f"{source} own"]
        query = {
            "reference": f"{'FP' if kind == 'invoice' else 'ZZ'}{stage.numbers[source]:016}",
            "amount_fen": fee_fen if kind == "invoice" else max(own_fen, 1),
            "dated_on": (stage.today - timedelta(days=1)).isoformat(),
        }
    lines = [f"{kind.title()} of order {source}", f"Number {stage.numbers[source]:016}", "Made up"]
    seed = stage.numbers[source] * len(EVIDENCE) + EVIDENCE.index(kind)
    file = File(content=paper_pdf(seed, lines=lines), media_type="application/pdf")
    path = f"{_claim(stage, filing)}/documents/{stage.ids[order]}/{kind}"
    await stage.put(stage.login(filing.provider), path, file, query=query, turn=turn, refused=refused)


def _claim(stage: Stage, filing: Filing) -> str:
    return f"{SETTLEMENT}/claims/{stage.ids[filing.key]}"


def _item(stage: Stage, filing: Filing, order: str) -> str:
    return f"{_claim(stage, filing)}/items/{stage.ids[order]}"


def _money(stage: Stage, filings: Sequence[Filing]) -> str:
    return f"{SETTLEMENT}/appropriations/{stage.ids[f'{filings[0].key} money']}"
