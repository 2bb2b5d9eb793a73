"""What every step of the money's way looks at again, in its own transaction: who acts, and what stands against it."""

from collections.abc import Sequence

from services.settlement.domain.claims import ClaimItem
from services.settlement.domain.persons import CasePart, check_person
from services.settlement.domain.standing import MoneyStep, check_standing
from services.settlement.views.persons import read_acted
from services.settlement.views.standing import read_lifted, read_marks
from shared.runtime.work import Actor, Work


async def check_step(work: Work, step: MoneyStep, items: Sequence[ClaimItem]) -> None:
    """Whether the money of these orders may take a step. Raises: PartiesBarred, OverrideMissing."""
    marks = await read_marks(work.connection, [item.order_id for item in items], now=work.now)
    lifted = await read_lifted(work.connection, items, marks=marks, now=work.now)
    check_standing(step, marks=marks, overridden=lifted)


async def check_actor(work: Work, part: CasePart, items: Sequence[ClaimItem], *, by: Actor) -> None:
    """Whether somebody may have a part in the money of these orders. Raises: SamePerson. Source: A23, A24."""
    acted = await read_acted(
        work.connection,
        claim_ids={item.claim_id for item in items},
        order_ids={item.order_id for item in items},
    )
    check_person(part, by.account_id, acted=acted)
