"""What happens by the business clock, and what is cleared away on a schedule."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from services.settlement.handlers.claims import WINDOW_TIMER
from services.settlement.handlers.items import close_windows
from services.settlement.handlers.overrides import OVERRIDE_TIMER, lapse_late
from services.settlement.handlers.questions import QUESTION_TIMER, escalate_questions
from services.settlement.store.evidence import remove_unfiled
from shared.documents.loose_files import REMOVED_AT_ONCE_MAX, REMOVING, FileRules, let_go
from shared.runtime.service import Job, TimerHandler
from shared.runtime.work import Work

TIMERS: Mapping[str, TimerHandler] = {
    WINDOW_TIMER: close_windows,
    QUESTION_TIMER: escalate_questions,
    OVERRIDE_TIMER: lapse_late,
}


async def remove_unfiled_evidence(work: Work) -> int:
    """Drop what lies in discarded drafts, and in drafts for too long; the files are removed after the commit."""
    before = work.now - timedelta(days=work.ports.get(FileRules).keep_days)
    keys = await remove_unfiled(work, before=before, limit=REMOVED_AT_ONCE_MAX)
    await let_go(work.connection, keys)
    return len(keys)


JOBS: Sequence[Job] = (
    Job(
        name="remove_unfiled_evidence",
        every_s=3_600,
        handler=remove_unfiled_evidence,
        batch_max=REMOVED_AT_ONCE_MAX,
    ),
    REMOVING,
)
