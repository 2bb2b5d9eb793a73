"""What catalog does by the business clock."""

from collections.abc import Mapping

from services.catalog.handlers.delistings import DELISTING_TIMER, lapse_late
from shared.runtime.service import TimerHandler

TIMERS: Mapping[str, TimerHandler] = {DELISTING_TIMER: lapse_late}
