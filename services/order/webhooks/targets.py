"""Which addresses a webhook may be sent to: the defence against requests that reach into our own network.

The form of a URL is checked when it is given; whatever a name stands for is checked again at each connection. A name
is resolved once, every address that it has must be public, and the connection goes to an address that was checked.
Spellings of addresses are not guessed: a host is a name whose last label is no number, and nothing else.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

from services.order.domain.webhook_refusals import WebhookTargetRefused
from services.order.domain.webhooks import URL_CHARACTERS_MAX

Address: TypeAlias = IPv4Address | IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

HTTPS_PORT: Final = 443
FIRST_USER_PORT: Final = 1_024
HOST_CHARACTERS_MAX: Final = 253
# What a URL is written with; everything else is escaped. Neither backslashes nor blanks nor brackets.
_PRINTABLE: Final = re.compile(r"[A-Za-z0-9\-._~:/?&=%+,;@!$'()*#\[\]]+")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_TOP_LABEL: Final = re.compile(r"[a-z][a-z0-9-]*")
_LOCAL_NAMES: Final = frozenset(
    {
        "localhost",
        "local",
        "internal",
        "intranet",
        "lan",
        "home",
        "corp",
        "svc",
        "cluster",
        "test",
        "invalid",
        "example",
    }
)
_PRIVATE_V4: Final = tuple(
    IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # A cloud's platform address that looks public.
        "168.63.129.16/32",
    )
)
_PUBLIC_V6: Final = IPv6Network("2000::/3")
# Within the public range: protocol assignments with Teredo, documentation, 6to4, and the second documentation range.
_SPECIAL_V6: Final = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))


class AddressRefused(Exception):
    """What a name stands for is nothing that we call."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be called, as far as its form says."""

    url: str
    host: str
    port: int


def check_target(url: str, *, local: bool = False) -> Target:
    """The target of a URL. Raises: WebhookTargetRefused with the reason.

    `local` allows plain http and addresses of this machine; it is for a demonstration, a sandbox and tests.
    """
    if not 0 < len(url) <= URL_CHARACTERS_MAX or _PRINTABLE.fullmatch(url) is None:
        raise WebhookTargetRefused(reason="地址过长或含有不允许的字符")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise WebhookTargetRefused(reason="地址格式有误") from error
    host = parts.hostname or ""
    here = local and _is_here(host)
    _check_parts(parts, local=here)
    if here:
        return Target(url, host, port or (HTTPS_PORT if parts.scheme == "https" else 80))
    _check_host(host)
    if port is not None and port != HTTPS_PORT and port < FIRST_USER_PORT:
        raise WebhookTargetRefused(reason="端口须为 443 或 1024 以上")
    return Target(url, host, port or HTTPS_PORT)


def _is_here(host: str) -> bool:
    """Whether a host may be this machine: an address tells by itself, a name when it is resolved."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return True


def _check_parts(parts: SplitResult, *, local: bool) -> None:
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise WebhookTargetRefused(reason="不是加密传输的网址")
    if "@" in parts.netloc or parts.fragment or "#" in parts.geturl():
        raise WebhookTargetRefused(reason="含有用户信息或片段")
    if not parts.hostname or parts.netloc.endswith(":"):
        raise WebhookTargetRefused(reason="缺少主机或端口")


def _check_host(host: str) -> None:
    """Whether a host is a public name. Raises: WebhookTargetRefused."""
    labels = host.split(".")
    if len(host) > HOST_CHARACTERS_MAX or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise WebhookTargetRefused(reason="主机不是完整的域名")
    # 1.2.3.0x7f, 127.1 and 0177.0.0.01 are numbers to somebody: a name ends in a label that begins with a letter.
    if _TOP_LABEL.fullmatch(labels[-1]) is None or labels[-1] in _LOCAL_NAMES:
        raise WebhookTargetRefused(reason="主机须为公网域名")


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet, and stands for no other one."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _PRIVATE_V4)
    # Mapped, compatible and translated addresses (::ffff:0:0/96, ::/96, 64:ff9b::/96) are outside of 2000::/3.
    return address in _PUBLIC_V6 and not any(address in network for network in _SPECIAL_V6)


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, asked for once. Raises: OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def checked_addresses(host: str, port: int, *, resolve: Resolve, local: bool) -> Sequence[str]:
    """The addresses of a host, all of which may be called. Raises: AddressRefused, OSError."""
    addresses = await resolve(host, port)
    if not addresses:
        raise AddressRefused("no address")
    for text in addresses:
        try:
            address = ip_address(text)
        except ValueError as error:
            raise AddressRefused("no address") from error
        if not is_public(address) and not (local and address.is_loopback):
            raise AddressRefused("not public")
    return addresses
