"""The dashboard of the journey: one purchase from POST to the settled saga, to the claim, to the payment."""

from tools.dashboards.panels import Document, Line, Panel, Row, dashboard, figure, posts

_WIDTH = 6


def journey() -> Document:
    """Read it from top to bottom: the first row that looks wrong is where the money waits."""
    return dashboard(
        "yunquan-journey",
        "Yunquan: the journey of a voucher",
        "From the application to the payment, in the order in which money moves. The first row that looks wrong is "
        "where it waits.",
        [_verdict(), _application(), _asked(), _travels(), _decided(), _confirmed(), _claimed(), _paid()],
    )


def _verdict() -> Row:
    return Row(
        "Is anything wrong?",
        [
            figure(
                "Pages",
                'count(ALERTS{alertstate="firing",severity="page"}) or vector(0)',
                "Each has a runbook.",
                bad_from=1,
            ),
            figure(
                "Ledger imbalance",
                "sum(abs(yunquan_ledger_imbalance_fen))",
                "In fen; anything but 0 is wrong money.",
                bad_from=1,
            ),
            figure(
                "Sagas stuck",
                "sum(max by (kind) (yunquan_sagas_stuck))",
                "No progress for over 15 minutes.",
                bad_from=1,
            ),
            figure(
                "Dead letters",
                "sum(max by (service, kind) (yunquan_dead_letters))",
                "In all services; each blocks an order, an account or a claim.",
                bad_from=1,
            ),
            figure(
                "Services ready",
                "count(max by (service) (yunquan_ready) == 1)",
                "All five, or requests are turned away somewhere.",
            ),
            figure(
                "Oldest outbox row",
                "max(yunquan_outbox_oldest_seconds)",
                "In all services.",
                unit="s",
                bad_from=60,
            ),
        ],
    )


def _application() -> Row:
    return Row(
        "0 · A company applies for its voucher",
        [
            _requests("voucher", "/applications", "Applications"),
            _duration("voucher", "/applications", "Until the receipt"),
            Panel(
                title="Tickets waiting",
                lines=[Line("max by (year, state) (yunquan_queue_tickets_waiting)", "{{year}} {{state}}")],
                about="undecided goes back to 0 within a second of the last application.",
                width=_WIDTH,
            ),
            Panel(
                title="Decision lag",
                lines=[Line("max by (year) (yunquan_decision_lag_seconds)", "{{year}}")],
                about="Age of the oldest undecided ticket.",
                unit="s",
                bad_from=30,
                width=_WIDTH,
            ),
        ],
    )


def _asked() -> Row:
    return Row(
        "1 · It places an order",
        [
            _requests("order", "/orders", "POST /orders"),
            _duration("order", "/orders", "Until the answer"),
            _requests("order", "/quotes", "Quotes before it"),
            _saga("purchase", "holding", "Purchases that ask for a hold"),
        ],
    )


def _travels() -> Row:
    return Row(
        "2 · The command to hold the voucher travels",
        [
            _outbox("order", "The order's outbox"),
            Panel(
                title="Queues of commands",
                lines=[Line('max by (queue) (rabbitmq_queue_messages{queue=~".+[.]commands"})', "{{queue}}")],
                about="Envelopes at the broker; near 0 while everybody keeps up.",
                bad_from=1_000,
                width=_WIDTH,
            ),
            Panel(
                title="Age when applied",
                lines=[
                    Line('max by (queue) (yunquan_inbox_lag_seconds{queue=~".+[.]commands"})', "{{queue}}"),
                ],
                about="How old commands and replies are when they take effect.",
                unit="s",
                bad_from=30,
                width=_WIDTH,
            ),
            _consumed("voucher", "What voucher made of it"),
        ],
    )


def _decided() -> Row:
    return Row(
        "3 · Voucher decides, the saga goes on",
        [
            _outbox("voucher", "The voucher's outbox"),
            _consumed("order", "What order made of the replies"),
            Panel(
                title="Purchases under way",
                lines=[Line('max by (state) (yunquan_sagas{kind="purchase"})', "{{state}}")],
                about="Those that wait for voucher; each for moments only. What waits for the provider is in /tasks.",
                width=_WIDTH,
            ),
            Panel(
                title="Longest standstill",
                lines=[Line("max by (kind) (yunquan_saga_oldest_seconds)", "{{kind}}")],
                about="Of the sagas that wait for another service: how long the slowest has not moved.",
                unit="s",
                bad_from=300,
                width=_WIDTH,
            ),
        ],
    )


def _confirmed() -> Row:
    return Row(
        "4 · The provider confirms, or it ends",
        [
            _requests("order", "/orders/{order_id}/confirm", "Confirmed"),
            _requests("order", "/orders/{order_id}/cancel", "Cancelled"),
            _requests("order", "/orders/{order_id}/refund-requests", "Refunds asked for"),
            Panel(
                title="Refunds under way",
                lines=[Line('max by (state) (yunquan_sagas{kind="refund"})', "{{state}}")],
                about="Those that wait for voucher; each for moments only.",
                width=_WIDTH,
            ),
        ],
    )


def _claimed() -> Row:
    return Row(
        "5 · The provider claims",
        [
            _requests("settlement", "/claims/{claim_id}/submit", "Claims filed"),
            Panel(
                title="Claims under way",
                lines=[Line('max by (state) (yunquan_sagas{kind="claim"})', "{{state}}")],
                about="Orders being locked, unlocked or redeemed. What waits for the reviewers is in /tasks.",
                width=_WIDTH,
            ),
            Panel(
                title="Windows past their time",
                lines=[Line("max(yunquan_windows_due)", "claims")],
                about="Claims whose window should have closed; a timer does it within a minute.",
                bad_from=1,
                width=_WIDTH,
            ),
            Panel(
                title="Questions overdue",
                lines=[Line("max(yunquan_questions_overdue)", "overdue")],
                about="A matter for people: the claim waits for an answer.",
                bad_from=1,
                width=_WIDTH,
            ),
        ],
    )


def _paid() -> Row:
    return Row(
        "6 · Reviewed, appropriated, paid",
        [
            _requests("settlement", "/claims/{claim_id}/items/{order_id}/first-review", "First reviews"),
            _requests("settlement", "/claims/{claim_id}/items/{order_id}/bureau-review", "Reviews of the bureau"),
            _requests("settlement", "/appropriations/{appropriation_id}/payments", "Payments recorded"),
            _saga("claim", "redeeming", "Claims being redeemed"),
        ],
    )


def _requests(service: str, route: str, title: str) -> Panel:
    return posts(service, route, title, f"POST {route} of {service}, per second, by status.", width=_WIDTH)


def _duration(service: str, route: str, title: str) -> Panel:
    bucket = (
        f'yunquan_http_request_duration_seconds_bucket{{service="{service}",'
        f'route="/api/{service}/v1{route}",method="POST"}}'
    )
    return Panel(
        title=title,
        lines=[
            Line(f"histogram_quantile({share}, sum by (le) (rate({bucket}[$__rate_interval])))", name)
            for share, name in (("0.5", "median"), ("0.99", "99 of 100"))
        ],
        about=f"POST {route} of {service}.",
        unit="s",
        bad_from=0.5,
        width=_WIDTH,
    )


def _outbox(service: str, title: str) -> Panel:
    return Panel(
        title=title,
        lines=[
            Line(f'max by (partition) (yunquan_outbox_oldest_seconds{{service="{service}"}})', "{{partition}}"),
        ],
        about="Age of the oldest row that has not left.",
        unit="s",
        bad_from=60,
        width=_WIDTH,
    )


def _consumed(service: str, title: str) -> Panel:
    return Panel(
        title=title,
        lines=[
            Line(
                f'sum by (outcome) (rate(yunquan_consumed_events_total{{service="{service}"}}[$__rate_interval]))',
                "{{outcome}}",
            )
        ],
        about="Events per second by outcome.",
        unit="ops",
        width=_WIDTH,
    )


def _saga(kind: str, states: str, title: str) -> Panel:
    return Panel(
        title=title,
        lines=[Line(f'max by (state) (yunquan_sagas{{kind="{kind}",state=~"{states}"}})', "{{state}}")],
        about="They wait for the voucher service, for moments only.",
        width=_WIDTH,
    )
