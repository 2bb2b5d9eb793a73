"""Login throttling: failures count per account and per network, delays grow to a cap, nobody is locked out.

Both rules are pure. The caller keeps one counter per account and one per network, asks `retry_after` before
it looks at a password, and does not count an attempt that was refused here: so a stranger who keeps failing
on an account can slow its owner down by at most the cap.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network


@dataclass(frozen=True, slots=True)
class ThrottleRule:
    """How failures turn into a delay.

    `free_failures` cost nothing; each one after that doubles `first_delay`, never above `max_delay`. After
    `forget_after` without a failure the counter is worth nothing.
    """

    free_failures: int
    first_delay: timedelta
    max_delay: timedelta
    forget_after: timedelta


@dataclass(frozen=True, slots=True)
class FailureCounter:
    """Failed logins of one account or one network, and the machine time of the last one."""

    failures: int
    last_failed_at: datetime


ACCOUNT_RULE = ThrottleRule(
    free_failures=4,
    first_delay=timedelta(seconds=1),
    max_delay=timedelta(minutes=1),
    forget_after=timedelta(minutes=30),
)
# A whole office sits behind one network, so it gets more tries before it waits.
NETWORK_RULE = ThrottleRule(
    free_failures=30,
    first_delay=timedelta(seconds=1),
    max_delay=timedelta(minutes=5),
    forget_after=timedelta(hours=1),
)
_MAX_DOUBLINGS = 32


def retry_after(
    failures: int, *, last_failed_at: datetime, now: datetime, rule: ThrottleRule = ACCOUNT_RULE
) -> timedelta | None:
    """How long the next try must still wait, or None when it may go on. Source: ASVS 6.3.1."""
    if failures <= rule.free_failures or now - last_failed_at >= rule.forget_after:
        return None
    doublings = min(failures - rule.free_failures - 1, _MAX_DOUBLINGS)
    delay = min(rule.first_delay * 2**doublings, rule.max_delay)
    # A clock that was set back must not stretch the wait beyond the delay itself.
    left = min(last_failed_at + delay - now, delay)
    return left if left > timedelta(0) else None


def count_failure(
    counter: FailureCounter | None, *, now: datetime, rule: ThrottleRule = ACCOUNT_RULE
) -> FailureCounter:
    """The counter after one more failed login; a counter older than `forget_after` starts again at one."""
    if counter is None or now - counter.last_failed_at >= rule.forget_after:
        return FailureCounter(failures=1, last_failed_at=now)
    return FailureCounter(failures=counter.failures + 1, last_failed_at=now)


def login_delay(account: FailureCounter | None, *, network: FailureCounter | None, now: datetime) -> timedelta | None:
    """The longer of the two waits, of the account and of the network; None when the login may be tried."""
    waits = [
        wait
        for counter, rule in ((account, ACCOUNT_RULE), (network, NETWORK_RULE))
        if counter is not None
        and (wait := retry_after(counter.failures, last_failed_at=counter.last_failed_at, now=now, rule=rule))
    ]
    return max(waits, default=None)


def network_of(address: str) -> str:
    """The network that an address is counted under: /24 for IPv4, /64 for IPv6.

    Raises: ValueError for no address.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return str(ip_network(f"{parsed}/{24 if parsed.version == 4 else 64}", strict=False))
