"""Our own rules: what no schema says, and what an API server or an operator would find only in the cluster."""

from collections.abc import Callable, Iterator

from tools.k8s_check.documents import Finding, Rendered
from tools.k8s_check.rules import network, operators, references, scaling, settings, workloads

Rule = Callable[[Rendered], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    *workloads.RULES,
    *references.RULES,
    *scaling.RULES,
    *settings.RULES,
    *network.RULES,
    *operators.RULES,
)


def rule_findings(rendered: Rendered) -> Iterator[Finding]:
    """Every departure of one overlay from every rule."""
    for rule in RULES:
        yield from rule(rendered)
