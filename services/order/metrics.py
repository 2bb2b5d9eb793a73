"""What the order service shows of itself: sagas under way, and webhooks that wait.

Sagas at rest are not counted: they grow for ever, and what waits for people is in /tasks. One that is under way has a
time at which the sweeper looks at it, which is what the index finds; a few that rest have it still.
"""

from collections.abc import Sequence

from shared.runtime.gauges import COUNTED_MAX, Gauge, GaugeQuery, Parameter

STUCK_S = 900
_UNDER_WAY = "resend_at IS NOT NULL AND (pending IS NOT NULL OR state = 'waiting_for_commit')"

QUERIES: Sequence[GaugeQuery] = (
    GaugeQuery(
        f"""
        SELECT kind, state, count(*) AS sagas FROM (
            SELECT kind, state FROM saga WHERE {_UNDER_WAY} LIMIT {COUNTED_MAX}
        ) s GROUP BY kind, state
        """,  # noqa: S608 - a number of our own
        (Gauge("yunquan_sagas", "Sagas that wait for an answer", ("kind", "state"), "sagas"),),
    ),
    GaugeQuery(
        f"""
        SELECT k.kind,
            count(s.moved_at) FILTER (WHERE s.moved_at < clock_timestamp() - interval '{STUCK_S} s') AS stuck,
            COALESCE(GREATEST(0, extract(epoch FROM clock_timestamp() - min(s.moved_at))), 0) AS oldest
        FROM (VALUES ('purchase'), ('refund'), ('claim')) AS k(kind)
        LEFT JOIN (SELECT kind, moved_at FROM saga WHERE {_UNDER_WAY} LIMIT {COUNTED_MAX}) s ON s.kind = k.kind
        GROUP BY k.kind
        """,  # noqa: S608 - numbers of our own
        (
            Gauge("yunquan_sagas_stuck", "Sagas without progress for over 15 minutes", ("kind",), "stuck"),
            Gauge(
                "yunquan_saga_oldest_seconds",
                "How long the saga without progress for longest has stood still",
                ("kind",),
                "oldest",
            ),
        ),
    ),
    GaugeQuery(
        f"""
        SELECT count(*) AS waiting FROM (
            SELECT FROM webhook_delivery WHERE state = 'pending' LIMIT {COUNTED_MAX}
        ) d
        """,  # noqa: S608 - a number of our own
        (Gauge("yunquan_webhook_deliveries_waiting", "Deliveries to webhook endpoints not ended yet", (), "waiting"),),
    ),
    # Only of endpoints that answer: the others wait by a plan of their own. An event is dated by the business clock.
    GaugeQuery(
        """
        SELECT COALESCE(max(GREATEST(
            0,
            extract(epoch FROM clock_timestamp() - d.due_at),
            extract(epoch FROM $1::timestamptz - v.occurred_at)
        )), 0) AS oldest
        FROM webhook_endpoint e
        JOIN webhook_host h ON h.provider_id = e.provider_id AND h.host = e.host AND h.state = 'approved'
        LEFT JOIN LATERAL (
            SELECT min(due_at) AS due_at FROM webhook_delivery WHERE endpoint_id = e.id AND state = 'pending'
        ) d ON true
        LEFT JOIN LATERAL (
            SELECT occurred_at FROM order_event WHERE provider_id = e.provider_id AND seq > e.position
            ORDER BY seq LIMIT 1
        ) v ON true
        WHERE e.state = 'active' AND e.failing_since IS NULL
            AND (e.paused_until IS NULL OR e.paused_until <= clock_timestamp())
        """,
        (
            Gauge(
                "yunquan_webhook_oldest_seconds",
                "How long the oldest event has waited for its first attempt, at endpoints that answer",
                (),
                "oldest",
            ),
        ),
        (Parameter.NOW,),
    ),
    GaugeQuery(
        """
        SELECT s.state, count(e.id) AS endpoints
        FROM (VALUES ('well'), ('failing'), ('flagged'), ('disabled')) AS s(state)
        LEFT JOIN (
            SELECT id, CASE WHEN state = 'disabled' THEN 'disabled' WHEN failing_since IS NULL THEN 'well'
                WHEN flagged_at IS NULL THEN 'failing' ELSE 'flagged' END AS does
            FROM webhook_endpoint WHERE state <> 'deleted'
        ) e ON e.does = s.state
        GROUP BY s.state
        """,
        (Gauge("yunquan_webhook_endpoints", "Webhook endpoints, by how they do", ("state",), "endpoints"),),
    ),
)
