"""The operators' place in a cluster: a pod on demand, with a place to work and what its commands need."""

from collections.abc import Sequence

from shared.runtime.service.service import Service
from tools.k8s_check.databases import DATABASE_CA_FOLDER, certificate_secret
from tools.k8s_check.documents import Document

NAME = "operations"
OPEN_S = 4 * 3_600
"""How long a pod that somebody asked for stays; it ends by itself."""
KEPT_S = 3_600
LABELS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": NAME}
NEVER = "0 0 1 1 *"
"""A schedule is demanded; a suspended CronJob follows none."""


def cron_job(services: Sequence[Service]) -> list[Document]:
    """A suspended CronJob: `kubectl create job NAME --from=cronjob/operations` opens a pod to work in."""
    return [
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": NAME, "labels": LABELS},
            "spec": {
                "schedule": NEVER,
                "suspend": True,
                "concurrencyPolicy": "Allow",
                "jobTemplate": {
                    "metadata": {"labels": LABELS},
                    "spec": {
                        # A pod that was lost took its place of work with it: whoever works there asks for another.
                        "backoffLimit": 0,
                        "activeDeadlineSeconds": OPEN_S,
                        "ttlSecondsAfterFinished": KEPT_S,
                        "template": {"metadata": {"labels": LABELS}, "spec": _pod(services)},
                    },
                },
            },
        }
    ]


def _pod(services: Sequence[Service]) -> Document:
    folders = {"tmp": ("/tmp", "256Mi"), "backups": ("/backups", "20Gi")}  # noqa: S108 - in the container
    return {
        "restartPolicy": "Never",
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # It waits in a sleep that hears no signal.
        "terminationGracePeriodSeconds": 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": NAME,
                "image": f"yunquan/{NAME}:version",
                "imagePullPolicy": "IfNotPresent",
                "command": ["sleep", str(OPEN_S)],
                "env": [
                    {"name": f"{service.name}_url".upper(), "value": f"http://{service.name}:8000"}
                    for service in services
                ],
                "envFrom": [{"secretRef": {"name": NAME}}],
                "resources": {
                    "requests": {"cpu": "100m", "memory": "256Mi"},
                    "limits": {"cpu": "1", "memory": "1Gi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [{"name": name, "mountPath": path} for name, (path, _) in folders.items()],
            }
        ],
        "volumes": [{"name": name, "emptyDir": {"sizeLimit": size}} for name, (_, size) in folders.items()],
    }


def certificates(services: Sequence[Service]) -> list[list[Document]]:
    """A patch: the authority of every database, by which its URL has the server checked."""
    pod = "/spec/jobTemplate/spec/template/spec"
    sources = [
        {
            "secret": {
                "name": certificate_secret(service.name),
                "items": [{"key": "ca.crt", "path": f"{service.name}.crt"}],
            }
        }
        for service in services
    ]
    volume = {"name": "database-certificates", "projected": {"sources": sources}}
    mount = {"name": "database-certificates", "mountPath": DATABASE_CA_FOLDER, "readOnly": True}
    return [
        [
            {"op": "add", "path": f"{pod}/volumes/-", "value": volume},
            {"op": "add", "path": f"{pod}/containers/0/volumeMounts/-", "value": mount},
        ]
    ]
