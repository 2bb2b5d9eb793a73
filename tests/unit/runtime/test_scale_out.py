"""What more replicas reach is reckoned from costs: it never falls, and ends where one place is full."""

from bench.scale_out import PARTS, REPLICAS, Cores, Part, Place, reach


def test_more_replicas_never_reach_less_and_the_lease_is_the_next_limit() -> None:
    found = [reach(replicas) for replicas in REPLICAS]
    assert [one.rate for one in found] == sorted(one.rate for one in found)
    assert [one.limit for one in found] == [*["order: its processes"] * 3, f"order: {Place.HOLDER.value}"]


def test_a_database_of_one_core_is_full_before_four_replicas_are() -> None:
    found = reach(4, cores=Cores(database=1))
    assert found.limit == f"order: {Place.DATABASE.value}"


def test_one_process_alone_pays_nothing_for_others() -> None:
    dear = [*PARTS, Part("order", "others", Place.OTHERS, 1_000.0)]
    assert reach(1, parts=dear) == reach(1)
    assert reach(2, parts=dear).rate < reach(2).rate
