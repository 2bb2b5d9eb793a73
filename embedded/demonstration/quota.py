"""The chapters of the plan and the quota: first come, first served, up to the last fen."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from embedded.demonstration.client import Answer, together
from embedded.demonstration.stage import Stage
from shared.contracts.permissions import Role
from shared.kernel.money import Fen

PLANS = "voucher/v1/plans"
APPLICATIONS = "voucher/v1/applications"
YUAN = 100
UNDECIDED = "queued"


async def publish_plan(stage: Stage, year: int, *, total_yuan: int, opens_at: datetime) -> None:
    """The bureau drafts, a second person approves, the operator publishes. Source: A15."""
    body: Answer = {"year": year, "total_fen": total_yuan * YUAN, "opens_at": opens_at.isoformat()}
    plan = await stage.post(stage.staff(Role.BUREAU_OFFICER), PLANS, body)
    stage.ids[f"plan-{year}"] = plan["id"]
    await stage.post(stage.staff(Role.BUREAU_LEAD), f"{_plan(stage, year)}/approve")
    await stage.post(stage.staff(Role.OPERATOR_LEAD), f"{_plan(stage, year)}/publish")
    await stage.settle()


async def propose_increase(stage: Stage, year: int, *, amount_yuan: int, reason: str) -> str:
    """The bureau proposes more money for the plan; the proposal's id."""
    body: Answer = {"amount_fen": amount_yuan * YUAN, "reason": reason}
    proposal = await stage.post(stage.staff(Role.BUREAU_OFFICER), f"{_plan(stage, year)}/increases", body)
    return str(proposal["id"])


async def increase_plan(stage: Stage, year: int, *, amount_yuan: int, reason: str) -> None:
    """A second person approves an increase; the waiting list is served first."""
    proposal_id = await propose_increase(stage, year, amount_yuan=amount_yuan, reason=reason)
    await stage.post(stage.staff(Role.BUREAU_LEAD), f"voucher/v1/increases/{proposal_id}/approve")


async def apply(  # noqa: PLR0913 - the parts of an application
    stage: Stage, year: int, *, place: int, yuan: int, turn: int = 1, refused: str = "", correction: str = ""
) -> str:
    """An enterprise applies; the key of its application. `correction` says what it has corrected since a send-back."""
    enterprise = stage.world.enterprises[place]
    body: Answer = {
        "plan_id": stage.ids[f"plan-{year}"],
        "amount_fen": Fen(yuan * YUAN),
        "truth_declaration_version": stage.texts.declaration_version,
        "correction": correction,
    }
    answer = await stage.post(stage.login(enterprise.key), APPLICATIONS, body, turn=turn, refused=refused)
    key = f"application-{year}-{place}-{turn}"
    if not refused:
        stage.ids[key] = answer["application_id"]
    return key


async def apply_in_order(stage: Stage, year: int, requests: Mapping[int, int]) -> dict[int, str]:
    """Applications one after the other, so that the queue is the same in every telling; their keys by place."""
    keys = {place: await apply(stage, year, place=place, yuan=yuan) for place, yuan in requests.items()}
    await decided(stage, list(keys.values()))
    return keys


async def decided(stage: Stage, keys: Sequence[str]) -> None:
    """Wait until the allocator has decided the place of these applications."""
    clerk = stage.staff(Role.OPERATOR_CLERK)
    for key in keys:

        async def ready(path: str = f"{APPLICATIONS}/{stage.ids[key]}") -> bool:
            return bool((await stage.get(clerk, path))["state"] != UNDECIDED)

        await stage.api.wait_for(f"the decision on {key}", ready)
    await stage.settle()


async def served(stage: Stage, keys: Sequence[str]) -> None:
    """Wait until money that became free has reached these applications."""
    clerk = stage.staff(Role.OPERATOR_CLERK)
    for key in keys:

        async def ready(path: str = f"{APPLICATIONS}/{stage.ids[key]}") -> bool:
            answer = await stage.get(clerk, path)
            return bool(answer["earmarked_fen"] or answer["granted_fen"])

        await stage.api.wait_for(f"money for {key} on the waiting list", ready)
    await stage.settle()


async def grant(stage: Stage, keys: Sequence[str], *, turn: int = 1) -> None:
    """The operator approves: what was earmarked becomes quota. Source: A16."""
    await together(*(_review(stage, key, "grant", "符合申领条件，予以核准。", turn=turn) for key in keys))
    await stage.settle()


async def refuse(stage: Stage, key: str, *, reason: str) -> None:
    """The operator refuses an application."""
    await _review(stage, key, "refuse", reason, turn=1)


async def send_back(stage: Stage, key: str, *, reason: str) -> None:
    """The operator sends an application back; its place is given up."""
    await _review(stage, key, "send-back", reason, turn=1)


async def withdraw(stage: Stage, key: str, *, place: int) -> None:
    """The enterprise gives its place up."""
    login = stage.login(stage.world.enterprises[place].key)
    await stage.post(login, f"{APPLICATIONS}/{stage.ids[key]}/withdraw", {"reason": "本年度上云计划调整。"})


async def closed(stage: Stage, year: int) -> None:
    """Wait until the year's unused quota was taken back."""

    async def ready() -> bool:
        return bool((await stage.get(stage.staff(Role.BUREAU_LEAD), _plan(stage, year)))["state"] == "closed")

    await stage.api.wait_for(f"the year end of {year}", ready)
    await stage.settle()


async def _review(stage: Stage, key: str, act: str, reason: str, *, turn: int) -> None:
    path = f"{APPLICATIONS}/{stage.ids[key]}/{act}"
    await stage.post(stage.staff(Role.OPERATOR_CLERK), path, {"reason": reason}, turn=turn)


def _plan(stage: Stage, year: int) -> str:
    return f"{PLANS}/{stage.ids[f'plan-{year}']}"
