"""Requests are shown under the names, labels and buckets that dashboards and alerts ask for, and nothing else is."""

from shared.runtime.observability.metrics import Metrics

ORDERS = ("order", "/api/order/v1/orders", "POST")
SHOWN = """\
# HELP yunquan_http_requests_total Requests answered
# TYPE yunquan_http_requests_total counter
yunquan_http_requests_total{method="POST",route="/api/order/v1/orders",service="order",status="201"} 2.0
yunquan_http_requests_total{method="POST",route="/api/order/v1/orders",service="order",status="422"} 1.0
# HELP yunquan_http_request_duration_seconds How long requests took
# TYPE yunquan_http_request_duration_seconds histogram
yunquan_http_request_duration_seconds_bucket{le="0.005",method="POST",route="/api/order/v1/orders",service="order"} 1.0
yunquan_http_request_duration_seconds_bucket{le="0.01",method="POST",route="/api/order/v1/orders",service="order"} 1.0
yunquan_http_request_duration_seconds_bucket{le="0.025",method="POST",route="/api/order/v1/orders",service="order"} 1.0
yunquan_http_request_duration_seconds_bucket{le="0.05",method="POST",route="/api/order/v1/orders",service="order"} 1.0
yunquan_http_request_duration_seconds_bucket{le="0.1",method="POST",route="/api/order/v1/orders",service="order"} 2.0
yunquan_http_request_duration_seconds_bucket{le="0.15",method="POST",route="/api/order/v1/orders",service="order"} 2.0
yunquan_http_request_duration_seconds_bucket{le="0.25",method="POST",route="/api/order/v1/orders",service="order"} 2.0
yunquan_http_request_duration_seconds_bucket{le="0.5",method="POST",route="/api/order/v1/orders",service="order"} 2.0
yunquan_http_request_duration_seconds_bucket{le="1.0",method="POST",route="/api/order/v1/orders",service="order"} 2.0
yunquan_http_request_duration_seconds_bucket{le="2.5",method="POST",route="/api/order/v1/orders",service="order"} 2.0
yunquan_http_request_duration_seconds_bucket{le="5.0",method="POST",route="/api/order/v1/orders",service="order"} 2.0
yunquan_http_request_duration_seconds_bucket{le="10.0",method="POST",route="/api/order/v1/orders",service="order"} 2.0
yunquan_http_request_duration_seconds_bucket{le="+Inf",method="POST",route="/api/order/v1/orders",service="order"} 3.0
yunquan_http_request_duration_seconds_count{method="POST",route="/api/order/v1/orders",service="order"} 3.0
yunquan_http_request_duration_seconds_sum{method="POST",route="/api/order/v1/orders",service="order"} 16.125
"""


def test_requests_are_shown_by_route_method_and_status_in_the_declared_buckets_and_with_no_other_series() -> None:
    metrics = Metrics([])
    for status, duration_s in ((201, 0.0), (201, 0.125 / 2), (422, 16.0625)):
        metrics.answered(*ORDERS, status=status, duration_s=duration_s)
    shown = [line for line in metrics.render().decode().splitlines() if "yunquan_http" in line]
    assert "\n".join(shown) + "\n" == SHOWN


def test_two_processes_of_a_test_count_apart() -> None:
    first, second = Metrics([]), Metrics([])
    first.answered(*ORDERS, status=201, duration_s=0.0)
    assert b'status="201"' not in second.render()
