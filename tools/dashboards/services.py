"""The dashboard of one service: is it well, what is asked of it, does what it says arrive, and its own work."""

from tools.dashboards.own import OWN
from tools.dashboards.panels import Document, Line, Panel, Row, dashboard, figure

_SECONDS = "s"


def service_dashboard(service: str) -> Document:
    """Everything about one service; a service without work of its own to show has the common rows."""
    own = OWN.get(service, ())
    return dashboard(
        f"yunquan-{service}",
        f"Yunquan: {service}",
        f"The {service} service by itself. What it does together with the others is on the journey.",
        [
            _now(service),
            _requests(service),
            *([Row(f"What matters in {service}", own)] if own else []),
            _delivery(service),
            _progress(service),
            _process(service),
        ],
    )


def _now(service: str) -> Row:
    errors = f'sum(rate(yunquan_http_requests_total{{service="{service}",status=~"5.."}}[$__rate_interval]))'
    requests = f'sum(rate(yunquan_http_requests_total{{service="{service}"}}[$__rate_interval]))'
    return Row(
        "Now",
        [
            figure("Replicas ready", f'sum(yunquan_ready{{service="{service}"}})', "0: requests are turned away."),
            figure(
                "Alerts firing",
                f'count(ALERTS{{alertstate="firing",service="{service}"}}) or vector(0)',
                "Each has a runbook in docs/runbooks.",
                bad_from=1,
            ),
            figure("Requests", requests, "Every route, every status.", unit="reqps"),
            figure(
                "Faults",
                f"({errors} or vector(0)) / {requests}",
                "Share of the requests that ended in 5xx; 0.1 % is promised.",
                unit="percentunit",
                bad_from=0.001,
            ),
            figure(
                "Slow",
                f'yunquan:http_slow:ratio_rate5m{{service="{service}"}}',
                "Share of the requests over 0.5 s, documents aside; 1 % is promised.",
                unit="percentunit",
                bad_from=0.01,
            ),
            figure(
                "Dead letters",
                f'sum(max by (kind) (yunquan_dead_letters{{service="{service}"}}))',
                "Events and envelopes that wait for people.",
                bad_from=1,
            ),
        ],
    )


def _requests(service: str) -> Row:
    of = f'service="{service}"'
    return Row(
        "Requests by route",
        [
            Panel(
                title="Rate",
                lines=[
                    Line(
                        f"sum by (route, method) (rate(yunquan_http_requests_total{{{of}}}[$__rate_interval]))",
                        "{{method}} {{route}}",
                    )
                ],
                about="Requests per second.",
                unit="reqps",
            ),
            Panel(
                title="Faults",
                lines=[
                    Line(
                        f'sum by (route, method) (rate(yunquan_http_requests_total{{{of},status=~"5.."}}'
                        "[$__rate_interval]))",
                        "{{method}} {{route}}",
                    )
                ],
                about="Requests per second that ended in 5xx. Nothing here is what you want to see.",
                unit="reqps",
            ),
            Panel(
                title="Duration, 99 of 100",
                lines=[
                    Line(
                        "histogram_quantile(0.99, sum by (route, method, le) "
                        f"(rate(yunquan_http_request_duration_seconds_bucket{{{of}}}[$__rate_interval])))",
                        "{{method}} {{route}}",
                    )
                ],
                about="99 of 100 requests of the route were answered within this time.",
                unit=_SECONDS,
                bad_from=0.5,
            ),
            Panel(
                title="Duration, the median",
                lines=[
                    Line(
                        "histogram_quantile(0.5, sum by (route, method, le) "
                        f"(rate(yunquan_http_request_duration_seconds_bucket{{{of}}}[$__rate_interval])))",
                        "{{method}} {{route}}",
                    )
                ],
                about="Half of the requests of the route were answered within this time.",
                unit=_SECONDS,
            ),
            Panel(
                title="Denials",
                lines=[
                    Line(
                        f"sum by (code, permission) (rate(yunquan_http_denials_total{{{of}}}[$__rate_interval]))",
                        "{{code}} {{permission}}",
                    )
                ],
                about="Requests per second that were denied: 401, 403, 429. Somebody tries doors, or a client errs.",
                unit="reqps",
            ),
            Panel(
                title="Refusals",
                lines=[
                    Line(
                        f'sum by (status) (rate(yunquan_http_requests_total{{{of},status=~"4.."}}[$__rate_interval]))',
                        "{{status}}",
                    )
                ],
                about="4xx: 401 and 403 of somebody who tries doors, 409 of races that were decided, 422 of rules.",
                unit="reqps",
            ),
            Panel(
                title="Database transactions",
                lines=[
                    Line(
                        f"sum by (outcome) (rate(yunquan_transactions_total{{{of}}}[$__rate_interval]))",
                        "{{outcome}}",
                    )
                ],
                about="Transactions per second by how they ended.",
                unit="ops",
            ),
        ],
    )


def _delivery(service: str) -> Row:
    of = f'service="{service}"'
    return Row(
        "What it says and hears",
        [
            Panel(
                title="Outbox, oldest row",
                lines=[Line(f"max by (partition) (yunquan_outbox_oldest_seconds{{{of}}})", "{{partition}}")],
                about="Age of what has not left yet. Normal: below a second.",
                unit=_SECONDS,
                bad_from=60,
            ),
            Panel(
                title="Outbox, rows",
                lines=[Line(f"max by (partition) (yunquan_outbox_rows{{{of}}})", "{{partition}}")],
                about="What has not left yet.",
            ),
            Panel(
                title="Relay lease",
                lines=[Line(f"max by (partition) (yunquan_relay_lease_held{{{of}}})", "{{partition}}")],
                about="1: one replica sends this partition. 0: nobody does.",
            ),
            Panel(
                title="Sent",
                lines=[
                    Line(f"sum(rate(yunquan_published_events_total{{{of}}}[$__rate_interval]))", "events"),
                    Line(f"sum(rate(yunquan_envelopes_total{{{of}}}[$__rate_interval]))", "envelopes"),
                ],
                about="Per second. Many events an envelope is what makes the platform cheap under load.",
                unit="ops",
            ),
            Panel(
                title="Received, by outcome",
                lines=[
                    Line(
                        f"sum by (outcome) (rate(yunquan_consumed_events_total{{{of}}}[$__rate_interval]))",
                        "{{outcome}}",
                    )
                ],
                about="applied and duplicate are normal; parked, set_for_retry and dead_lettered should be rare.",
                unit="ops",
            ),
            Panel(
                title="Inbox lag",
                lines=[Line(f"max by (queue) (yunquan_inbox_lag_seconds{{{of}}})", "{{queue}}")],
                about="How old events are when they are applied; 0 when idle.",
                unit=_SECONDS,
                bad_from=30,
            ),
            Panel(
                title="Copies behind",
                lines=[Line(f"max by (stream) (yunquan_copy_lag_seconds{{{of}}})", "{{stream}}")],
                about="Above 10 s the service declares itself not ready.",
                unit=_SECONDS,
                bad_from=10,
            ),
            Panel(
                title="Waiting events",
                lines=[
                    Line(f"max(yunquan_parked_events{{{of}}})", "parked"),
                    Line(f"max(yunquan_retry_events{{{of}}})", "to be tried again"),
                    Line(f"max by (kind) (yunquan_dead_letters{{{of}}})", "dead {{kind}}"),
                ],
                about="parked: an earlier version is missing. dead: waits for two people.",
            ),
            Panel(
                title="Its queues at the broker",
                lines=[Line(f'max by (queue) (rabbitmq_queue_messages{{queue=~"{service}[.].+"}})', "{{queue}}")],
                about="Envelopes of up to 50 events.",
                bad_from=1_000,
            ),
        ],
    )


def _progress(service: str) -> Row:
    of = f'service="{service}"'
    return Row(
        "Timers and jobs",
        [
            Panel(
                title="Timers late",
                lines=[Line(f"max(yunquan_timers_late{{{of}}})", "due over 60 s ago")],
                about="Time-outs, windows and the end of the year are timers.",
                bad_from=1,
            ),
            Panel(
                title="Latest timer",
                lines=[Line(f"max(yunquan_timer_latest_seconds{{{of}}})", "late by")],
                about="How late the latest timer is.",
                unit=_SECONDS,
                bad_from=900,
            ),
            Panel(
                title="Since a job's last success",
                lines=[
                    Line(
                        f"time() - max by (job) (yunquan_job_last_success_timestamp_seconds{{{of}}})",
                        "{{job}}",
                    )
                ],
                about="Jobs run in one replica at a time, each on its own schedule.",
                unit=_SECONDS,
            ),
        ],
    )


def _process(service: str) -> Row:
    of = f'job="yunquan",service="{service}"'
    own = f'service="{service}"'
    return Row(
        "Its processes",
        [
            Panel(
                title="Processor",
                lines=[Line(f"rate(process_cpu_seconds_total{{{of}}}[$__rate_interval])", "{{instance}}")],
                about="1 is one core wholly used; a process uses at most one.",
                unit="none",
            ),
            Panel(
                title="Memory",
                lines=[Line(f"process_resident_memory_bytes{{{of}}}", "{{instance}}")],
                about="Resident.",
                unit="bytes",
            ),
            Panel(
                title="File descriptors",
                lines=[Line(f"process_open_fds{{{of}}} / process_max_fds{{{of}}}", "{{instance}}")],
                about="Share in use.",
                unit="percentunit",
                bad_from=0.8,
            ),
            Panel(
                title="Database connections",
                lines=[Line(f"sum by (pool, state) (yunquan_database_connections{{{own}}})", "{{pool}} {{state}}")],
                about="Of all replicas.",
            ),
            Panel(
                title="Clock",
                lines=[
                    Line(f"max(abs(yunquan_clock_skew_seconds{{{own}}}))", "machine against database"),
                    Line(f"max(abs(yunquan_clock_offset_seconds{{{own}}}))", "business time against real time"),
                ],
                about="Both are 0 in production.",
                unit=_SECONDS,
                bad_from=1,
            ),
            Panel(
                title="Versions running",
                lines=[Line(f"count by (version, revision) (yunquan_build_info{{{own}}})", "{{version}} {{revision}}")],
                about="Two at once: a rolling update is under way.",
            ),
        ],
    )
