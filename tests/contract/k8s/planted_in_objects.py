"""Errors in an object itself, or in what it names: workloads, references, scaling, settings."""

from tests.contract.k8s.planting import Planted, container, pod, remove
from tools.k8s_check.rules import references, scaling, settings, workloads

PLANTED_IN_OBJECTS = {
    "an image called latest": Planted(
        rule=workloads.images_are_pinned, change=lambda d: container(d).update(image="yunquan/order:latest")
    ),
    "an image without a tag": Planted(
        rule=workloads.images_are_pinned, change=lambda d: container(d).update(image="registry:5000/yunquan/order")
    ),
    "an image of another release": Planted(
        rule=workloads.images_are_pinned, change=lambda d: container(d).update(image="yunquan/order:0.0.9")
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
        rule=workloads.limits_are_set, change=lambda d: container(d)["resources"]["limits"].pop("memory")
    ),
    "a database without limits": Planted(
        rule=workloads.limits_are_set,
        kind="Cluster",
        name="order-db",
        change=lambda d: d["spec"].pop("resources"),
    ),
    "a pod that may be root": Planted(
        rule=workloads.pods_are_restricted, change=lambda d: pod(d)["securityContext"].pop("runAsNonRoot")
    ),
    "a container that is root": Planted(
        rule=workloads.pods_are_restricted, change=lambda d: container(d)["securityContext"].update(runAsUser=0)
    ),
    "a writable root file system": Planted(
        rule=workloads.pods_are_restricted,
        change=lambda d: container(d)["securityContext"].update(readOnlyRootFilesystem=False),
    ),
    "a capability": Planted(
        rule=workloads.pods_are_restricted,
        change=lambda d: container(d)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
    ),
    "a container that runs before as root": Planted(
        rule=workloads.pods_are_restricted,
        change=lambda d: pod(d)["initContainers"][0].pop("securityContext"),
    ),
    "a token": Planted(
        rule=workloads.pods_have_no_token, change=lambda d: pod(d).update(automountServiceAccountToken=True)
    ),
    "an account that is not there": Planted(
        rule=workloads.pods_have_no_token, change=lambda d: pod(d).update(serviceAccountName="default")
    ),
    "no readiness probe": Planted(rule=workloads.probes_are_there, change=lambda d: container(d).pop("readinessProbe")),
    "a readiness probe that asks for life": Planted(
        rule=workloads.probes_are_there,
        change=lambda d: container(d)["readinessProbe"]["httpGet"].update(path="/health/live"),
    ),
    "a database without probes": Planted(
        rule=workloads.probes_are_there,
        overlay="development",
        kind="StatefulSet",
        name="database",
        change=lambda d: container(d).pop("livenessProbe"),
    ),
    "no preStop": Planted(rule=workloads.pods_drain, change=lambda d: container(d).pop("lifecycle")),
    "less grace than the longest request": Planted(
        rule=workloads.pods_drain, change=lambda d: pod(d).update(terminationGracePeriodSeconds=30)
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
        rule=workloads.disruption_is_bounded, kind="PodDisruptionBudget", change=remove
    ),
    "a broker without a budget": Planted(
        rule=workloads.disruption_is_bounded, kind="PodDisruptionBudget", name="broker", change=remove
    ),
    "replicas that are not spread": Planted(
        rule=workloads.replicas_are_spread, change=lambda d: pod(d)["topologySpreadConstraints"].pop()
    ),
    "pods spread among those of somebody else": Planted(
        rule=workloads.replicas_are_spread,
        change=lambda d: pod(d)["topologySpreadConstraints"][0]["labelSelector"].update(matchLabels={"a": "b"}),
    ),
    "pods that do not wait for their schema": Planted(
        rule=workloads.pods_wait_for_their_schema, change=lambda d: pod(d).pop("initContainers")
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
    "a Secret that nothing brings": Planted(rule=references.references_resolve, kind="ExternalSecret", change=remove),
    "a Secret without the key that is wanted": Planted(
        rule=references.references_resolve,
        kind="ExternalSecret",
        name="broker-tls",
        change=lambda d: d["spec"]["data"].pop(),
    ),
    "settings that nothing brings": Planted(
        rule=references.references_resolve,
        change=lambda d: container(d)["envFrom"][0]["configMapRef"].update(name="nowhere"),
    ),
    "a claim that is not there": Planted(
        rule=references.references_resolve,
        overlay="development",
        kind="PersistentVolumeClaim",
        name="identity-files",
        change=remove,
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
        rule=references.every_component_has_a_way_in, kind="HTTPRoute", change=remove
    ),
    "a binding of a queue that is not there": Planted(
        rule=references.broker_objects_fit, kind="Queue", name="order-commands", change=remove
    ),
    "a permission of no user": Planted(rule=references.broker_objects_fit, kind="User", change=remove),
    "a database without a backup": Planted(
        rule=references.backups_have_a_cluster, kind="ScheduledBackup", name="order-db", change=remove
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
        change=lambda d: container(d)["env"].append({"name": "ORDER_POOL", "value": "8"}),
    ),
    "documents kept nowhere": Planted(
        rule=settings.processes_get_their_settings,
        overlay="development",
        name="identity",
        change=lambda d: container(d)["envFrom"].pop(0),
    ),
    "a Secret of a neighbour": Planted(
        rule=settings.nobody_else_has_a_secret,
        change=lambda d: container(d)["envFrom"][1]["secretRef"].update(name="voucher"),
    ),
    "a database that is not verified": Planted(
        rule=settings.certificates_are_checked, change=lambda d: container(d)["env"].pop(1)
    ),
    "a broker that is not verified": Planted(
        rule=settings.certificates_are_checked, change=lambda d: container(d)["volumeMounts"].pop()
    ),
}
