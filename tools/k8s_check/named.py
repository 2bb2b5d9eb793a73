"""What an object names: Secrets, ConfigMaps and claims that something must bring."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from tools.k8s_check.documents import Document, containers_of, pod_template

Reference: TypeAlias = tuple[str, str, str | None]
"""Kind, name, and the key that must be in it."""

LOGIN_KEYS = ("username", "password")
CERTIFICATE_KEYS = ("tls.crt", "tls.key")


def references_of(document: Document) -> Iterator[Reference]:
    """Everything an object names and cannot do without."""
    template = pod_template(document)
    if template is not None:
        for container in containers_of(template):
            yield from _of_environment(container)
        for volume in template["spec"].get("volumes") or ():
            yield from _of_volume(volume)
    finder = _BY_KIND.get(str(document.get("kind")))
    if finder is not None:
        yield from finder(document["spec"])


def _secret(name: str, *keys: str) -> Iterator[Reference]:
    return (("Secret", name, key) for key in keys)


def _of_environment(container: Document) -> Iterator[Reference]:
    for source in container.get("envFrom") or ():
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if field in source and not source[field].get("optional"):
                yield kind, source[field]["name"], None
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") or {}
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if field in source and not source[field].get("optional"):
                yield kind, source[field]["name"], source[field]["key"]


def _of_volume(volume: Document) -> Iterator[Reference]:
    for field, kind, key in (("secret", "Secret", "secretName"), ("configMap", "ConfigMap", "name")):
        holder: Mapping[str, Any] = volume.get(field) or {}
        if holder and not holder.get("optional"):
            yield kind, holder[key], None
            yield from ((kind, holder[key], item["key"]) for item in holder.get("items") or ())
    for source in (volume.get("projected") or {}).get("sources") or ():
        if "secret" in source:
            yield from _of_volume({"secret": {**source["secret"], "secretName": source["secret"]["name"]}})
    if "persistentVolumeClaim" in volume:
        yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"], None


def _of_database(spec: Document) -> Iterator[Reference]:
    logins = [(found.get("secret") or {}).get("name") for found in (spec.get("bootstrap") or {}).values()]
    logins += [
        (role.get("passwordSecret") or {}).get("name") for role in (spec.get("managed") or {}).get("roles") or ()
    ]
    for name in filter(None, logins):
        yield from _secret(name, *LOGIN_KEYS)


def _of_object_store(spec: Document) -> Iterator[Reference]:
    return (("Secret", found["name"], found["key"]) for found in spec["configuration"]["s3Credentials"].values())


def _of_broker(spec: Document) -> Iterator[Reference]:
    tls = spec.get("tls") or {}
    if tls.get("secretName"):
        yield from _secret(tls["secretName"], *CERTIFICATE_KEYS)
    if tls.get("caSecretName"):
        yield from _secret(tls["caSecretName"], "ca.crt")


def _of_user(spec: Document) -> Iterator[Reference]:
    if spec.get("importCredentialsSecret"):
        yield from _secret(spec["importCredentialsSecret"]["name"], *LOGIN_KEYS)


def _of_login(spec: Document) -> Iterator[Reference]:
    return (("Secret", found["name"], found["key"]) for found in spec.get("secretTargetRef") or ())


def _of_gateway(spec: Document) -> Iterator[Reference]:
    for listener in spec["listeners"]:
        for found in (listener.get("tls") or {}).get("certificateRefs") or ():
            yield from _secret(found["name"], *CERTIFICATE_KEYS)


def _of_ingress(spec: Document) -> Iterator[Reference]:
    for found in spec.get("tls") or ():
        yield from _secret(found["secretName"], *CERTIFICATE_KEYS)


def _of_pod_monitor(spec: Document) -> Iterator[Reference]:
    for endpoint in spec["podMetricsEndpoints"]:
        found = ((endpoint.get("tlsConfig") or {}).get("ca") or {}).get("secret")
        if found:
            yield "Secret", found["name"], found["key"]


_BY_KIND: Mapping[str, Callable[[Document], Iterator[Reference]]] = {
    "Cluster": _of_database,
    "ObjectStore": _of_object_store,
    "RabbitmqCluster": _of_broker,
    "User": _of_user,
    "TriggerAuthentication": _of_login,
    "Gateway": _of_gateway,
    "Ingress": _of_ingress,
    "PodMonitor": _of_pod_monitor,
}
