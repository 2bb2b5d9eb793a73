"""Which Secrets and ConfigMaps an overlay brings, and which keys each will have once operators have done their work."""

from tools.k8s_check.documents import Document, Rendered, name_of


def keys_of(rendered: Rendered, kind: str, name: str) -> set[str] | None:
    """The keys of a Secret or ConfigMap; None when nothing brings one of this name."""
    for document in rendered.documents:
        if document.get("kind") == kind and name_of(document) == name:
            return {*(document.get("data") or {}), *(document.get("stringData") or {})}
        if kind == "Secret":
            found = _made_by_operator(document, name)
            if found is not None:
                return found
    return None


def _made_by_operator(document: Document, name: str) -> set[str] | None:
    match document.get("kind"):
        case "ExternalSecret" if (document["spec"].get("target") or {}).get("name", name_of(document)) == name:
            template = (document["spec"].get("target") or {}).get("template") or {}
            if template.get("data"):
                return set(template["data"])
            return {found["secretKey"] for found in document["spec"].get("data") or ()}
        case "Cluster" if name == f"{name_of(document)}-ca":
            return {"ca.crt", "ca.key"}
        case _:
            return None
