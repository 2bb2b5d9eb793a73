"""The balance proof: every plan recomputed from its ledger entries, and the services compared with one another.

It reads what the services wrote and corrects nothing. Source: invariants I1 to I5, I8, I9, I11, I13, I14.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from embedded.checks import Check
from operations.crosschecks import check_services
from operations.differences import signed_yuan
from operations.walks import Books
from services.voucher.proof import Proof as LedgerProof
from services.voucher.proof import prove

__all__ = ["Check", "PlanProof", "Proof", "print_proof", "read_proof"]

DIFFERENCES_SHOWN = 20

_BALANCES = (
    ("left", "未分配"),
    ("earmarked", "已预留"),
    ("available", "可用"),
    ("held", "冻结"),
    ("committed", "已承诺"),
    ("claimed", "申请兑现"),
    ("redeemed", "已兑现"),
    ("taken_back", "已收回"),
)
_TITLES: Mapping[str, tuple[str, str]] = {
    "plan_total": ("I1 计划总额等于各账户之和", "postings"),
    "plan_balance_equals_postings": ("I1 计划余额等于账本分录", "postings"),
    "account_balance_equals_postings": ("I1 企业账户余额等于账本分录", "accounts"),
    "account_balance_equals_lines": ("I1 冻结、承诺、申请兑现等于各订单行之和", "accounts"),
    "account_earmark_equals_applications": ("I1 已预留等于各申领之和", "accounts"),
    "cap": ("I2 每企业每年度不超过额度上限", "accounts"),
    "line_flow": ("I4 每订单行的资金流入等于流出", "lines"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanProof:
    """One plan year: its total, and every balance recomputed from the ledger's entries, in fen."""

    year: int
    total_fen: int
    left_fen: int
    earmarked_fen: int
    available_fen: int
    held_fen: int
    committed_fen: int
    claimed_fen: int
    redeemed_fen: int
    taken_back_fen: int

    @property
    def balances(self) -> bool:
        """Whether the parts make the total."""
        parts_fen: list[int] = [getattr(self, f"{name}_fen") for name, _ in _BALANCES]
        return self.total_fen == sum(parts_fen) and min(parts_fen) >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The whole proof."""

    plans: Sequence[PlanProof]
    checks: Sequence[Check]

    @property
    def balances(self) -> bool:
        """Whether every plan balances and no check found a difference."""
        return all(plan.balances for plan in self.plans) and not any(check.differences for check in self.checks)


async def read_proof(books: Mapping[str, Books]) -> Proof:
    """Recompute everything from what the services wrote, by service name; run it when they are quiet."""
    async with books["voucher"].reading() as connection:
        ledger = await prove(connection)
    services = [
        Check(title=check.title_zh, examined=check.examined, differences=[one.zh for one in check.differences])
        for check in await check_services(books)
    ]
    return Proof(plans=_plans(ledger), checks=[*_check_ledger(ledger), *services])


def _plans(ledger: LedgerProof) -> list[PlanProof]:
    return [
        PlanProof(
            year=plan.year,
            total_fen=plan.total_fen,
            **{f"{name}_fen": ledger.posted.get(plan.plan_id, {}).get(name, 0) for name, _ in _BALANCES},
        )
        for plan in ledger.plans
    ]


def _check_ledger(ledger: LedgerProof) -> list[Check]:
    by_check: dict[str, list[str]] = {name: [] for name in _TITLES}
    for difference in ledger.differences:
        by_check.setdefault(difference.check, []).append(
            f"{difference.subject} {difference.account}："
            f"记载 {signed_yuan(difference.stored_fen)} 元，应为 {signed_yuan(difference.computed_fen)} 元"
        )
    return [_ledger_check(name, differences, ledger) for name, differences in by_check.items()]


def _ledger_check(name: str, differences: Sequence[str], ledger: LedgerProof) -> Check:
    title, counted = _TITLES.get(name, (name, "postings"))
    return Check(title=title, examined=getattr(ledger, counted), differences=differences)


def print_proof(console: Console, proof: Proof) -> None:
    """Print the proof as tables in yuan, the differences, and the verdict."""
    # Accounts downwards and years across: it fits a terminal of 80 columns.
    plans = Table(title="平衡证明（元，由账本分录重新计算）")
    plans.add_column("账户")
    for plan in proof.plans:
        plans.add_column(f"{plan.year} 年", justify="right", no_wrap=True)
    for name, title in (("total", "计划总额"), *_BALANCES):
        cells = [signed_yuan(getattr(plan, f"{name}_fen")) for plan in proof.plans]
        indent = "" if name == "total" else "  "
        plans.add_row(indent + title, *cells, end_section=name in {"total", "taken_back"})
    plans.add_row("结论", *("平衡" if plan.balances else "[red]不平衡[/red]" for plan in proof.plans))
    checks = Table(title="核对项")
    checks.add_column("核对")
    checks.add_column("核对数", justify="right")
    checks.add_column("差异", justify="right")
    for check in proof.checks:
        count = len(check.differences)
        checks.add_row(check.title, str(check.examined), f"[red]{count}[/red]" if count else "0")
    console.print(plans)
    console.print(checks)
    for check in proof.checks:
        for difference in check.differences[:DIFFERENCES_SHOWN]:
            console.print(f"  {check.title}：{difference}", markup=False)
    console.print("[green]结论：全部平衡[/green]" if proof.balances else "[bold red]结论：存在差异[/bold red]")
