"""What the voucher service shows of itself: its queue, and whether the ledger proves what the balances say."""

from collections.abc import Sequence

from services.voucher.proof import Difference
from services.voucher.proving import carry_on
from shared.runtime.gauges import COUNTED_MAX, Audit, Gauge, GaugeQuery, GaugeValues, Parameter
from shared.runtime.service import Runtime

AUDIT_S = 300.0

QUERIES: Sequence[GaugeQuery] = (
    GaugeQuery(
        f"""
        SELECT p.year, w.state, w.tickets FROM plan p JOIN intake_counter c ON c.plan_id = p.id
        CROSS JOIN LATERAL (VALUES
            ('undecided', GREATEST(0, c.last_ticket_no - p.decided_to)),
            ('waiting_list', (SELECT count(*) FROM (
                SELECT FROM application a WHERE a.plan_id = p.id AND a.waits LIMIT {COUNTED_MAX}) q))
        ) AS w(state, tickets) WHERE p.state = 'published'
        """,  # noqa: S608 - a number of our own
        (
            Gauge(
                "yunquan_queue_tickets_waiting",
                "Tickets without a decision, and those on the waiting list",
                ("year", "state"),
                "tickets",
            ),
        ),
    ),
    GaugeQuery(
        """
        SELECT p.year, COALESCE(GREATEST(0, extract(epoch FROM $1::timestamptz - (
            SELECT a.received_at FROM application a WHERE a.plan_id = p.id AND a.ticket_no > p.decided_to
            ORDER BY a.ticket_no LIMIT 1))), 0) AS lag
        FROM plan p WHERE p.state = 'published'
        """,
        (
            Gauge(
                "yunquan_decision_lag_seconds",
                "How long the first ticket without a decision has waited",
                ("year",),
                "lag",
            ),
        ),
        (Parameter.NOW,),
    ),
)

# The names of services.voucher.proof; those that compare two amounts of fen.
CHECKS = (
    "plan_total",
    "plan_balance_equals_postings",
    "account_balance_equals_postings",
    "line_flow",
    "account_balance_equals_lines",
    "account_earmark_equals_applications",
    "cap",
)
IMBALANCE = Gauge(
    "yunquan_ledger_imbalance_fen", "What a check of the ledger does not add up by; must be 0", ("check",)
)
VIOLATIONS = Gauge("yunquan_invariant_violations", "Findings of the last audit; must be 0", ("invariant",))


async def audit_ledger(runtime: Runtime) -> Sequence[GaugeValues]:
    """Carry the proof on, and tell what differs now. Source: I1, I2, I4."""
    return readings_of(await carry_on(runtime))


def readings_of(differences: Sequence[Difference]) -> Sequence[GaugeValues]:
    """The findings of a proof as gauges; every check is shown, at 0 when it found nothing."""
    imbalance, violations = GaugeValues(IMBALANCE), GaugeValues(VIOLATIONS)
    for check in dict.fromkeys([*CHECKS, *(difference.check for difference in differences)]):
        found = [difference for difference in differences if difference.check == check]
        imbalance.values[check,] = sum(abs(part.stored_fen - part.computed_fen) for part in found)
        violations.values[check,] = len(found)
    return [imbalance, violations]


AUDITS: Sequence[Audit] = (
    Audit(name="voucher.ledger", every_s=AUDIT_S, gauges=(IMBALANCE, VIOLATIONS), read=audit_ledger),
)
