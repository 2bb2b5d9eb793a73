"""Rules about operators: each is named, backups rest on what stays, and people have a place to work."""

from collections.abc import Iterator
from typing import Any

from embedded.platform import SERVICES
from tools.k8s_check.databases import BARMAN, DATABASE_CA_FOLDER, certificate_secret
from tools.k8s_check.documents import Document, Finding, Rendered, containers_of, name_of, pod_template
from tools.k8s_check.named import references_of
from tools.k8s_check.operations import NAME
from tools.k8s_check.operators import OPERATORS
from tools.k8s_check.secret_keys import keys_of

NATIVE = ("k8s.io", "apps", "batch", "policy")


def kinds_have_an_operator(rendered: Rendered) -> Iterator[Finding]:
    """Whatever is no kind of Kubernetes itself belongs to an operator that the guide names."""
    for document in rendered.documents:
        group, slash, _ = str(document.get("apiVersion", "")).partition("/")
        native = not slash or group in NATIVE or (group.endswith(".k8s.io") and not group.startswith("gateway."))
        if not native and group not in OPERATORS:
            yield rendered.finding(
                document,
                "operator",
                f"nobody is named who looks after {group}",
                "add it to tools/k8s_check/operators.py",
            )


def backups_rest_on_what_stays(rendered: Rendered) -> Iterator[Finding]:
    """CloudNativePG 1.31 has no archiving of its own: clusters, schedules and restores name the plug-in and a place."""
    stores = rendered.names("ObjectStore")
    for cluster in rendered.of("Cluster"):
        spec = cluster["spec"]
        archivers = [one for one in spec.get("plugins") or () if one.get("isWALArchiver")]
        restored = [one.get("plugin") for one in spec.get("externalClusters") or ()]
        wrong = [] if len(archivers) == 1 else ["no single plug-in archives its WAL"]
        wrong += [
            f"it names no place of backups that is there: {one}"
            for one in [*archivers, *restored]
            if (one or {}).get("name") != BARMAN or (one["parameters"].get("barmanObjectName") not in stores)
        ]
        if "barmanObjectStore" in (spec.get("backup") or {}):
            wrong.append("spec.backup.barmanObjectStore is gone since CloudNativePG 1.31")
        yield from (rendered.finding(cluster, "backup", what, "name the plug-in and an ObjectStore") for what in wrong)
    for backup in rendered.of("ScheduledBackup", "Backup"):
        if (backup["spec"].get("pluginConfiguration") or {}).get("name") != BARMAN:
            yield rendered.finding(backup, "backup", "it is not made by the plug-in", "method: plugin")


def operators_have_a_place(rendered: Rendered) -> Iterator[Finding]:
    """A suspended CronJob with every database, the broker, and the authority of every certificate."""
    found = next((one for one in rendered.of("CronJob") if name_of(one) == NAME), None)
    if found is None:
        yield Finding(rendered.overlay, f"CronJob/{NAME}", "operations", "it is not there", "include base/operations")
        return
    if found["spec"].get("suspend") is not True:
        yield rendered.finding(found, "operations", "it runs by itself", "suspend: true")
    template: Any = pod_template(found)
    given = _variables(rendered, template)
    for service in SERVICES:
        for name in (f"{service.name}_DATABASE_URL", f"{service.name}_BUS_URL", f"{service.name}_URL"):
            if name.upper() not in given:
                yield rendered.finding(
                    found, "operations", f"{name.upper()} is not given", "make k8s-check ARGS=--write"
                )
    yield from _certificates(rendered, found)


def _certificates(rendered: Rendered, found: Document) -> Iterator[Finding]:
    clusters = rendered.names("Cluster")
    held = {name for kind, name, _ in references_of(found) if kind == "Secret"}
    urls = [
        str(url)
        for secret in rendered.of("ExternalSecret")
        if name_of(secret) == NAME
        for key, url in secret["spec"]["target"]["template"]["data"].items()
        if key.endswith("_DATABASE_URL")
    ]
    for service in (one.name for one in SERVICES if f"{one.name}-db" in clusters):
        wanted = f"sslmode=verify-full&sslrootcert={DATABASE_CA_FOLDER}/{service}.crt"
        if certificate_secret(service) not in held or not any(url.endswith(f"/{service}?{wanted}") for url in urls):
            yield rendered.finding(
                found, "certificate", f"operators trust any database of {service}", "make k8s-check ARGS=--write"
            )


def _variables(rendered: Rendered, template: Document) -> set[str]:
    found: set[str] = set()
    for container in containers_of(template):
        found |= {variable["name"] for variable in container.get("env") or ()}
        for source in container.get("envFrom") or ():
            found |= keys_of(rendered, "Secret", source["secretRef"]["name"]) or set()
    return found


RULES = (kinds_have_an_operator, backups_rest_on_what_stays, operators_have_a_place)
