"""YAML in and out, and the few questions that every rule asks of a Kubernetes object."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

Document: TypeAlias = dict[str, Any]

CHECKOUT = Path(__file__).resolve().parents[2]
MANIFESTS = CHECKOUT / "deploy" / "k8s"
ALERT_RULES = CHECKOUT / "deploy" / "observability" / "rules"


# The loader written in C is ten times as fast; some builds of the library lack it.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc] # the library is untyped
    """Reads a bare `=`, which stands in Prometheus' own definitions, as text."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: loader.construct_scalar(node))


# To kubectl a moment is a text; only this library would make more of it.
_Loader.yaml_implicit_resolvers = {
    first: [found for found in resolvers if found[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _SafeLoader.yaml_implicit_resolvers.items()
}


class _Dumper(yaml.SafeDumper):  # type: ignore[misc] # the library is untyped
    """Writes lists below their key and texts of several lines as blocks."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 - the library's signature
        """Indent lists too."""
        del indentless
        super().increase_indent(flow, False)  # noqa: FBT003 - as above


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def load_all(text: str) -> list[Document]:
    """The objects of a YAML stream; empty ones are left out. Raises: yaml.YAMLError."""
    return [found for found in yaml.load_all(text, _Loader) if found]


def dump_all(documents: Iterable[Document | list[Document]]) -> str:
    """A YAML stream."""
    text: str = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=150)
    return text


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: in which overlay, of which object, against which rule, and what cures it."""

    overlay: str
    subject: str
    rule: str
    what: str
    cure: str

    def line(self) -> str:
        """The finding as it is printed."""
        return f"{self.overlay}: {self.subject}: [{self.rule}] {self.what}; cure: {self.cure}"


@dataclass(frozen=True, slots=True)
class Rendered:
    """All objects of one overlay."""

    overlay: str
    documents: tuple[Document, ...]

    def of(self, *kinds: str) -> Iterator[Document]:
        """The objects of these kinds."""
        return (found for found in self.documents if found.get("kind") in kinds)

    def names(self, *kinds: str) -> set[str]:
        """The names of the objects of these kinds."""
        return {name_of(found) for found in self.of(*kinds)}

    def finding(self, document: Document, rule: str, what: str, cure: str) -> Finding:
        """A finding about one object."""
        return Finding(self.overlay, f"{document.get('kind', '?')}/{name_of(document)}", rule, what, cure)


def name_of(document: Document) -> str:
    """An object's name."""
    return str((document.get("metadata") or {}).get("name", "?"))


def labels_of(document: Document) -> dict[str, str]:
    """An object's labels."""
    return dict((document.get("metadata") or {}).get("labels") or {})


def pod_template(document: Document) -> Document | None:
    """The pod template of a workload; None for any other object."""
    if document.get("kind") in {"Deployment", "StatefulSet", "DaemonSet", "Job"}:
        found: Document = document["spec"]["template"]
        return found
    if document.get("kind") == "CronJob":
        inner: Document = document["spec"]["jobTemplate"]["spec"]["template"]
        return inner
    return None


def containers_of(template: Document) -> list[Document]:
    """The containers of a pod template, those that run before included."""
    spec = template["spec"]
    return [*spec.get("initContainers", ()), *spec.get("containers", ())]


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects; an empty one selects everything and none selects nothing."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_expression(found, labels) for found in selector.get("matchExpressions") or ())


def _expression(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
