"""The Grafana dashboards as code: `python -m tools.dashboards` writes deploy/observability/dashboards.

A dashboard is a JSON document, and what these need of it fits on a page; a builder library would bring hundreds of
generated classes to say the same. Everything here is a pure function from a table of panels to that document.
"""
