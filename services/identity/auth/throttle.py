"""Throttling: failures count per account, per network and per device, delays grow to a cap, nobody is locked out.

The rules are pure. A try is counted in its lane, which is one account from one network, and in the account's counter
over all networks. The account's counter makes nobody wait: it only says that the account is under attack, and then each
lane gets fewer tries. So strangers on other networks cannot keep the owner out, and a device that signed in before has
a lane of its own (ADR 0019).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


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
# A lane while the account is under attack: the owner gets in at the first try, and whoever guesses waits.
ATTACKED_RULE = ThrottleRule(
    free_failures=0,
    first_delay=timedelta(seconds=20),
    max_delay=timedelta(minutes=15),
    forget_after=timedelta(minutes=30),
)
# Whoever tries codes of an authenticator knows the password already.
SECOND_FACTOR_RULE = ThrottleRule(
    free_failures=4,
    first_delay=timedelta(seconds=2),
    max_delay=timedelta(minutes=15),
    forget_after=timedelta(hours=24),
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


def wait_of(counter: FailureCounter | None, *, now: datetime, rule: ThrottleRule) -> timedelta | None:
    """How long the holder of a counter must still wait, or None."""
    if counter is None:
        return None
    return retry_after(counter.failures, last_failed_at=counter.last_failed_at, now=now, rule=rule)


def is_attacked(account: FailureCounter | None, *, now: datetime) -> bool:
    """Whether more tries of an account failed lately, over all networks, than its owner's mistakes explain."""
    if account is None or now - account.last_failed_at >= ACCOUNT_RULE.forget_after:
        return False
    return account.failures > ACCOUNT_RULE.free_failures


def login_delay(
    lane: FailureCounter | None, *, account: FailureCounter | None, network: FailureCounter | None, now: datetime
) -> timedelta | None:
    """The longer of the waits of the lane and of the network; None when the login may be tried. Source: ASVS 6.3.1."""
    rule = ATTACKED_RULE if is_attacked(account, now=now) else ACCOUNT_RULE
    waits = [wait_of(lane, now=now, rule=rule), wait_of(network, now=now, rule=NETWORK_RULE)]
    return max((wait for wait in waits if wait is not None), default=None)
