"""A CloudNativePG cluster for each service, its roles, its backups, and who may reach it."""

from collections.abc import Sequence
from typing import Any

from shared.runtime.database.row_security import tenant_role
from shared.runtime.service.service import Service
from tools.k8s_check.documents import Document
from tools.k8s_check.sizes import volume_gi

API = "postgresql.cnpg.io/v1"
BACKUP_SECRET = "backup-object-store"  # noqa: S105 - a name
BACKUPS = "backups"
"""The place in the site's object store; each cluster archives below it under its own name."""
BARMAN = "barman-cloud.cloudnative-pg.io"
"""The plug-in that archives and restores; what CloudNativePG brought itself for this is gone since 1.31."""
DATABASE_CA_FOLDER = "/etc/yunquan/databases"
"""Where an operator's pod has the authority of each database, as <service>.crt."""
BACKUP_HOUR_UTC = 18
"""02:00 in Beijing."""
BACKUP_EVERY_MINUTES = 10
"""Between the backups of two services, so that they do not all read their disks at once."""


OPERATORS: Document = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "operations"}}}
"""The pods of the command line; their URLs are those of the role that owns."""


def cluster_name(service: str) -> str:
    """The database cluster of a service."""
    return f"{service}-db"


def owner_role(service: str) -> str:
    """The role that owns and migrates; the service itself runs as the role of its own name."""
    return f"{service}_owner"


def owner_secret(service: str) -> str:
    """The Secret with the owner's name and password."""
    return f"{service}-db-owner"


def runtime_secret(service: str) -> str:
    """The Secret with the name and password of the role that the service runs as."""
    return f"{service}-db-runtime"


def certificate_secret(service: str) -> str:
    """The Secret that CloudNativePG makes, with the authority of a cluster's certificate."""
    return f"{cluster_name(service)}-ca"


def database_objects(services: Sequence[Service]) -> list[Document]:
    """The place of backups, clusters, schedules of backups and network policies."""
    found = [_object_store(), _operators_policy(services)]
    for number, service in enumerate(services):
        found += [_cluster(service.name), _schedule(service.name, number), *_policies(service.name)]
    return found


def _cluster(service: str) -> Document:
    name = cluster_name(service)
    return {
        "apiVersion": API,
        "kind": "Cluster",
        "metadata": {"name": name},
        "spec": {
            "instances": 3,
            # Overlays name the image and the storage of the site.
            "imageName": "postgresql:version",
            "bootstrap": {"initdb": _initdb(service)},
            # What the roles may do is granted by the migration; here the service's gets its password.
            "managed": {"roles": _roles(service)},
            "enableSuperuserAccess": False,
            # A commit is acknowledged when two machines have it; money that was answered for is not lost with one.
            "postgresql": {
                "parameters": {"max_connections": "120", "jit": "off"},
                "synchronous": {"method": "any", "number": 1, "dataDurability": "required"},
            },
            "affinity": {"enablePodAntiAffinity": True, "podAntiAffinityType": "preferred"},
            "enablePDB": True,
            "storage": {"size": f"{volume_gi(service)}Gi", "storageClass": "site"},
            "walStorage": {"size": "5Gi", "storageClass": "site"},
            "resources": {
                "requests": {"cpu": "500m", "memory": "1Gi"},
                "limits": {"cpu": "2", "memory": "1Gi"},
            },
            "backup": {"target": "prefer-standby"},
            "plugins": [{"name": BARMAN, "isWALArchiver": True, "parameters": {"barmanObjectName": BACKUPS}}],
        },
    }


def _roles(service: str) -> list[Document]:
    """The role that the service runs as, and the one it takes for the views of a party (ADR 0024).

    No policy binds the first, for PostgreSQL would refuse its COPY; nor does it inherit what the second may do.
    """
    runs = {"name": service, "ensure": "present", "login": True, "connectionLimit": 100}
    runs |= {"bypassrls": True, "inherit": False, "inRoles": [tenant_role(service)]}
    return [
        {"name": tenant_role(service), "ensure": "present", "login": False},
        runs | {"passwordSecret": {"name": runtime_secret(service)}},
    ]


def _initdb(service: str) -> dict[str, Any]:
    return {
        "database": service,
        "owner": owner_role(service),
        "secret": {"name": owner_secret(service)},
        "dataChecksums": True,
        "encoding": "UTF8",
        "localeCollate": "C.UTF-8",
        "localeCType": "C.UTF-8",
        "postInitSQL": [
            # As the managed roles say, so that the first migration finds them.
            f'CREATE ROLE "{service}" LOGIN NOINHERIT BYPASSRLS',
            f'CREATE ROLE "{tenant_role(service)}"',
            f'GRANT "{tenant_role(service)}" TO "{service}" WITH INHERIT FALSE, SET TRUE',
            "REVOKE ALL ON DATABASE postgres FROM PUBLIC",
            "REVOKE ALL ON DATABASE template1 FROM PUBLIC",
        ],
        "postInitApplicationSQL": [
            f'REVOKE ALL ON DATABASE "{service}" FROM PUBLIC',
            f'GRANT CONNECT ON DATABASE "{service}" TO "{owner_role(service)}", "{service}"',
        ],
    }


def _object_store() -> Document:
    return {
        "apiVersion": "barmancloud.cnpg.io/v1",
        "kind": "ObjectStore",
        "metadata": {"name": BACKUPS},
        "spec": {
            "retentionPolicy": "90d",
            "configuration": {
                "destinationPath": "s3://site/",
                "endpointURL": "https://site",
                "s3Credentials": {
                    "accessKeyId": {"name": BACKUP_SECRET, "key": "ACCESS_KEY_ID"},
                    "secretAccessKey": {"name": BACKUP_SECRET, "key": "SECRET_ACCESS_KEY"},
                },
                "wal": {"compression": "gzip"},
                "data": {"compression": "gzip"},
            },
            # The plug-in runs beside PostgreSQL in each instance.
            "instanceSidecarConfiguration": {
                "resources": {
                    "requests": {"cpu": "50m", "memory": "128Mi"},
                    "limits": {"cpu": "1", "memory": "512Mi"},
                }
            },
        },
    }


def _operators_policy(services: Sequence[Service]) -> Document:
    databases = [{"podSelector": {"matchLabels": {"cnpg.io/cluster": cluster_name(one.name)}}} for one in services]
    return policy("operations-to-db", OPERATORS["podSelector"], egress=[{"to": databases, "ports": tcp(5432)}])


def _schedule(service: str, number: int) -> Document:
    return {
        "apiVersion": API,
        "kind": "ScheduledBackup",
        "metadata": {"name": cluster_name(service)},
        "spec": {
            # Seconds first; the operator's clock is UTC.
            "schedule": f"0 {number * BACKUP_EVERY_MINUTES % 60} {BACKUP_HOUR_UTC} * * *",
            "immediate": True,
            "backupOwnerReference": "self",
            "method": "plugin",
            "pluginConfiguration": {"name": BARMAN},
            "cluster": {"name": cluster_name(service)},
        },
    }


def _policies(service: str) -> list[Document]:
    name = cluster_name(service)
    pods = {"podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "yunquan", "app.kubernetes.io/name": service}}}
    itself = {"podSelector": {"matchLabels": {"cnpg.io/cluster": name}}}
    return [
        policy(f"{service}-to-db", pods["podSelector"], egress=[{"to": [itself], "ports": tcp(5432)}]),
        policy(
            name,
            itself["podSelector"],
            ingress=[
                {"from": [pods, OPERATORS], "ports": tcp(5432)},
                {"from": [itself], "ports": tcp(5432, 8000)},
                {"from": [namespace("yunquan/operators")], "ports": tcp(8000)},
                {"from": [namespace("yunquan/monitoring")], "ports": tcp(9187)},
            ],
            egress=[
                {"to": [itself], "ports": tcp(5432, 8000)},
                # The instance manager asks the API server; no selector can name it. The address is the site's.
                {"to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}], "ports": tcp(443, 6443)},
                {"to": [{"ipBlock": {"cidr": "192.0.2.2/32"}}], "ports": tcp(443)},
            ],
        ),
    ]


def policy(
    name: str, selector: Document, *, ingress: list[Document] | None = None, egress: list[Document] | None = None
) -> Document:
    """A NetworkPolicy of the directions that are given."""
    kinds = [kind for kind, rules in (("Ingress", ingress), ("Egress", egress)) if rules is not None]
    spec: Document = {"podSelector": selector, "policyTypes": kinds}
    if ingress is not None:
        spec["ingress"] = ingress
    if egress is not None:
        spec["egress"] = egress
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }


def tcp(*ports: int) -> list[Document]:
    """TCP ports of a rule."""
    return [{"protocol": "TCP", "port": port} for port in ports]


def namespace(label: str) -> Document:
    """Namespaces that the platform team labelled so."""
    return {"namespaceSelector": {"matchLabels": {label: "true"}}}
