"""What checks find: a rule, how much was examined, and each difference with the command that may repair it.

A difference is data; people read it in English here and in Chinese in the demonstration's proof.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from shared.kernel.money import Fen, format_yuan

LISTED_MAX = 1_000


class Rule(StrEnum):
    """The checks across services, by the number of their invariant."""

    HOLDS = "holds"
    ITEMS = "items"
    REFUND_OR_REDEEM = "refund_or_redeem"
    MONEY_BACK = "money_back"
    FACTS = "facts"
    COPIES = "copies"
    SAGAS = "sagas"
    TICKETS = "tickets"
    LEFTOVERS = "leftovers"


TITLES: Mapping[Rule, tuple[str, str]] = {
    Rule.HOLDS: ("I3 orders agree with voucher's holds", "I3 订单与云券冻结一致"),
    Rule.ITEMS: ("I3 claim items agree with orders and ledger", "I3 兑现申请项与订单、账本一致"),
    Rule.REFUND_OR_REDEEM: ("I5 a line is refunded or redeemed, never both", "I5 一行不会既退款又兑现"),
    Rule.MONEY_BACK: ("I9 what was cancelled or refunded is given back", "I9 取消或退款的云券已退回"),
    Rule.FACTS: ("I8 every consumer has read every fact in order", "I8 各服务已按序读完全部事实"),
    Rule.COPIES: ("I8 copies agree with what they copy", "I8 各服务的副本与原始数据一致"),
    Rule.SAGAS: ("I11 every saga has ended or waits for people", "I11 流程均已结束或在等待人工"),
    Rule.TICKETS: ("I13 tickets and decisions have no gap", "I13 申领编号与分配决定连续"),
    Rule.LEFTOVERS: ("I14 nothing is unsent, parked, retried or dead", "I14 无死信、待序、待重试消息"),
}

# Kind: English, Chinese, and the command that repairs it (after `python -m operations`) or what people have to do.
KINDS: Mapping[str, tuple[str, str, str]] = {
    "hold.unfinished": (
        "order {number} is still {state}",
        "订单 {number}（{state}）：尚未完成",
        "sagas nudge --order {order_id} --yes",
    ),
    "hold.missing": (
        "order {number} is {state}, but voucher holds nothing for it",
        "订单 {number}（{state}）：云券服务没有对应的冻结",
        "repair voucher --yes",
    ),
    "hold.state": (
        "order {number} is {state}, its hold {hold_state}",
        "订单 {number}（{state}）：冻结状态为 {hold_state}",
        "repair voucher --yes",
    ),
    "hold.claim": (
        "order {number} and its hold name different claims",
        "订单 {number}（{state}）：兑现申请编号不一致",
        "repair voucher --yes",
    ),
    "hold.line_missing": (
        "line {line} of order {number} ({state}) has no hold",
        "订单 {number}（{state}）：第 {line} 行没有冻结",
        "repair voucher --yes",
    ),
    "hold.line": (
        "line {line} of order {number} ({state}): {line_state} {amount_fen} fen, not {expected} {expected_fen} fen",
        "订单 {number}（{state}）：第 {line} 行为 {line_state} {amount_fen} 分，应为 {expected} {expected_fen} 分",
        "repair voucher --yes",
    ),
    "hold.stranger": (
        "voucher has a hold ({hold_state}) of order {order_id}, which the order service does not know",
        "云券服务中的订单 {order_id}（{hold_state}）在订单服务中不存在",
        "people: the order was lost with a restore; the enterprise or the bureau decides about its money",
    ),
    "item.order_unknown": (
        "claim {claim_id} names order {order_id}, which the order service does not know",
        "兑现申请 {claim_id} 的订单 {order_id}：订单不存在",
        "people: the order was lost with a restore; the bureau decides about the claim",
    ),
    "item.ended": (
        "claim {claim_id} has ended for order {order_id} and still locks it",
        "兑现申请 {claim_id} 的订单 {order_id}：已结束的申请项仍占用订单",
        "repair order --yes",
    ),
    "item.state": (
        "claim {claim_id} is {item_state} for order {order_id}, which is {state}",
        "兑现申请 {claim_id} 的订单 {order_id}：申请项为 {item_state}，订单为 {state}",
        "repair settlement --yes",
    ),
    "item.amount": (
        "order {order_id}: claim {claim_id} approved {approved_fen} fen, order says {paid_fen}, ledger {redeemed_fen}",
        "兑现申请 {claim_id} 的订单 {order_id}：核定 {approved_fen} 分，订单记 {paid_fen} 分，账本记 {redeemed_fen} 分",
        "repair voucher --yes",
    ),
    "item.missing": (
        "order {number} is {state} by claim {claim_id}, which settlement does not know",
        "订单 {number} 为 {state}，但没有对应的兑现申请项",
        "people: the claim was lost with a restore; the provider hands in its evidence again",
    ),
    "line.both": (
        "line {line} of order {order_id} was refunded and paid",
        "订单 {order_id} 第 {line} 行既退款又兑现",
        "people: a finding for the auditors; correct it with a new posting",
    ),
    "money.kept": (
        "order {number} is {state} and still occupies {open_fen} fen",
        "订单 {number}（{state}）仍占用 {open_fen} 分",
        "repair voucher --yes",
    ),
    "facts.gap": (
        "{stream} {aggregate_id}: the facts' versions are not 1, 2, 3 and so on",
        "{stream} {aggregate_id} 的版本不连续",
        "people: facts were deleted or written twice; restore {producer} from a backup",
    ),
    "cursor.behind": (
        "{consumer} has read {stream} {aggregate_id} up to version {at} of {newest}",
        "{consumer} 读到 {stream} {aggregate_id} 的第 {at} 版，最新为第 {newest} 版",
        "resend --to {consumer} --yes",
    ),
    "cursor.ahead": (
        "{consumer} has read {stream} {aggregate_id} up to version {at}, but {producer} has only {newest}",
        "{consumer} 读到 {stream} {aggregate_id} 的第 {at} 版，{producer} 只有 {newest} 版",
        "repair {producer} --yes",
    ),
    "cursor.lost": (
        "{consumer} knows {stream} {aggregate_id} (version {at}), which {producer} does not know any more",
        "{consumer} 读到 {stream} {aggregate_id} 的第 {at} 版，{producer} 已没有该对象",
        "people: it was made after the backup that {producer} was restored from; make it again there",
    ),
    "copy.balance": (
        "order's copy of account {aggregate_id} says {copied_fen} fen are available, voucher's ledger says {fen}",
        "订单服务记录账户 {aggregate_id} 可用 {copied_fen} 分，账本为 {fen} 分",
        "repair voucher --yes",
    ),
    "copy.order": (
        "settlement's copy of order {number} says {copied}, the order is {state}",
        "结算服务记录订单 {number} 为 {copied}，订单为 {state}",
        "resend --to settlement --yes; if it stays, repair order --yes",
    ),
    "saga.moving": (
        "the {saga_kind} saga of order {order_id} stands at {state} and waits for {pending}",
        "{saga_kind} {order_id} 停在 {state} {pending}",
        "sagas nudge --order {order_id} --yes",
    ),
    "tickets.gap": (
        "{year}: tickets are not numbered without a gap, or not all decided",
        "{year} 年度申领编号不连续或未全部处理",
        "people: wait for the allocator; if it stays, a finding for the auditors",
    ),
    "decisions.gap": (
        "{year}: decisions of the allocator are not numbered without a gap",
        "{year} 年度分配决定编号不连续",
        "people: a finding for the auditors",
    ),
    "left.outbox": (
        "{service}: {count} rows are not sent yet",
        "{service}：待发消息 {count} 条",
        "status (wait; if it stays, the broker does not confirm)",
    ),
    "left.parked": (
        "{service}: {count} facts wait for an earlier one",
        "{service}：待序消息 {count} 条",
        "resend --to {service} --yes",
    ),
    "left.retry": (
        "{service}: {count} messages wait for another attempt",
        "{service}：待重试消息 {count} 条",
        "status (wait a minute)",
    ),
    "left.dead_letter": (
        "{service}: {count} dead letters",
        "{service}：死信 {count} 条",
        "dead-letters list --service {service}",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that does not agree."""

    kind: str
    facts: Mapping[str, object]

    def __str__(self) -> str:
        return KINDS[self.kind][0].format(**self.facts)

    @property
    def zh(self) -> str:
        """The difference in Chinese."""
        return KINDS[self.kind][1].format(**self.facts)

    @property
    def repair(self) -> str:
        """The arguments of the command that repairs it, or `people:` and what they have to do."""
        return KINDS[self.kind][2].format(**self.facts)

    def as_json(self) -> dict[str, object]:
        """The difference for machines."""
        facts = {name: value if isinstance(value, int | None) else str(value) for name, value in self.facts.items()}
        return {"kind": self.kind, "text": str(self), "repair": self.repair, "facts": facts}


@dataclass(slots=True)
class Check:
    """A rule that was checked: how many things were examined, how many differ, and the first thousand of these."""

    rule: Rule
    examined: int = 0
    count: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The rule in English."""
        return TITLES[self.rule][0]

    @property
    def title_zh(self) -> str:
        """The rule in Chinese."""
        return TITLES[self.rule][1]

    def add(self, found: Sequence[Difference]) -> None:
        """Count differences, and keep them while there is room."""
        self.count += len(found)
        self.differences += found[: LISTED_MAX - len(self.differences)]


Told = Callable[[str, int, int | None], None]
"""Hears what is being examined, how much of it was, and of how much if that is known."""


def unheard(what: str, done: int, total: int | None) -> None:
    """Nobody listens."""
    del what, done, total


def signed_yuan(amount_fen: int) -> str:
    """An amount in yuan; a forged ledger may hold a negative one, which a proof must be able to write."""
    return f"{'-' if amount_fen < 0 else ''}{format_yuan(Fen(abs(amount_fen)))}"
