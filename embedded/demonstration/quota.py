"""The chapters of the plan and the quota: first come, first served, up to the last fen."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from embedded.demonstration.client import Answer, together
from embedded.demonstration.context import DemoContext
from shared.contracts.permissions import Role
from shared.kernel.money import Fen

PLANS = "voucher/v1/plans"
APPLICATIONS = "voucher/v1/applications"
YUAN = 100
UNDECIDED = "queued"


async def publish_plan(context: DemoContext, year: int, *, total_yuan: int, opens_at: datetime) -> None:
    """The bureau drafts, a second person approves, the operator publishes. Source: A15."""
    body: Answer = {"year": year, "total_fen": total_yuan * YUAN, "opens_at": opens_at.isoformat()}
    plan = await context.post(context.staff(Role.BUREAU_OFFICER), PLANS, body)
    context.ids[f"plan-{year}"] = plan["id"]
    await context.post(context.staff(Role.BUREAU_LEAD), f"{_plan(context, year)}/approve")
    await context.post(context.staff(Role.OPERATOR_LEAD), f"{_plan(context, year)}/publish")
    await context.settle()


async def propose_increase(context: DemoContext, year: int, *, amount_yuan: int, reason: str) -> str:
    """The bureau proposes more money for the plan; the proposal's id."""
    body: Answer = {"amount_fen": amount_yuan * YUAN, "reason": reason}
    proposal = await context.post(context.staff(Role.BUREAU_OFFICER), f"{_plan(context, year)}/increases", body)
    return str(proposal["id"])


async def increase_plan(context: DemoContext, year: int, *, amount_yuan: int, reason: str) -> None:
    """A second person approves an increase; the waiting list is served first."""
    proposal_id = await propose_increase(context, year, amount_yuan=amount_yuan, reason=reason)
    await context.post(context.staff(Role.BUREAU_LEAD), f"voucher/v1/increases/{proposal_id}/approve")


async def apply(  # noqa: PLR0913 - the parts of an application
    context: DemoContext, year: int, *, place: int, yuan: int, turn: int = 1, refused: str = "", correction: str = ""
) -> str:
    """An enterprise applies; the key of its application. `correction` says what it has corrected since a send-back."""
    enterprise = context.world.enterprises[place]
    body: Answer = {
        "plan_id": context.ids[f"plan-{year}"],
        "amount_fen": Fen(yuan * YUAN),
        "truth_declaration_version": context.texts.declaration_version,
        "correction": correction,
    }
    answer = await context.post(context.login(enterprise.key), APPLICATIONS, body, turn=turn, refused=refused)
    key = f"application-{year}-{place}-{turn}"
    if not refused:
        context.ids[key] = answer["application_id"]
    return key


async def apply_in_order(context: DemoContext, year: int, requests: Mapping[int, int]) -> dict[int, str]:
    """Applications one after the other, so that the queue is the same in every telling; their keys by place."""
    keys = {place: await apply(context, year, place=place, yuan=yuan) for place, yuan in requests.items()}
    await decided(context, list(keys.values()))
    return keys


async def decided(context: DemoContext, keys: Sequence[str]) -> None:
    """Wait until the allocator has decided the place of these applications."""
    clerk = context.staff(Role.OPERATOR_CLERK)
    for key in keys:

        async def ready(path: str = f"{APPLICATIONS}/{context.ids[key]}") -> bool:
            return bool((await context.get(clerk, path))["state"] != UNDECIDED)

        await context.api.wait_for(f"the decision on {key}", ready)
    await context.settle()


async def served(context: DemoContext, keys: Sequence[str]) -> None:
    """Wait until money that became free has reached these applications."""
    clerk = context.staff(Role.OPERATOR_CLERK)
    for key in keys:

        async def ready(path: str = f"{APPLICATIONS}/{context.ids[key]}") -> bool:
            answer = await context.get(clerk, path)
            return bool(answer["earmarked_fen"] or answer["granted_fen"])

        await context.api.wait_for(f"money for {key} on the waiting list", ready)
    await context.settle()


async def grant(context: DemoContext, keys: Sequence[str], *, turn: int = 1) -> None:
    """The operator approves: what was earmarked becomes quota. Source: A16."""
    await together(*(_review(context, key, "grant", "符合申领条件，予以核准。", turn=turn) for key in keys))
    await context.settle()


async def refuse(context: DemoContext, key: str, *, reason: str) -> None:
    """The operator refuses an application."""
    await _review(context, key, "refuse", reason, turn=1)


async def send_back(context: DemoContext, key: str, *, reason: str) -> None:
    """The operator sends an application back; its place is given up."""
    await _review(context, key, "send-back", reason, turn=1)


async def withdraw(context: DemoContext, key: str, *, place: int) -> None:
    """The enterprise gives its place up."""
    login = context.login(context.world.enterprises[place].key)
    await context.post(login, f"{APPLICATIONS}/{context.ids[key]}/withdraw", {"reason": "本年度上云计划调整。"})


async def closed(context: DemoContext, year: int) -> None:
    """Wait until the year's unused quota was taken back."""

    async def ready() -> bool:
        return bool((await context.get(context.staff(Role.BUREAU_LEAD), _plan(context, year)))["state"] == "closed")

    await context.api.wait_for(f"the year end of {year}", ready)
    await context.settle()


async def _review(context: DemoContext, key: str, act: str, reason: str, *, turn: int) -> None:
    path = f"{APPLICATIONS}/{context.ids[key]}/{act}"
    await context.post(context.staff(Role.OPERATOR_CLERK), path, {"reason": reason}, turn=turn)


def _plan(context: DemoContext, year: int) -> str:
    return f"{PLANS}/{context.ids[f'plan-{year}']}"
