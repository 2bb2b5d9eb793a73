"""What happens on a schedule and when timers fall due."""

from collections.abc import Mapping, Sequence

from services.order.handlers import facts, refunds, timeouts
from services.order.handlers.effects import CONFIRM_TIMER
from services.order.handlers.events import sequence_events
from services.order.handlers.facts import AFFILIATION_TIMER, CANCEL_MAX, DELISTING_TIMER
from services.order.handlers.parties import SUSPENSION_TIMER
from services.order.handlers.refunds import REFUND_TIMER
from services.order.handlers.resending import FORGET_MAX, forget_deliveries
from services.order.store.events import BATCH_MAX
from services.order.store.sagas import SWEEP_MAX
from shared.runtime.service import Job, TimerHandler

TIMERS: Mapping[str, TimerHandler] = {
    CONFIRM_TIMER: timeouts.end_unconfirmed,
    REFUND_TIMER: refunds.escalate_silent,
    SUSPENSION_TIMER: facts.end_orders_of_suspended,
    DELISTING_TIMER: facts.end_orders_of_delisted,
    AFFILIATION_TIMER: facts.end_orders_of_tied,
}
JOBS: Sequence[Job] = (
    Job(name="sweep_sagas", every_s=2.0, handler=timeouts.sweep_sagas, batch_max=SWEEP_MAX),
    Job(name="sequence_events", every_s=0.2, handler=sequence_events, batch_max=BATCH_MAX),
    Job(name="forget_deliveries", every_s=600.0, handler=forget_deliveries, batch_max=FORGET_MAX),
    Job(name="end_years", every_s=10.0, handler=timeouts.end_years, batch_max=CANCEL_MAX),
)
