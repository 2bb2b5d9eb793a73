"""Errors around the objects: who may reach whom, and who looks after what."""

from tests.contract.k8s.planting import Planted, remove
from tools.k8s_check.rules import network, operators

PLANTED_AROUND = {
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
        rule=network.everything_is_denied_first, kind="NetworkPolicy", name="default-deny", change=remove
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
        change=remove,
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
        rule=operators.backups_rest_on_what_stays, kind="ObjectStore", name="backups", change=remove
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
        rule=operators.operators_have_a_place, kind="CronJob", name="operations", change=remove
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
        change=remove,
    ),
    "operators whom the broker does not let in": Planted(
        rule=network.flows_are_allowed_at_both_ends,
        overlay="development",
        kind="NetworkPolicy",
        name="to-broker",
        change=remove,
    ),
    "every port let in": Planted(
        rule=network.ports_are_listened_on,
        kind="NetworkPolicy",
        change=lambda d: d["spec"]["ingress"][0].pop("ports"),
    ),
}
