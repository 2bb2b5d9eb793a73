"""Each rule has an error planted into good manifests that turns it red."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tools.k8s_check.documents import Document, Rendered, name_of
from tools.k8s_check.rules import RULES, Rule, network, operators, references, scaling, settings, workloads

Change = Callable[[Document], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A change of one object, or of the list of objects when no kind is named, and the rule that must notice."""

    rule: Rule
    kind: str = "Deployment"
    name: str = "order"
    change: Change
    overlay: str = "production"


def _pod(document: Document) -> Any:
    return document["spec"]["template"]["spec"]


def _container(document: Document) -> Any:
    return _pod(document)["containers"][0]


def _remove(document: Document) -> None:
    document["kind"] = "Removed"


PLANTED = {
    "an image called latest": Planted(
        rule=workloads.images_are_pinned, change=lambda d: _container(d).update(image="yunquan/order:latest")
    ),
    "an image without a tag": Planted(
        rule=workloads.images_are_pinned, change=lambda d: _container(d).update(image="registry:5000/yunquan/order")
    ),
    "an image of another release": Planted(
        rule=workloads.images_are_pinned, change=lambda d: _container(d).update(image="yunquan/order:0.0.9")
    ),
    "a moving image of the database": Planted(
        rule=workloads.images_are_pinned,
        kind="Cluster",
        name="order-db",
        change=lambda d: d["spec"].update(imageName="postgresql:latest"),
    ),
    "a host that was never filled in": Planted(
        rule=workloads.nothing_is_left_to_fill_in,
        kind="Gateway",
        name="yunquan",
        change=lambda d: d["spec"]["listeners"][0].update(hostname="site.invalid"),
    ),
    "no limit of memory": Planted(
        rule=workloads.limits_are_set, change=lambda d: _container(d)["resources"]["limits"].pop("memory")
    ),
    "a database without limits": Planted(
        rule=workloads.limits_are_set,
        kind="Cluster",
        name="order-db",
        change=lambda d: d["spec"].pop("resources"),
    ),
    "a pod that may be root": Planted(
        rule=workloads.pods_are_restricted, change=lambda d: _pod(d)["securityContext"].pop("runAsNonRoot")
    ),
    "a container that is root": Planted(
        rule=workloads.pods_are_restricted, change=lambda d: _container(d)["securityContext"].update(runAsUser=0)
    ),
    "a writable root file system": Planted(
        rule=workloads.pods_are_restricted,
        change=lambda d: _container(d)["securityContext"].update(readOnlyRootFilesystem=False),
    ),
    "a capability": Planted(
        rule=workloads.pods_are_restricted,
        change=lambda d: _container(d)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
    ),
    "a container that runs before as root": Planted(
        rule=workloads.pods_are_restricted,
        change=lambda d: _pod(d)["initContainers"][0].pop("securityContext"),
    ),
    "a token": Planted(
        rule=workloads.pods_have_no_token, change=lambda d: _pod(d).update(automountServiceAccountToken=True)
    ),
    "an account that is not there": Planted(
        rule=workloads.pods_have_no_token, change=lambda d: _pod(d).update(serviceAccountName="default")
    ),
    "no readiness probe": Planted(
        rule=workloads.probes_are_there, change=lambda d: _container(d).pop("readinessProbe")
    ),
    "a readiness probe that asks for life": Planted(
        rule=workloads.probes_are_there,
        change=lambda d: _container(d)["readinessProbe"]["httpGet"].update(path="/health/live"),
    ),
    "a database without probes": Planted(
        rule=workloads.probes_are_there,
        overlay="development",
        kind="StatefulSet",
        name="database",
        change=lambda d: _container(d).pop("livenessProbe"),
    ),
    "no preStop": Planted(rule=workloads.pods_drain, change=lambda d: _container(d).pop("lifecycle")),
    "less grace than the longest request": Planted(
        rule=workloads.pods_drain, change=lambda d: _pod(d).update(terminationGracePeriodSeconds=30)
    ),
    "an update that takes pods away first": Planted(
        rule=workloads.nothing_is_taken_away_first,
        change=lambda d: d["spec"]["strategy"]["rollingUpdate"].update(maxUnavailable=1),
    ),
    "a budget that says both": Planted(
        rule=workloads.disruption_is_bounded,
        kind="PodDisruptionBudget",
        change=lambda d: d["spec"].update(minAvailable=1),
    ),
    "a Deployment without a budget": Planted(
        rule=workloads.disruption_is_bounded, kind="PodDisruptionBudget", change=_remove
    ),
    "a broker without a budget": Planted(
        rule=workloads.disruption_is_bounded, kind="PodDisruptionBudget", name="broker", change=_remove
    ),
    "replicas that are not spread": Planted(
        rule=workloads.replicas_are_spread, change=lambda d: _pod(d)["topologySpreadConstraints"].pop()
    ),
    "pods spread among those of somebody else": Planted(
        rule=workloads.replicas_are_spread,
        change=lambda d: _pod(d)["topologySpreadConstraints"][0]["labelSelector"].update(matchLabels={"a": "b"}),
    ),
    "pods that do not wait for their schema": Planted(
        rule=workloads.pods_wait_for_their_schema, change=lambda d: _pod(d).pop("initContainers")
    ),
    "a migration without a version": Planted(
        rule=workloads.pods_wait_for_their_schema,
        kind="Job",
        name="order-migrate-0-1-0",
        change=lambda d: d["metadata"].update(name="order-migrate"),
    ),
    "a namespace that allows everything": Planted(
        rule=workloads.namespaces_are_restricted,
        kind="Namespace",
        name="yunquan",
        change=lambda d: d["metadata"].pop("labels"),
    ),
    "an object in another namespace": Planted(
        rule=workloads.namespaces_are_restricted, change=lambda d: d["metadata"].update(namespace="default")
    ),
    "a name that is no DNS label": Planted(
        rule=references.names_are_valid, kind="Service", change=lambda d: d["metadata"].update(name="Order_1")
    ),
    "a Service that begins with a digit": Planted(
        rule=references.names_are_valid, kind="Service", change=lambda d: d["metadata"].update(name="1order")
    ),
    "two objects of one name": Planted(
        rule=references.names_are_valid, kind="Service", change=lambda d: d["metadata"].update(name="voucher")
    ),
    "a Secret that nothing brings": Planted(rule=references.references_resolve, kind="ExternalSecret", change=_remove),
    "a Secret without the key that is wanted": Planted(
        rule=references.references_resolve,
        kind="ExternalSecret",
        name="broker-tls",
        change=lambda d: d["spec"]["data"].pop(),
    ),
    "settings that nothing brings": Planted(
        rule=references.references_resolve,
        change=lambda d: _container(d)["envFrom"][0]["configMapRef"].update(name="nowhere"),
    ),
    "a claim that is not there": Planted(
        rule=references.references_resolve,
        overlay="development",
        kind="PersistentVolumeClaim",
        name="identity-files",
        change=_remove,
    ),
    "a Service for no pod": Planted(
        rule=references.services_have_pods, kind="Service", change=lambda d: d["spec"].update(selector={"a": "b"})
    ),
    "a Service that also selects the migration": Planted(
        rule=references.services_have_pods,
        kind="Service",
        change=lambda d: d["spec"]["selector"].pop("app.kubernetes.io/component"),
    ),
    "a port of no container": Planted(
        rule=references.services_have_pods,
        kind="Service",
        change=lambda d: d["spec"]["ports"][0].update(targetPort="web"),
    ),
    "a route to a port that is not there": Planted(
        rule=references.routes_lead_somewhere,
        kind="HTTPRoute",
        change=lambda d: d["spec"]["rules"][0]["backendRefs"][0].update(port=80),
    ),
    "a route of no listener": Planted(
        rule=references.routes_lead_somewhere,
        kind="HTTPRoute",
        change=lambda d: d["spec"]["parentRefs"][0].update(sectionName="tls"),
    ),
    "an Ingress to a port name that is not there": Planted(
        rule=references.routes_lead_somewhere,
        overlay="development",
        kind="Service",
        change=lambda d: d["spec"]["ports"][0].update(name="web"),
    ),
    "a component without a way in": Planted(
        rule=references.every_component_has_a_way_in, kind="HTTPRoute", change=_remove
    ),
    "a binding of a queue that is not there": Planted(
        rule=references.broker_objects_fit, kind="Queue", name="order-commands", change=_remove
    ),
    "a permission of no user": Planted(rule=references.broker_objects_fit, kind="User", change=_remove),
    "a database without a backup": Planted(
        rule=references.backups_have_a_cluster, kind="ScheduledBackup", name="order-db", change=_remove
    ),
    "a scaler of nothing": Planted(
        rule=scaling.scalers_have_a_target,
        kind="ScaledObject",
        change=lambda d: d["spec"]["scaleTargetRef"].update(name="orders"),
    ),
    "a scaler of a queue that is not there": Planted(
        rule=scaling.scalers_have_a_target,
        kind="ScaledObject",
        change=lambda d: d["spec"]["triggers"][0]["metadata"].update(queueName="order.command"),
    ),
    "replicas beside a scaler": Planted(
        rule=scaling.scalers_have_a_target, change=lambda d: d["spec"].update(replicas=2)
    ),
    "a monitor of a port that is not there": Planted(
        rule=scaling.monitors_find_something,
        kind="ServiceMonitor",
        name="yunquan",
        change=lambda d: d["spec"]["endpoints"][0].update(port="metrics"),
    ),
    "a monitor of no pod": Planted(
        rule=scaling.monitors_find_something,
        kind="PodMonitor",
        name="broker",
        change=lambda d: d["spec"]["selector"]["matchLabels"].update({"app.kubernetes.io/name": "rabbit"}),
    ),
    "a Service that nobody scrapes": Planted(
        rule=scaling.every_component_is_scraped,
        kind="Service",
        change=lambda d: d["metadata"]["labels"].pop("app.kubernetes.io/part-of"),
    ),
    "a required setting that is missing": Planted(
        rule=settings.processes_get_their_settings,
        kind="ExternalSecret",
        name="voucher",
        change=lambda d: d["spec"]["target"]["template"]["data"].pop("VOUCHER_RECEIPT_KEY_SECRET"),
    ),
    "a variable that no code reads": Planted(
        rule=settings.processes_get_their_settings,
        change=lambda d: _container(d)["env"].append({"name": "ORDER_POOL", "value": "8"}),
    ),
    "documents kept nowhere": Planted(
        rule=settings.processes_get_their_settings,
        overlay="development",
        name="identity",
        change=lambda d: _container(d)["envFrom"].pop(0),
    ),
    "a Secret of a neighbour": Planted(
        rule=settings.nobody_else_has_a_secret,
        change=lambda d: _container(d)["envFrom"][1]["secretRef"].update(name="voucher"),
    ),
    "a database that is not verified": Planted(
        rule=settings.certificates_are_checked, change=lambda d: _container(d)["env"].pop(1)
    ),
    "a broker that is not verified": Planted(
        rule=settings.certificates_are_checked, change=lambda d: _container(d)["volumeMounts"].pop()
    ),
    "a policy type misspelt": Planted(
        rule=network.policies_are_spelled_right,
        kind="NetworkPolicy",
        change=lambda d: d["spec"].update(policyTypes=["ingress"]),
    ),
    "rules without their type": Planted(
        rule=network.policies_are_spelled_right,
        kind="NetworkPolicy",
        name="broker",
        change=lambda d: d["spec"].update(policyTypes=["Ingress"]),
    ),
    "nothing denied": Planted(
        rule=network.everything_is_denied_first, kind="NetworkPolicy", name="default-deny", change=_remove
    ),
    "a policy for nobody": Planted(
        rule=network.selectors_select_a_pod,
        kind="NetworkPolicy",
        change=lambda d: d["spec"]["podSelector"]["matchLabels"].update({"app.kubernetes.io/name": "orders"}),
    ),
    "a peer that is nobody": Planted(
        rule=network.selectors_select_a_pod,
        kind="NetworkPolicy",
        name="order-to-db",
        change=lambda d: d["spec"]["egress"][0]["to"][0].update(podSelector={"matchLabels": {"a": "b"}}),
    ),
    "a flow let out and not in": Planted(
        rule=network.flows_are_allowed_at_both_ends,
        kind="NetworkPolicy",
        name="order-db",
        change=lambda d: d["spec"]["ingress"].pop(0),
    ),
    "a flow let in and not out": Planted(
        rule=network.flows_are_allowed_at_both_ends,
        kind="NetworkPolicy",
        name="services-to-broker",
        change=_remove,
    ),
    "one service let into the database of another": Planted(
        rule=network.flows_are_allowed_at_both_ends,
        kind="NetworkPolicy",
        name="voucher-to-db",
        change=lambda d: d["spec"]["podSelector"]["matchLabels"].update({"app.kubernetes.io/name": "order"}),
    ),
    "a port that nobody listens on": Planted(
        rule=network.ports_are_listened_on,
        kind="NetworkPolicy",
        change=lambda d: d["spec"]["ingress"][0]["ports"][0].update(port=8080),
    ),
    "an object that nobody looks after": Planted(
        rule=operators.kinds_have_an_operator,
        kind="ObjectStore",
        name="backups",
        change=lambda d: d.update(apiVersion="velero.io/v1"),
    ),
    "an archive as CloudNativePG had it itself": Planted(
        rule=operators.backups_rest_on_what_stays,
        kind="Cluster",
        name="order-db",
        change=lambda d: d["spec"]["backup"].update(barmanObjectStore={"destinationPath": "s3://b/"}),
    ),
    "a database that nobody archives": Planted(
        rule=operators.backups_rest_on_what_stays,
        kind="Cluster",
        name="order-db",
        change=lambda d: d["spec"].pop("plugins"),
    ),
    "an archive that is nowhere": Planted(
        rule=operators.backups_rest_on_what_stays, kind="ObjectStore", name="backups", change=_remove
    ),
    "a schedule that asks nobody": Planted(
        rule=operators.backups_rest_on_what_stays,
        kind="ScheduledBackup",
        name="order-db",
        change=lambda d: d["spec"].pop("pluginConfiguration"),
    ),
    "a restore as CloudNativePG had it itself": Planted(
        rule=operators.backups_rest_on_what_stays,
        overlay="restore-order",
        kind="Cluster",
        name="order-db",
        change=lambda d: d["spec"]["externalClusters"][0].pop("plugin"),
    ),
    "no place for operators": Planted(
        rule=operators.operators_have_a_place, kind="CronJob", name="operations", change=_remove
    ),
    "a place for operators that opens by itself": Planted(
        rule=operators.operators_have_a_place,
        kind="CronJob",
        name="operations",
        change=lambda d: d["spec"].update(suspend=False),
    ),
    "operators without the database of one service": Planted(
        rule=operators.operators_have_a_place,
        kind="ExternalSecret",
        name="operations",
        change=lambda d: d["spec"]["target"]["template"]["data"].pop("VOUCHER_DATABASE_URL"),
    ),
    "operators who trust any database": Planted(
        rule=operators.operators_have_a_place,
        kind="CronJob",
        name="operations",
        change=lambda d: d["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"].pop(2),
    ),
    "operators who cannot reach a database": Planted(
        rule=network.flows_are_allowed_at_both_ends,
        kind="NetworkPolicy",
        name="operations-to-db",
        change=_remove,
    ),
    "operators whom the broker does not let in": Planted(
        rule=network.flows_are_allowed_at_both_ends,
        overlay="development",
        kind="NetworkPolicy",
        name="to-broker",
        change=_remove,
    ),
    "every port let in": Planted(
        rule=network.ports_are_listened_on,
        kind="NetworkPolicy",
        change=lambda d: d["spec"]["ingress"][0].pop("ports"),
    ),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_error_is_found_and_its_cure_named(what: str, rendered: dict[str, Rendered]) -> None:
    planted = PLANTED[what]
    good = rendered[planted.overlay]
    target = next(found for found in good.of(planted.kind) if name_of(found) == planted.name)
    changed = copy.deepcopy(target)
    planted.change(changed)
    bad = Rendered(good.overlay, tuple(changed if found is target else found for found in good.documents))

    found = list(planted.rule(bad))

    assert list(planted.rule(good)) == []
    assert found
    assert all(finding.cure and finding.what and finding.overlay == good.overlay for finding in found)


def test_every_rule_has_a_planted_error() -> None:
    assert {planted.rule for planted in PLANTED.values()} == set(RULES)
