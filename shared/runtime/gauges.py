"""The door to a service's own metrics: gauges read from its database, and audits.

Behind it is `service.gauges`; how they are sampled and shown is in `observability`.
"""

from shared.runtime.service.gauges import COUNTED_MAX, Audit, Gauge, GaugeQuery, GaugeValues, Parameter

__all__ = ["COUNTED_MAX", "Audit", "Gauge", "GaugeQuery", "GaugeValues", "Parameter"]
