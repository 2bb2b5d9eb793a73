import copy
from pathlib import Path
from typing import Any

import pytest

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
    kind: str, field: str, value: Any, rendered: dict[str, Rendered], definitions: Path
) -> None:
    bad = _changed(rendered["production"], kind, field, value)

    assert len(list(schema_findings(bad, versions=(), definitions=definitions))) == 1


def test_a_folder_without_definitions_is_no_folder_of_definitions(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no CustomResourceDefinition"):
        custom_schemas(tmp_path)
