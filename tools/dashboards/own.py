"""What each service shows of its own work, beside the rows that every service has."""

from collections.abc import Mapping, Sequence

from tools.dashboards.panels import Line, Panel, posts


def _sagas(kind: str) -> Panel:
    return Panel(
        title=f"{kind} sagas by state",
        lines=[Line(f'max by (state) (yunquan_sagas{{service="order",kind="{kind}"}})', "{{state}}")],
        about="Sagas under way: those that wait for an answer. Those at rest wait for people, in /tasks.",
    )


OWN: Mapping[str, Sequence[Panel]] = {
    "identity": (
        posts("identity", "/sessions", "Sign-ins", "401 in quantity: somebody guesses passwords. 429: is throttled."),
        posts("identity", "/sessions/refresh", "Sessions continued", "401: ended, or a token used twice."),
        posts("identity", "/registrations", "Registrations", "New enterprises and providers."),
    ),
    "catalog": (
        posts("catalog", "/products", "Drafts", "New products."),
        posts("catalog", "/products/{product_id}/submit", "Submitted for review", "Waits for the operator."),
        posts("catalog", "/products/{product_id}/decision", "Decisions of the bureau", "Published or sent back."),
    ),
    "voucher": (
        Panel(
            title="Ledger imbalance",
            lines=[Line("max by (check) (abs(yunquan_ledger_imbalance_fen))", "{{check}}")],
            about="In fen. Anything but 0 is wrong money: docs/runbooks/LedgerImbalance.md.",
            bad_from=1,
        ),
        Panel(
            title="Invariants violated",
            lines=[Line('max by (invariant) (yunquan_invariant_violations{service="voucher"})', "{{invariant}}")],
            about="Rows that break a rule of the books; must be 0.",
            bad_from=1,
        ),
        Panel(
            title="Since the last audit",
            lines=[Line('min(yunquan_audit_age_seconds{service="voucher"})', "age")],
            about="The two panels to the left are as old as this.",
            unit="s",
            bad_from=7_200,
        ),
        posts("voucher", "/applications", "Applications", "Each 201 is a ticket with a signed receipt."),
        Panel(
            title="Tickets waiting",
            lines=[Line("max by (year, state) (yunquan_queue_tickets_waiting)", "{{year}} {{state}}")],
            about="undecided: not looked at yet. waiting_list: looked at, and the budget was spent.",
        ),
        Panel(
            title="Decision lag",
            lines=[Line("max by (year) (yunquan_decision_lag_seconds)", "{{year}}")],
            about="Age of the oldest undecided ticket; below a second on a good opening day.",
            unit="s",
            bad_from=30,
        ),
    ),
    "order": (
        _sagas("purchase"),
        _sagas("refund"),
        _sagas("claim"),
        Panel(
            title="Sagas stuck",
            lines=[Line("max by (kind) (yunquan_sagas_stuck)", "{{kind}}")],
            about="No progress for over 15 minutes: docs/runbooks/SagaStuck.md.",
            bad_from=1,
        ),
        Panel(
            title="Longest standstill",
            lines=[Line("max by (kind) (yunquan_saga_oldest_seconds)", "{{kind}}")],
            about="Of the sagas that wait for an answer: how long the slowest has not moved.",
            unit="s",
            bad_from=300,
        ),
        posts("order", "/orders", "Orders placed", "409 and 422 are refusals with a reason."),
        Panel(
            title="Webhook endpoints",
            lines=[Line("max by (state) (yunquan_webhook_endpoints)", "{{state}}")],
            about="failing: no answer of late; flagged: for an hour; disabled: by its owner, or after 76 hours.",
        ),
        Panel(
            title="Oldest event not sent",
            lines=[Line("max(yunquan_webhook_oldest_seconds)", "oldest")],
            about="At endpoints that answer; usually below half a second: docs/runbooks/WebhooksLate.md.",
            unit="s",
            bad_from=60,
        ),
    ),
    "settlement": (
        Panel(
            title="Windows past their time",
            lines=[Line("max(yunquan_windows_due)", "claims")],
            about="Claims whose window should have closed; a timer does it within a minute.",
            bad_from=1,
        ),
        Panel(
            title="Questions overdue",
            lines=[Line("max(yunquan_questions_overdue)", "overdue")],
            about="The bureau asked, the operator has not answered within the scheme's working days.",
            bad_from=1,
        ),
        posts("settlement", "/claims/{claim_id}/submit", "Claims filed", "202: the orders are being locked."),
    ),
}
