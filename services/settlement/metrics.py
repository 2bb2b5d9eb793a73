"""What settlement shows of itself: windows and questions that time has run out for."""

from collections.abc import Sequence

from shared.runtime.gauges import COUNTED_MAX, Gauge, GaugeQuery, Parameter

QUERIES: Sequence[GaugeQuery] = (
    GaugeQuery(
        f"""
        SELECT (SELECT count(*) FROM (SELECT FROM claim WHERE state IN ('submitted', 'accepted')
                AND window_closes_at <= $1::timestamptz LIMIT {COUNTED_MAX}) c) AS windows,
            (SELECT count(*) FROM (SELECT FROM question WHERE answered_at IS NULL
                AND due_at <= $1::timestamptz LIMIT {COUNTED_MAX}) q) AS questions
        """,  # noqa: S608 - a number of our own
        (
            Gauge("yunquan_windows_due", "Claims whose window should have closed", (), "windows"),
            Gauge("yunquan_questions_overdue", "Questions without an answer past their due time", (), "questions"),
        ),
        (Parameter.NOW,),
    ),
)
