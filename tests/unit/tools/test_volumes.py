"""How large the databases' volumes are: they follow from the purchases planned, and the manifests from them."""

from pathlib import Path

import pytest

from embedded.platform import SERVICES
from tools.k8s_check.documents import load_all
from tools.k8s_check.sizes import BYTES_A_PURCHASE, FULL_AT, SIZE_GI_MIN, SLACK, volume_gi

CHECKOUT = Path(__file__).parents[3]


@pytest.mark.parametrize("service", [service.name for service in SERVICES])
@pytest.mark.parametrize("purchases", [100_000, 500_000, 2_000_000])
def test_what_is_planned_fits_below_the_first_alert(service: str, purchases: int) -> None:
    size_gi = volume_gi(service, purchases_a_year=purchases, years=3)
    assert purchases * 3 * BYTES_A_PURCHASE[service] * SLACK <= FULL_AT * size_gi * (1 << 30)
    assert size_gi >= SIZE_GI_MIN


def test_a_volume_grows_with_the_plan_and_a_new_service_has_one() -> None:
    sizes = [volume_gi("order", purchases_a_year=number * 100_000) for number in range(1, 40)]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 4 * sizes[0]
    assert volume_gi("a service of next year") >= SIZE_GI_MIN


def test_manifests_and_the_guide_say_these_sizes_and_production_no_other() -> None:
    manifests = (CHECKOUT / "deploy/k8s/components/postgresql/databases.yaml").read_text(encoding="utf-8")
    clusters = [each for each in load_all(manifests) if each["kind"] == "Cluster"]
    found = {each["metadata"]["name"]: each["spec"]["storage"]["size"] for each in clusters}
    assert found == {f"{each.name}-db": f"{volume_gi(each.name)}Gi" for each in SERVICES}
    guide = (CHECKOUT / "docs/operations/deploy.md").read_text(encoding="utf-8")
    for purchases in (100_000, 500_000, 2_000_000):
        row = " | ".join(
            f"{volume_gi(name, purchases_a_year=purchases)} Gi" for name in ("order", "settlement", "voucher")
        )
        assert f"| {purchases:,} | {row} |" in guide
    production = (CHECKOUT / "deploy/k8s/overlays/production/kustomization.yaml").read_text(encoding="utf-8")
    assert "/spec/storage/size" not in production


def test_the_first_alert_fires_where_a_volume_is_planned_to_be_in_the_end() -> None:
    rules = (CHECKOUT / "deploy/observability/rules/availability.yaml").read_text(encoding="utf-8")
    assert f") > {FULL_AT}\n" in rules
