"""Whose network a request is counted under, whatever the caller writes into its headers."""

import re
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.requests import Request

from services.identity.api.dependencies import caller_network
from shared.runtime.service.settings import ServiceSettings
from shared.runtime.unit_of_work.registry import Registry
from shared.runtime.validation.network import UNKNOWN, Proxies
from tests.factories.harness import repository

PRIVATE = ServiceSettings.model_fields["trusted_proxies"].default
ONE = Proxies.read(hops=1, networks=PRIVATE)
TWO = Proxies.read(hops=2, networks=PRIVATE)
GATEWAY, BALANCER, CALLER, FORGED = "10.1.0.9", "192.168.7.7", "203.0.113.5", "198.51.100.77"


def a_scope(*lines: str, peer: str | None = GATEWAY, **others: str) -> dict[str, Any]:
    """A request with these X-Forwarded-For lines, each a header of its own."""
    headers = [(b"x-forwarded-for", line.encode("latin-1")) for line in lines]
    headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in others.items()]
    return {"type": "http", "headers": headers, "client": (peer, 4_711) if peer is not None else None}


@pytest.mark.parametrize(
    "lines",
    [
        (FORGED, CALLER),
        (f"{FORGED}, {CALLER}",),
        (FORGED, "", CALLER),
        (f"{FORGED},{FORGED}", f"{FORGED},\t{CALLER}"),
        (FORGED, f"{CALLER}:51234"),
    ],
)
def test_a_forged_address_never_counts_however_the_lines_are_split(lines: tuple[str, ...]) -> None:
    assert ONE.address_of(a_scope(*lines)) == CALLER


def test_every_believed_hop_moves_one_entry_to_the_left() -> None:
    assert TWO.address_of(a_scope(FORGED, CALLER, BALANCER)) == CALLER
    assert ONE.address_of(a_scope(FORGED, CALLER, BALANCER)) == BALANCER


def test_an_entry_is_believed_only_where_a_trusted_proxy_wrote_it() -> None:
    assert ONE.address_of(a_scope(FORGED, peer=CALLER)) == CALLER
    assert TWO.address_of(a_scope(FORGED, CALLER)) == CALLER
    own = Proxies.read(hops=1, networks="198.51.100.0/24")
    assert own.address_of(a_scope(CALLER, peer="198.51.100.3")) == CALLER
    assert own.address_of(a_scope(CALLER, peer=GATEWAY)) == GATEWAY


def test_without_trusted_proxies_only_the_connection_counts() -> None:
    assert Proxies.read(hops=0, networks=PRIVATE).address_of(a_scope(FORGED, peer=CALLER)) == CALLER


@pytest.mark.parametrize("entry", ["unknown", "_hidden", "", "1.2.3", "256.1.1.1", "<script>", "203.0.113.5.evil"])
def test_an_entry_that_is_no_address_leaves_the_caller_under_the_proxy(entry: str) -> None:
    assert ONE.address_of(a_scope(FORGED, entry)) == GATEWAY


def test_nothing_but_x_forwarded_for_says_who_calls() -> None:
    others = {"forwarded": f"for={FORGED}", "x_real_ip": FORGED, "x_forwarded_host": "evil", "x_client_ip": FORGED}
    assert ONE.address_of(a_scope(**others)) == GATEWAY
    names = re.compile(r"x-forwarded-(proto|host|port)|x-real-ip|[\"']forwarded[\"']", re.IGNORECASE)
    root = repository()
    readers = [
        path.name
        for folder in ("services", "shared", "embedded")
        for path in (root / folder).rglob("*.py")
        if path.name != "network.py" and names.search(path.read_text(encoding="utf-8"))
    ]
    assert readers == []


def test_callers_are_counted_by_their_network() -> None:
    assert ONE.network_of(a_scope(CALLER)) == "203.0.113.0/24"
    assert ONE.network_of(a_scope("::ffff:203.0.113.5")) == "203.0.113.0/24"
    assert ONE.network_of(a_scope("[2001:db8:1:2::3]:443")) == "2001:db8:1:2::/64"
    assert ONE.network_of(a_scope(peer=None)) == UNKNOWN
    assert ONE.network_of(a_scope(peer="unix")) == UNKNOWN


def test_identity_counts_sign_in_by_the_same_reading() -> None:
    class Running:
        ports = Registry()

    Running.ports.add(Proxies, ONE)
    scope = a_scope(FORGED, CALLER) | {"yunquan.runtime": Running}
    assert caller_network(Request(scope)) == "203.0.113.0/24"


def test_settings_that_name_no_networks_stop_the_start() -> None:
    with pytest.raises(ValidationError):
        ServiceSettings(database_url="postgresql://x", trusted_proxies="everybody")
