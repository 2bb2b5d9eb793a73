import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.k8s_check.documents import Document, Rendered, name_of
from tools.k8s_check.schemas import SUPPORTED_VERSIONS, custom_schemas, schema_findings


def _changed(rendered: Rendered, kind: str, field: str, value: Any) -> Rendered:
    """One object alone, with one field of its spec or of itself changed."""
    document: Document = copy.deepcopy(next(found for found in rendered.of(kind) if name_of(found) == "order"))
    (document if field in document else document["spec"])[field] = value
    return Rendered(rendered.overlay, (document,))


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("Deployment", "replica", 2),
        ("Deployment", "revisionHistoryLimit", "five"),
        ("Deployment", "apiVersion", "apps/v1beta1"),
        ("PodDisruptionBudget", "minAvailble", 1),
    ],
)
def test_what_kubernetes_does_not_know_is_found_once(
    kind: str, field: str, value: Any, rendered: dict[str, Rendered]
) -> None:
    bad = _changed(rendered["production"], kind, field, value)

    found = list(schema_findings(bad, versions=SUPPORTED_VERSIONS, definitions=None))

    assert len(found) == 1
    assert found[0].rule == "schema"


# Two kinds as far as the manifests use them, in the project's own words. How a definition is applied is proved with
# these everywhere; whether the manifests fit what the operators publish, where their definitions are at hand.
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_OBJECT = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_LIST = {"type": "array", "items": _OBJECT}
_KINDS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    (
        "keda.sh",
        "v1alpha1",
        "ScaledObject",
        {
            "scaleTargetRef": _OBJECT,
            "minReplicaCount": _NUMBER,
            "maxReplicaCount": _NUMBER,
            "pollingInterval": _NUMBER,
            "cooldownPeriod": _NUMBER,
            "fallback": _OBJECT,
            "advanced": _OBJECT,
            "triggers": _LIST,
        },
    ),
    (
        "external-secrets.io",
        "v1",
        "ExternalSecret",
        {
            "refreshPolicy": {"type": "string", "enum": ["CreatedOnce", "Periodic", "OnChange"]},
            "refreshInterval": _TEXT,
            "secretStoreRef": {
                "type": "object",
                "properties": {"name": {"type": "string", "pattern": "^[a-z0-9.-]+$"}, "kind": _TEXT},
            },
            "target": _OBJECT,
            "data": _LIST,
            "dataFrom": _LIST,
        },
    ),
)


def _definition(group: str, version: str, kind: str, fields: dict[str, Any]) -> Document:
    top = {"apiVersion": _TEXT, "kind": _TEXT, "metadata": _OBJECT, "spec": {"type": "object", "properties": fields}}
    schema = {"openAPIV3Schema": {"type": "object", "properties": top}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "spec": {
            "group": group,
            "names": {"kind": kind},
            "versions": [{"name": version, "served": True, "schema": schema}],
        },
    }


@pytest.fixture(scope="module")
def two_kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with those two definitions."""
    folder = tmp_path_factory.mktemp("definitions")
    documents = [_definition(*kind) for kind in _KINDS]
    (folder / "two.yaml").write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    return folder


@pytest.mark.parametrize("kind", ["ScaledObject", "ExternalSecret"])
def test_what_an_operator_knows_is_no_finding(kind: str, rendered: dict[str, Rendered], two_kinds: Path) -> None:
    good = Rendered("production", tuple(rendered["production"].of(kind)))

    assert list(schema_findings(good, versions=(), definitions=two_kinds)) == []


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("ScaledObject", "minReplicas", 2),
        ("ScaledObject", "minReplicaCount", "two"),
        ("ExternalSecret", "refreshPolicy", "Sometimes"),
        ("ExternalSecret", "secretStoreRef", {"name": "Not_A_Name"}),
        ("ScaledObject", "apiVersion", "keda.sh/v2"),
    ],
)
def test_what_an_operator_does_not_know_is_found(
    kind: str, field: str, value: Any, rendered: dict[str, Rendered], two_kinds: Path
) -> None:
    bad = _changed(rendered["production"], kind, field, value)

    assert len(list(schema_findings(bad, versions=(), definitions=two_kinds))) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("configuration", {}),
        ("retentionPolicy", "90 days"),
        ("retention", "90d"),
        ("configuration", {"serverName": "a"}),
    ],
)
def test_the_place_of_backups_is_judged_also_where_nobody_has_its_definition(
    field: str, value: Any, rendered: dict[str, Rendered]
) -> None:
    good = Rendered("production", tuple(rendered["production"].of("ObjectStore")))
    bad = copy.deepcopy(good.documents[0])
    bad["spec"][field] = value

    assert list(schema_findings(good, versions=(), definitions=None)) == []
    assert list(schema_findings(Rendered("production", (bad,)), versions=(), definitions=None))


def test_a_folder_without_definitions_is_no_folder_of_definitions(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no CustomResourceDefinition"):
        custom_schemas(tmp_path)
