"""The alert rules of deploy/observability as objects of the Prometheus operator, word for word."""

import yaml

from tools.k8s_check.documents import ALERT_RULES, Document


def prometheus_rules() -> list[Document]:
    """One object for each file of rules."""
    return [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": f"yunquan-{file.stem}"},
            "spec": yaml.safe_load(file.read_text(encoding="utf-8")),
        }
        for file in sorted(ALERT_RULES.glob("*.yaml"))
    ]
