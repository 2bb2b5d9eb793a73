"""Where a request comes from: the one reading of what proxies say, trusted hop by hop from the right.

Nothing else is believed: no part of the platform reads Forwarded, X-Real-IP, X-Forwarded-Proto or X-Forwarded-Host.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

from starlette.types import Scope

UNKNOWN: Final = "unknown"
"""The network of a caller without an address; all of them are counted together."""
_FORWARDED_FOR: Final = b"x-forwarded-for"
_ENTRIES_MAX: Final = 32


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies whose word is taken: at most `hops`, and each only from one of `networks`."""

    hops: int = 0
    networks: tuple[IPv4Network | IPv6Network, ...] = field(default=())

    @classmethod
    def read(cls, *, hops: int, networks: str) -> Self:
        """From settings; `networks` are CIDR ranges joined by commas. Raises: ValueError."""
        return cls(hops, tuple(ip_network(part.strip()) for part in networks.split(",") if part.strip()))

    def address_of(self, scope: Scope) -> str:
        """The address of the caller, or of the outermost proxy that was believed; empty where there is none.

        Every X-Forwarded-For line is part of one list (RFC 9110, 5.3). Each believed hop moves one entry to the left:
        what a caller wrote itself stands further left than any proxy's entry and is never reached.
        """
        client = scope.get("client")
        address = client[0] if client else ""
        if self.hops == 0:
            return address
        lines = [value for name, value in scope["headers"] if name == _FORWARDED_FOR]
        entries = b",".join(lines).decode("latin-1").rsplit(",", _ENTRIES_MAX) if lines else []
        for entry in reversed(entries[-self.hops :]):
            if not self._trusts(address):
                break
            said = _bare(entry.strip())
            if said is None:
                break
            address = said
        return address

    def network_of(self, scope: Scope) -> str:
        """The /24 or /64 that a caller is counted under, `unknown` where there is no address."""
        return _network(self.address_of(scope))

    def _trusts(self, address: str) -> bool:
        """Whether the proxy at this address may say who called it; a Unix socket has no address and is local."""
        if not address:
            return True
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self.networks)


@lru_cache(maxsize=4_096)
def _network(address: str) -> str:
    try:
        return network_of(address)
    except ValueError:
        return UNKNOWN


@lru_cache(maxsize=1_024)
def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return parsed if mapped is None else mapped


def _bare(entry: str) -> str | None:
    """The address of an entry without the port that some proxies add; None for what is no address."""
    if entry.startswith("["):
        entry = entry[1:].partition("]")[0]
    elif entry.count(":") == 1:
        entry = entry.partition(":")[0]
    return entry if _parsed(entry) is not None else None


def network_of(address: str) -> str:
    """The network that an address is counted under: /24 for IPv4, /64 for IPv6.

    Raises: ValueError for no address.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return str(ip_network(f"{parsed}/{24 if parsed.version == 4 else 64}", strict=False))
