"""Secrets: from the site's store in staging and production, made here at random for development.

    python -m tools.k8s_check.secrets

writes `overlays/development/secrets.yaml`, which git ignores. What is in the file already keeps its value, so the
command may be run again when a service was added.
"""

import base64
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import SecretStr

from embedded.platform import SERVICES
from shared.documents.settings import DocumentSettings, SealingSettings
from shared.runtime.service.service import Service
from tools.k8s_check.broker import SCALER, broker_user_secret
from tools.k8s_check.databases import (
    BACKUP_SECRET,
    DATABASE_CA_FOLDER,
    cluster_name,
    owner_role,
    owner_secret,
    runtime_secret,
)
from tools.k8s_check.documents import MANIFESTS, Document, dump_all, load_all

NAMESPACE = "yunquan"
STORE = "yunquan"
REFRESH = "1h"
KEY_BYTES = 32
BROKER_CA_FILE = "/etc/yunquan/broker/ca.crt"
DEVELOPMENT_FILE = MANIFESTS / "overlays" / "development" / "secrets.yaml"
GIVEN_BY_URL = frozenset({"database_url", "bus_url"})
OPERATIONS = "operations"
SEALS = "identity"
"""The service whose own settings the operators have too: a new signing key is sealed with them."""
SEALING = ("encryption_kid", "former_encryption_keys")
BUCKET = ("s3_access_key_id", "s3_secret_access_key")


def secret_fields(service: Service, *, bucket: bool) -> list[str]:
    """The settings of a service that are secret, or change together with one, the two URLs left out."""
    fields = service.settings.model_fields
    found = [
        name
        for name, field in fields.items()
        if field.annotation is SecretStr and field.is_required() and name not in GIVEN_BY_URL
    ]
    if issubclass(service.settings, SealingSettings):
        found += SEALING
    if bucket and issubclass(service.settings, DocumentSettings):
        found += BUCKET
    return found


def variable(service: str, field: str) -> str:
    """The environment variable of a setting."""
    return f"{service}_{field}".upper()


def external_secrets(services: Sequence[Service]) -> list[Document]:
    """One object for each Secret that the manifests refer to."""
    found: list[Document] = []
    for service in services:
        found += _of_service(service)
    scaler = {
        "username": SCALER,
        "password": "{{ .password }}",
        "host": f"amqps://{SCALER}:{{{{ .password | urlquery }}}}@broker.{NAMESPACE}.svc:5671/",
        "tls": "enable",
    }
    found += [
        _external(broker_user_secret(SCALER), SCALER, ["password"], scaler),
        _external("broker-tls", "broker-tls", ["tls.crt", "tls.key", "ca.crt"], None, kind="kubernetes.io/tls"),
        _external("gateway-tls", "gateway-tls", ["tls.crt", "tls.key"], None, kind="kubernetes.io/tls"),
        _external(BACKUP_SECRET, BACKUP_SECRET, ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY"], None),
        _of_operators(services),
    ]
    return found


def _of_operators(services: Sequence[Service]) -> Document:
    """The databases with the role that owns, each service's own way to the broker, and what seals a signing key."""
    values: dict[str, str] = {}
    read: list[Document] = []
    for service in services:
        name = service.name
        checked = f"?sslmode=verify-full&sslrootcert={DATABASE_CA_FOLDER}/{name}.crt"
        own = secret_fields(service, bucket=False) if name == SEALS else []
        given = {field: f"{name}_{field}" for field in ("migration_password", "broker_password", *own)}
        account = f"{owner_role(name)}:{{{{ .{given['migration_password']} | urlquery }}}}"
        values[variable(name, "database_url")] = f"postgresql://{account}@{_host(name)}{checked}"
        values[variable(name, "bus_url")] = _bus_url(name, given["broker_password"])
        values |= {variable(name, field): f"{{{{ .{given[field]} }}}}" for field in own}
        read += [
            {"secretKey": key, "remoteRef": {"key": f"{NAMESPACE}/{name}", "property": found}}
            for found, key in given.items()
        ]
    found = _external(OPERATIONS, OPERATIONS, [], values)
    found["spec"]["data"] = read
    return found


def _host(service: str) -> str:
    return f"{cluster_name(service)}-rw:5432/{service}"


def _bus_url(service: str, given: str) -> str:
    return f"amqps://{service}:{{{{ .{given} | urlquery }}}}@broker:5671/?cafile={BROKER_CA_FILE}"


def _of_service(service: Service) -> list[Document]:
    name = service.name
    fields = secret_fields(service, bucket=True)
    host = _host(name)
    settings = {
        variable(name, "database_url"): f"postgresql://{name}:{{{{ .database_password | urlquery }}}}@{host}",
        variable(name, "bus_url"): _bus_url(name, "broker_password"),
        **{variable(name, field): f"{{{{ .{field} }}}}" for field in fields},
    }
    migration = {
        variable(name, "database_url"): (
            f"postgresql://{owner_role(name)}:{{{{ .migration_password | urlquery }}}}@{host}"
        )
    }
    basic = "kubernetes.io/basic-auth"
    return [
        _external(name, name, ["database_password", "broker_password", *fields], settings),
        _external(f"{name}-migration", name, ["migration_password"], migration),
        _login(runtime_secret(name), name, user=name, given="database_password", kind=basic),
        _login(owner_secret(name), name, user=owner_role(name), given="migration_password", kind=basic),
        _login(broker_user_secret(name), name, user=name, given="broker_password", kind="Opaque"),
    ]


def _login(name: str, entry: str, *, user: str, given: str, kind: str) -> Document:
    values = {"username": user, "password": f"{{{{ .{given} }}}}"}
    return _external(name, entry, [given], values, kind=kind)


def _external(
    name: str, entry: str, properties: Sequence[str], values: Mapping[str, str] | None, *, kind: str = "Opaque"
) -> Document:
    """A Secret from the properties of one entry of the store; `values` are templates over them."""
    # Without templates the keys of the Secret are the properties themselves, which may hold a full stop.
    template: Document = {"engineVersion": "v2", "type": kind}
    if values is not None:
        template["data"] = dict(values)
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": name},
        "spec": {
            "refreshInterval": REFRESH,
            "secretStoreRef": {"kind": "SecretStore", "name": STORE},
            "target": {"name": name, "creationPolicy": "Owner", "deletionPolicy": "Retain", "template": template},
            "data": [
                {"secretKey": found, "remoteRef": {"key": f"{NAMESPACE}/{entry}", "property": found}}
                for found in properties
            ],
        },
    }


class Passwords:
    """Passwords by name: those of the file that is there, and new ones."""

    def __init__(self, kept: Mapping[str, str]) -> None:
        self._values = dict(kept)

    def get(self, name: str) -> str:
        """The password of this name; 32 random bytes in base64 when it is new."""
        if name not in self._values:
            self._values[name] = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        return self._values[name]

    def plain(self, name: str) -> str:
        """As `get`, of letters and digits only, so that it stands in a URL as it is."""
        if name not in self._values:
            self._values[name] = secrets.token_hex(KEY_BYTES)
        return self._values[name]

    def values(self) -> dict[str, str]:
        """Everything asked for so far and before."""
        return dict(self._values)


def development_secrets(services: Sequence[Service], kept: Mapping[str, str]) -> list[Document]:
    """Plain Secrets for the StatefulSets of the development overlay; the last one keeps all passwords."""
    passwords = Passwords(kept)
    admin, root = passwords.plain("broker.admin"), passwords.plain("database.admin")
    database_setup = {"DATABASE_ADMIN_URL": f"postgresql://postgres:{root}@database:5432/postgres"}
    broker_setup = {"BUS_URL": f"amqp://admin:{admin}@broker:5672/"}
    operators: dict[str, str] = {}
    found = [
        _secret("database-admin", {"POSTGRES_PASSWORD": root}),
        _secret(
            "broker-admin",
            {
                "RABBITMQ_DEFAULT_USER": "admin",
                "RABBITMQ_DEFAULT_PASS": admin,
                "RABBITMQ_ERLANG_COOKIE": passwords.plain("broker.cookie"),
            },
        ),
    ]
    for service in services:
        name = service.name
        database = f"database:5432/{name}"
        runtime = f"postgresql://{name}:{passwords.plain(f'{name}.database')}@{database}"
        owner = f"postgresql://{owner_role(name)}:{passwords.plain(f'{name}.migration')}@{database}"
        bus = f"amqp://{name}:{passwords.plain(f'{name}.broker')}@broker:5672/"
        urls = {variable(name, "database_url"): runtime, variable(name, "bus_url"): bus}
        made = {"encryption_kid": "1", "former_encryption_keys": ""}
        own = {
            variable(name, field): made[field] if field in made else passwords.get(f"{name}.{field}")
            for field in secret_fields(service, bucket=False)
        }
        found += [
            _secret(name, {**urls, **own}),
            _secret(f"{name}-migration", {variable(name, "database_url"): owner}),
        ]
        database_setup |= {
            variable(name, "database_url"): runtime,
            variable(name, "migration_database_url"): owner,
        }
        broker_setup[variable(name, "bus_url")] = bus
        operators |= {variable(name, "database_url"): owner, variable(name, "bus_url"): bus}
        operators |= own if name == SEALS else {}
    return [
        *found,
        _secret("database-setup", database_setup),
        _secret("broker-setup", broker_setup),
        _secret(OPERATIONS, operators),
        # Read by the next run of this command, never sent to a cluster.
        _secret("kept", passwords.values()) | {"metadata": _kept_metadata()},
    ]


def _kept_metadata() -> Document:
    return {"name": "kept", "annotations": {"config.kubernetes.io/local-config": "true"}}


def _secret(name: str, values: Mapping[str, str]) -> Document:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque"} | {
        "stringData": dict(values)
    }


def write_development_secrets(file: Path = DEVELOPMENT_FILE) -> None:
    """Write the file, readable by its owner only; values that are there already stay."""
    before = load_all(file.read_text(encoding="utf-8")) if file.is_file() else []
    kept: dict[str, str] = next((found["stringData"] for found in before if found["metadata"]["name"] == "kept"), {})
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(dump_all(development_secrets(SERVICES, kept)), encoding="utf-8")
    fresh.replace(file)


def main() -> int:
    """`python -m tools.k8s_check.secrets [file]`."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else DEVELOPMENT_FILE
    write_development_secrets(file)
    print(f"secrets for development in {file}; nobody else may read them, and git ignores them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
