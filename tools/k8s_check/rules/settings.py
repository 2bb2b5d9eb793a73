"""Rules about settings: each process gets what its code asks for, and nothing that its code does not know."""

from collections.abc import Iterator

from embedded.platform import SERVICES
from tools.k8s_check.documents import Document, Finding, Rendered, containers_of, labels_of, name_of
from tools.k8s_check.secret_keys import keys_of
from tools.k8s_check.secrets import BROKER_CA_FILE

BROKER_FOLDER = BROKER_CA_FILE.rpartition("/")[0]
LIBRARIES = ("PG", "OTEL_")
"""Prefixes of variables that a library reads by itself."""


def processes_get_their_settings(rendered: Rendered) -> Iterator[Finding]:
    """Every required setting of a service is given, and every variable given is a setting."""
    types = {service.name: service.settings for service in SERVICES}
    for document in rendered.of("Deployment"):
        component = labels_of(document).get("app.kubernetes.io/name", "")
        if component not in types:
            continue
        prefix = f"{component.upper()}_"
        fields = types[component].model_fields
        given = _variables(rendered, document)
        required = {f"{prefix}{name}".upper() for name, field in fields.items() if field.is_required()}
        required |= {f"{prefix}BUS_URL", f"{prefix}HOST", f"{prefix}INSTANCE"}
        for name in sorted(required - given):
            yield rendered.finding(document, "settings", f"{name} is not given", "add it to its Secret or ConfigMap")
        known = {f"{prefix}{name}".upper() for name in fields}
        for name in sorted(given - known):
            if not name.startswith(LIBRARIES):
                yield rendered.finding(document, "settings", f"{name} is no setting of {component}", "correct the name")
        kept = {f"{prefix}DOCUMENTS_FOLDER", f"{prefix}S3_ENDPOINT"} & given
        if "documents_folder" in fields and len(kept) != 1:
            yield rendered.finding(
                document, "settings", "documents need one place", "include documents-bucket or documents-folder"
            )


def _variables(rendered: Rendered, document: Document) -> set[str]:
    found: set[str] = set()
    for container in document["spec"]["template"]["spec"]["containers"]:
        found |= {variable["name"] for variable in container.get("env") or ()}
        for source in container.get("envFrom") or ():
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if field in source:
                    found |= keys_of(rendered, kind, source[field]["name"]) or set()
    return found


def nobody_else_has_a_secret(rendered: Rendered) -> Iterator[Finding]:
    """A Secret with settings of a component is given to that component's pods only."""
    for document in rendered.of("Deployment"):
        component = labels_of(document).get("app.kubernetes.io/name", "")
        for container in document["spec"]["template"]["spec"]["containers"]:
            for source in container.get("envFrom") or ():
                secret = (source.get("secretRef") or {}).get("name")
                if secret is not None and secret != component:
                    yield rendered.finding(
                        document,
                        "settings",
                        f"{name_of(document)} reads the Secret {secret}",
                        f"give it {component} only",
                    )


def certificates_are_checked(rendered: Rendered) -> Iterator[Finding]:
    """Where a store has certificates, its clients hold the authority and refuse any other."""
    databases, brokers = rendered.names("Cluster"), list(rendered.of("RabbitmqCluster"))
    for document in rendered.of("Deployment", "Job"):
        component = labels_of(document).get("app.kubernetes.io/name", "")
        if f"{component}-db" not in databases:
            continue
        template = document["spec"]["template"]
        for container in containers_of(template):
            given = {found["name"]: found.get("value") for found in container.get("env") or ()}
            mounts = {found["mountPath"] for found in container.get("volumeMounts") or ()}
            folder = str(given.get("PGSSLROOTCERT", "")).rpartition("/")[0]
            if given.get("PGSSLMODE") != "verify-full" or folder not in mounts:
                yield rendered.finding(
                    document, "certificate", f"{container['name']} trusts any database", "include components/postgresql"
                )
            serves = document["kind"] == "Deployment" and container in template["spec"]["containers"]
            if serves and any(found["spec"].get("tls") for found in brokers) and BROKER_FOLDER not in mounts:
                yield rendered.finding(
                    document,
                    "certificate",
                    f"{container['name']} cannot verify the broker",
                    "include components/rabbitmq",
                )


RULES = (processes_get_their_settings, nobody_else_has_a_secret, certificates_are_checked)
