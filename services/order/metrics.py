"""What the order service shows of itself: sagas under way.

Sagas at rest are not counted: they grow for ever, and what waits for people is in /tasks. One that is under way has a
time at which the sweeper looks at it, which is what the index finds; a few that rest have it still.
"""

from collections.abc import Sequence

from shared.runtime.gauges import COUNTED_MAX, Gauge, GaugeQuery

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
)
