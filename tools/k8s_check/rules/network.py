"""Rules about the network: everything is denied, and each flow is allowed at both of its ends or at none."""

from collections.abc import Iterator
from typing import Any

from tools.k8s_check.documents import Document, Finding, Rendered, name_of, selects
from tools.k8s_check.pods import Pod, pods_of

DIRECTIONS = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}


def policies_are_spelled_right(rendered: Rendered) -> Iterator[Finding]:
    """A misspelt type is a policy that does nothing, which an API server tells only when it is asked."""
    for policy in rendered.of("NetworkPolicy"):
        types = policy["spec"].get("policyTypes") or []
        for found in types:
            if found not in DIRECTIONS:
                yield rendered.finding(policy, "policy-types", f"{found} is no policy type", "Ingress or Egress")
        for kind, (rules, _) in DIRECTIONS.items():
            if rules in policy["spec"] and kind not in types:
                yield rendered.finding(
                    policy,
                    "policy-types",
                    f"it has {rules} rules and not the type {kind}",
                    f"add {kind} to policyTypes",
                )


def everything_is_denied_first(rendered: Rendered) -> Iterator[Finding]:
    """One policy denies both directions for every pod, those of operators included."""
    for policy in rendered.of("NetworkPolicy"):
        spec = policy["spec"]
        whole = not spec["podSelector"] and set(spec.get("policyTypes") or ()) == set(DIRECTIONS)
        if whole and not spec.get("ingress") and not spec.get("egress"):
            return
    yield Finding(rendered.overlay, "NetworkPolicy", "default-deny", "nothing denies by default", "keep default-deny")


def selectors_select_a_pod(rendered: Rendered) -> Iterator[Finding]:
    """A policy for nobody, or a peer that no pod is, is a mistake in a label."""
    pods = list(pods_of(rendered))
    for policy in rendered.of("NetworkPolicy"):
        own = policy["spec"]["podSelector"]
        if not any(selects(own, pod.labels) for pod in pods):
            yield rendered.finding(policy, "policy-used", f"podSelector {own} selects no pod", "correct the labels")
        for _, peer, _ in _peers(policy):
            if set(peer) == {"podSelector"} and not any(selects(peer["podSelector"], pod.labels) for pod in pods):
                yield rendered.finding(
                    policy, "policy-used", f"the peer {peer['podSelector']} is no pod", "correct the labels"
                )


def flows_are_allowed_at_both_ends(rendered: Rendered) -> Iterator[Finding]:
    """Each flow within the namespace is let out at one end and in at the other, on a port that is listened on."""
    pods = list(pods_of(rendered))
    out, into = _flows(rendered, pods, "Egress"), _flows(rendered, pods, "Ingress")
    for flow in sorted(out.keys() - into.keys()):
        yield rendered.finding(
            out[flow],
            "policy-used",
            f"{_told(flow)} is let out and not let in",
            "allow it at the other end, or not at all",
        )
    for flow in sorted(into.keys() - out.keys()):
        yield rendered.finding(
            into[flow],
            "policy-used",
            f"{_told(flow)} is let in and not let out",
            "allow it at the other end, or not at all",
        )


def ports_are_listened_on(rendered: Rendered) -> Iterator[Finding]:
    """What is let in goes to a port of the pod."""
    pods = list(pods_of(rendered))
    for policy in rendered.of("NetworkPolicy"):
        targets = [pod for pod in pods if selects(policy["spec"]["podSelector"], pod.labels)]
        known = {port for pod in targets for port in (*pod.ports.values(), *pod.ports)}
        for rule in policy["spec"].get("ingress") or ():
            if not rule.get("ports"):
                yield rendered.finding(policy, "policy-ports", "a rule lets every port in", "name the ports")
            for port in rule.get("ports") or ():
                if targets and port.get("port") not in known:
                    yield rendered.finding(
                        policy, "policy-ports", f"nothing listens on {port.get('port')}", "name a port of the pod"
                    )


Flow = tuple[str, str, str]


def _flows(rendered: Rendered, pods: list[Pod], kind: str) -> dict[Flow, Document]:
    """Sender, receiver and port of what one direction allows between pods of the overlay, with the policy."""
    found: dict[Flow, Document] = {}
    for policy in rendered.of("NetworkPolicy"):
        own = [pod for pod in pods if selects(policy["spec"]["podSelector"], pod.labels)]
        for direction, peer, ports in _peers(policy):
            if direction != kind or set(peer) != {"podSelector"}:
                continue
            others = [pod for pod in pods if selects(peer["podSelector"], pod.labels)]
            senders, receivers = (own, others) if kind == "Egress" else (others, own)
            for sender in senders:
                for receiver in receivers:
                    for port in ports:
                        found[_who(sender), _who(receiver), str(receiver.ports.get(str(port), port))] = policy
    return found


def _peers(policy: Document) -> Iterator[tuple[str, dict[str, Any], list[Any]]]:
    """Direction, peer and ports of each rule."""
    for kind, (rules, peers) in DIRECTIONS.items():
        for rule in policy["spec"].get(rules) or ():
            for peer in rule.get(peers) or ():
                yield kind, peer, [port.get("port") for port in rule.get("ports") or ()]


def _who(pod: Pod) -> str:
    return f"{pod.owner['kind']}/{name_of(pod.owner)}"


def _told(flow: Flow) -> str:
    return f"{flow[0]} to {flow[1]}:{flow[2]}"


RULES = (
    policies_are_spelled_right,
    everything_is_denied_first,
    selectors_select_a_pod,
    flows_are_allowed_at_both_ends,
    ports_are_listened_on,
)
