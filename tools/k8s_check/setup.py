"""The release, and the jobs that do in development what operators do elsewhere: databases and roles, the broker."""

import tomllib
from collections.abc import Sequence

from shared.runtime.service.service import Service
from tools.k8s_check.documents import CHECKOUT, Document

SUFFIX_OF_A_FULL_STOP = "-"


def version() -> str:
    """The version of the release, from pyproject.toml."""
    found: str = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return found


def suffix() -> str:
    """The version as part of a name: a DNS label holds no full stop."""
    return version().replace(".", SUFFIX_OF_A_FULL_STOP)


def release() -> list[Document]:
    """What components/release reads; it is never sent to a cluster."""
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "release", "annotations": {"config.kubernetes.io/local-config": "true"}},
            "data": {"version": version(), "suffix": suffix()},
        }
    ]


def setup_jobs(services: Sequence[Service]) -> list[Document]:
    """A job that makes databases and roles, and one that declares what must be on the broker."""
    names = [service.name for service in services]
    modules = [f"services.{name}.service" for name in names]
    return [
        _job("database", ["shared.runtime.grants", *names]),
        _job("broker", ["shared.runtime.bus.declare", "--users", *modules]),
    ]


def _job(target: str, arguments: Sequence[str]) -> Document:
    labels = {
        "app.kubernetes.io/part-of": "yunquan",
        "app.kubernetes.io/name": f"{target}-setup",
        "app.kubernetes.io/component": "setup",
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"{target}-setup-{suffix()}", "labels": labels},
        "spec": {
            "backoffLimit": 10,
            "activeDeadlineSeconds": 1800,
            "podReplacementPolicy": "Failed",
            "template": {"metadata": {"labels": labels}, "spec": _pod(target, arguments)},
        },
    }


def _pod(target: str, arguments: Sequence[str]) -> Document:
    return {
        "restartPolicy": "Never",
        "serviceAccountName": "setup",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "setup",
                "image": f"yunquan/operations:{version()}",
                "imagePullPolicy": "IfNotPresent",
                "command": ["python", "-m"],
                "args": list(arguments),
                "envFrom": [{"secretRef": {"name": f"{target}-setup"}}],
                "resources": {
                    "requests": {"cpu": "100m", "memory": "192Mi"},
                    "limits": {"cpu": "1", "memory": "512Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - in the container
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
    }
