"""Rules about scaling and watching: what is scaled and scraped is there."""

from collections.abc import Iterator

from tools.k8s_check.documents import Finding, Rendered, labels_of, name_of, selects
from tools.k8s_check.pods import pods_of


def scalers_have_a_target(rendered: Rendered) -> Iterator[Finding]:
    """A Deployment that leaves its number of replicas to the scaler, queues that exist, and a way to sign in."""
    deployments = {name_of(found): found for found in rendered.of("Deployment")}
    queues = {found["spec"]["name"] for found in rendered.of("Queue")}
    logins = rendered.names("TriggerAuthentication")
    for scaler in rendered.of("ScaledObject", "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]["name"]
        if target not in deployments:
            yield rendered.finding(scaler, "scaling", f"there is no Deployment {target}", "name a Deployment")
        elif "replicas" in deployments[target]["spec"]:
            yield rendered.finding(
                deployments[target], "scaling", "an apply would undo the scaler", "leave spec.replicas out"
            )
        for trigger in scaler["spec"].get("triggers") or ():
            queue = trigger["metadata"].get("queueName")
            if queue is not None and queue not in queues:
                yield rendered.finding(scaler, "scaling", f"there is no queue {queue}", "name a queue of the topology")
            login = (trigger.get("authenticationRef") or {}).get("name")
            if login is not None and login not in logins:
                yield rendered.finding(scaler, "scaling", f"there is no TriggerAuthentication {login}", "add it")


def monitors_find_something(rendered: Rendered) -> Iterator[Finding]:
    """A ServiceMonitor selects Services with its port, a PodMonitor pods with its port."""
    services = list(rendered.of("Service"))
    for monitor in rendered.of("ServiceMonitor"):
        chosen = [found for found in services if selects(monitor["spec"]["selector"], labels_of(found))]
        ports = [{str(port.get("name")) for port in found["spec"]["ports"]} for found in chosen]
        wanted = {str(endpoint.get("port")) for endpoint in monitor["spec"]["endpoints"]}
        if not chosen:
            yield rendered.finding(monitor, "monitor", "it selects no Service", "correct the labels")
        for port in sorted(wanted):
            if chosen and not all(port in found for found in ports):
                yield rendered.finding(monitor, "monitor", f"not every Service has a port {port}", "name the port")
    for monitor in rendered.of("PodMonitor"):
        pods = [pod for pod in pods_of(rendered) if selects(monitor["spec"]["selector"], pod.labels)]
        if not pods:
            yield rendered.finding(monitor, "monitor", "it selects no pod", "correct the labels")
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            if pods and not all(str(endpoint.get("port")) in pod.ports for pod in pods):
                yield rendered.finding(
                    monitor, "monitor", f"not every pod has a port {endpoint.get('port')}", "name the port"
                )


def every_component_is_scraped(rendered: Rendered) -> Iterator[Finding]:
    """Where one component is scraped, every one is."""
    monitors = list(rendered.of("ServiceMonitor"))
    for service in rendered.of("Service"):
        serves = labels_of(service).get("app.kubernetes.io/component") == "service"
        if (
            serves
            and monitors
            and not any(selects(found["spec"]["selector"], labels_of(service)) for found in monitors)
        ):
            yield rendered.finding(service, "monitor", "no ServiceMonitor selects it", "give it the common labels")


RULES = (scalers_have_a_target, monitors_find_something, every_component_is_scraped)
