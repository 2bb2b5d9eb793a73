"""The base of each service: the common parts under its own name, and its line in the list of the base."""

from collections.abc import Sequence

from embedded.components import listed
from shared.runtime.service.service import Service
from tools.k8s_check.documents import MANIFESTS

LIST = """# The platform without its surroundings; an overlay adds database, broker, secrets and the way in.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
labels:
  - pairs: {app.kubernetes.io/part-of: yunquan}
    includeTemplates: true
resources:
  - network.yaml
  # One line for each component.
RESOURCES
components:
  - ../components/release
"""
SERVICE = """# The NAME service: the common parts under its own name.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../parts/service
labels:
  - pairs: {app.kubernetes.io/name: NAME}
    includeSelectors: true
    includeTemplates: true
configMapGenerator:
  - name: NAME-settings
    literals:
      - PREFIX_HOST=0.0.0.0
patches:
  - target: {name: component}
    options: {allowNameChange: true}
    patch: |-
      - {op: replace, path: /metadata/name, value: NAME}
  - target: {kind: Deployment}
    patch: |-
      - {op: replace, path: /spec/template/spec/serviceAccountName, value: NAME}
      - {op: replace, path: /spec/template/spec/containers/0/image, value: "yunquan/NAME:version"}
      - {op: replace, path: /spec/template/spec/containers/0/env/0/name, value: PREFIX_INSTANCE}
      - {op: replace, path: /spec/template/spec/containers/0/envFrom/0/configMapRef/name, value: NAME-settings}
      - {op: replace, path: /spec/template/spec/containers/0/envFrom/1/secretRef/name, value: NAME}
      - {op: replace, path: /spec/template/spec/initContainers/0/image, value: "yunquan/NAME:version"}
      - {op: replace, path: /spec/template/spec/initContainers/0/args/0, value: NAME}
      - {op: replace, path: /spec/template/spec/initContainers/0/envFrom/0/secretRef/name, value: NAME}
      - {op: replace, path: /spec/template/spec/volumes/1/secret/secretName, value: NAME-db-ca}
  - target: {kind: Job}
    options: {allowNameChange: true}
    patch: |-
      - {op: replace, path: /metadata/name, value: NAME-migrate-version}
      - {op: replace, path: /spec/template/spec/serviceAccountName, value: NAME}
      - {op: replace, path: /spec/template/spec/containers/0/image, value: "yunquan/NAME:version"}
      - {op: replace, path: /spec/template/spec/containers/0/args/0, value: NAME}
      - {op: replace, path: /spec/template/spec/containers/0/envFrom/0/secretRef/name, value: NAME-migration}
      - {op: replace, path: /spec/template/spec/volumes/1/secret/secretName, value: NAME-db-ca}
  - target: {kind: CronJob}
    options: {allowNameChange: true}
    patch: |-
      - {op: replace, path: /metadata/name, value: NAME-partitions}
      - {op: replace, path: /spec/jobTemplate/spec/template/spec/serviceAccountName, value: NAME}
      - {op: replace, path: /spec/jobTemplate/spec/template/spec/containers/0/image, value: "yunquan/NAME:version"}
      - {op: replace, path: /spec/jobTemplate/spec/template/spec/containers/0/args/0, value: NAME}
      - op: replace
        path: /spec/jobTemplate/spec/template/spec/containers/0/envFrom/0/secretRef/name
        value: NAME-migration
      - {op: replace, path: /spec/jobTemplate/spec/template/spec/volumes/1/secret/secretName, value: NAME-db-ca}
"""


def base_list(services: Sequence[Service]) -> str:
    """The kustomization of the base: a line for each service, and for each other component that has a folder here."""
    own = {service.name for service in services}
    others = {name for name in listed() if (MANIFESTS / "base" / name / "kustomization.yaml").is_file()}
    names = sorted(own | others)
    return LIST.replace("RESOURCES", "\n".join(f"  - {name}" for name in names))


def service_base(service: Service) -> str:
    """The kustomization of one service."""
    return SERVICE.replace("PREFIX", service.name.upper()).replace("NAME", service.name)
