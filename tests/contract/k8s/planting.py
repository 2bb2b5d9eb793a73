"""What an error planted into good manifests is, and the parts of a manifest that one changes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tools.k8s_check.documents import Document
from tools.k8s_check.rules import Rule

Change = Callable[[Document], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A change of one object, or of the list of objects when no kind is named, and the rule that must notice."""

    rule: Rule
    kind: str = "Deployment"
    name: str = "order"
    change: Change
    overlay: str = "production"


def pod(document: Document) -> Any:
    """The pod of a workload."""
    return document["spec"]["template"]["spec"]


def container(document: Document) -> Any:
    """The first container of a workload."""
    return pod(document)["containers"][0]


def remove(document: Document) -> None:
    """Leave an object that no rule knows."""
    document["kind"] = "Removed"
