"""What happens by the business clock: windows close, and unanswered questions are escalated."""

from collections.abc import Mapping

from services.settlement.handlers.claims import WINDOW_TIMER
from services.settlement.handlers.items import close_windows
from services.settlement.handlers.questions import QUESTION_TIMER, escalate_questions
from shared.runtime.service import TimerHandler

TIMERS: Mapping[str, TimerHandler] = {WINDOW_TIMER: close_windows, QUESTION_TIMER: escalate_questions}
