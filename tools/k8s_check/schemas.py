"""Schemas: Kubernetes' own of each supported version, and those of custom resources from a folder of definitions.

kubernetes-validate carries the schemas of Kubernetes; its `validate` reads them anew for each object and stops at the
first error, so they are read once here and every error is told.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from kubernetes_validate import utils
from referencing import Registry, Resource

from tools.k8s_check.documents import Document, Finding, Rendered, load_all
from tools.k8s_check.operators import KNOWN_HERE

SUPPORTED_VERSIONS = ("1.34", "1.35", "1.36", "1.37")
"""Kubernetes releases the manifests are checked against: those with `preStop: sleep` as a settled feature."""
VALUE_SHOWN_MAX = 120


def schema_findings(rendered: Rendered, *, versions: Sequence[str], definitions: Path | None) -> Iterator[Finding]:
    """Every departure of every object from its schema; custom resources without a definition are findings too.

    Without a folder of definitions custom resources are not judged, but for those whose definition is known here.
    """
    custom = {} if definitions is None else custom_schemas(definitions)
    for document in rendered.documents:
        key = (str(document.get("apiVersion")), str(document.get("kind")))
        if _is_custom(key[0]):
            known = custom.get(key) or KNOWN_HERE.get(key)
            if definitions is not None or known is not None:
                yield from _custom_findings(rendered, document, known)
            continue
        for version in versions:
            found = list(_native_findings(rendered, document, version))
            yield from found
            if found:
                # The same mistake in each version is one mistake.
                break


def _is_custom(api_version: str) -> bool:
    group, slash, _ = api_version.rpartition("/")
    return (bool(slash) and "." in group and not group.endswith(".k8s.io")) or group.startswith("gateway.")


def _native_findings(rendered: Rendered, document: Document, version: str) -> Iterator[Finding]:
    try:
        validator = native_validator(version, str(document["kind"]), str(document["apiVersion"]))
    except FileNotFoundError:
        yield rendered.finding(
            document,
            "schema",
            f"Kubernetes {version} has no {document['apiVersion']} {document['kind']}",
            "use an API it has",
        )
        return
    yield from _errors(rendered, document, validator, f"Kubernetes {version}")


def _custom_findings(rendered: Rendered, document: Document, validator: Any) -> Iterator[Finding]:  # noqa: ANN401 - the library is untyped
    if validator is None:
        yield rendered.finding(
            document,
            "schema",
            f"no definition of {document.get('apiVersion')} {document.get('kind')} in the folder of definitions",
            "add the operator's CustomResourceDefinition to that folder",
        )
        return
    yield from _errors(rendered, document, validator, "the operator's definition")


def _errors(rendered: Rendered, document: Document, validator: Any, whose: str) -> Iterator[Finding]:  # noqa: ANN401 - as above
    for error in validator.iter_errors(document):
        place = "/".join(str(part) for part in error.absolute_path) or "(top)"
        said = error.message if len(error.message) < VALUE_SHOWN_MAX else f"{error.message[:VALUE_SHOWN_MAX]}..."
        yield rendered.finding(document, "schema", f"{place}: {said}", f"correct the field; the schema is {whose}")


@cache
def _definitions_of(version: str) -> Any:  # noqa: ANN401 - as above
    return Resource.from_contents(utils.schema_contents(_schema_path(version, "_definitions"), version))


@cache
def native_validator(version: str, kind: str, api_version: str) -> Any:  # noqa: ANN401 - as above
    """The strict validator of one kind. Raises: FileNotFoundError when this version does not know it."""
    # networking.k8s.io/v1 is filed as networking-v1.
    name = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    schema = utils.schema_contents(_schema_path(version, f"{kind.lower()}-{name}"), version)
    registry: Any = Resource.from_contents(schema) @ Registry()
    return Draft202012Validator(schema, registry=_definitions_of(version) @ registry)


def _schema_path(version: str, name: str) -> str:
    return f"kubernetes-json-schema/v{version}.0-local-strict/{name}.json"


@cache
def custom_schemas(folder: Path) -> dict[tuple[str, str], Any]:
    """Validators of the custom resources in a folder, by API version and kind.

    Raises: FileNotFoundError when there is no definition in the folder.
    """
    found: dict[tuple[str, str], Any] = {}
    for file in sorted(folder.glob("*.yaml")):
        for definition in load_all(file.read_text(encoding="utf-8")):
            if definition.get("kind") == "CustomResourceDefinition":
                found |= dict(_of_definition(definition))
    if not found:
        raise FileNotFoundError(f"no CustomResourceDefinition in {folder}")
    return found


def _of_definition(definition: Document) -> Iterator[tuple[tuple[str, str], Any]]:
    spec = definition["spec"]
    for version in spec["versions"]:
        if version["served"]:
            schema = _closed(version["schema"]["openAPIV3Schema"], top=True)
            yield (f"{spec['group']}/{version['name']}", spec["names"]["kind"]), Draft202012Validator(schema)


def _closed(schema: Any, *, top: bool = False) -> Any:  # noqa: ANN401 - as above
    """The schema with unknown fields refused, as the API server drops them with a warning that nobody reads."""
    found = {key: value for key, value in schema.items() if key not in {"format", "default", "description"}}
    if "properties" in found:
        found["properties"] = {name: _closed(inner) for name, inner in found["properties"].items()}
        if top:
            found["properties"]["metadata"] = {"type": "object"}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            found.setdefault("additionalProperties", False)
    for inside in ("items", "additionalProperties"):
        if isinstance(found.get(inside), dict):
            found[inside] = _closed(found[inside])
    if "pattern" in found:
        found["pattern"] = _python_pattern(found["pattern"])
    if schema.get("x-kubernetes-int-or-string"):
        found.pop("type", None)
    if schema.get("nullable") and "type" in found:
        found["type"] = [found["type"], "null"]
    return found


def _python_pattern(pattern: str) -> str:
    # RE2 takes a flag anywhere, Python's engine only in front.
    return f"(?i){pattern.replace('(?i)', '')}" if "(?i)" in pattern else pattern
