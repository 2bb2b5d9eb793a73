"""Who may try a password or register now: each try is counted before it is looked at, in the lane that it comes by.

A lane is one account from one network. A device that signed in before brings a token and has a lane of its own, which
no stranger can fill (ADR 0019).
"""

import asyncio
import hmac
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from services.identity.auth.passwords import LoginsBusy, Passwords
from services.identity.auth.throttle import (
    ACCOUNT_RULE,
    NETWORK_RULE,
    ThrottleRule,
    count_failure,
    login_delay,
    wait_of,
)
from services.identity.domain.account_refusals import SignInThrottled
from services.identity.domain.refusals import RegistrationThrottled
from services.identity.sealing import Vault
from services.identity.store import counters
from services.identity.store.accounts import SignInAccount, find_account
from services.identity.store.counters import CounterScope
from shared.runtime.service import Runtime
from shared.runtime.sql import Connection
from shared.runtime.work import Work

_FIELDS: Final = 3
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DeviceRules:
    """How long a device is known after its last good sign-in."""

    ttl: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRules:
    """How many registrations one network sends before it waits, and how long one without evidence stays."""

    throttle: ThrottleRule
    unused_ttl: timedelta


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Attempt:
    """One try of a password; `network` is the /24 or /64 it comes from, `agent` what the client calls itself.

    `code` is of the authenticator, or the one that a password is reset with.
    """

    sign_in_name: str
    password: str
    network: str
    agent: str = ""
    device_token: str = ""
    code: str = ""

    @property
    def name(self) -> str:
        """The sign-in name as accounts hold it."""
        return self.sign_in_name.strip().lower()


@dataclass(frozen=True, slots=True)
class AttemptLane:
    """The keys under which tries are counted: `device` is set for a known device, and then alone counts."""

    account: bytes
    lane: bytes
    network: bytes
    device: bytes | None


def lane_of(runtime: Runtime, attempt: Attempt) -> AttemptLane:
    """Where a try is counted."""
    vault = runtime.ports.get(Vault)
    device_id = _known_device(runtime, attempt)
    pair = f"{attempt.name}\x00{attempt.network}".encode()
    return AttemptLane(
        account=vault.index(attempt.name.encode(), purpose="sign_in_name"),
        lane=vault.index(pair, purpose="lane"),
        network=vault.index(attempt.network.encode(), purpose="network"),
        device=None if device_id is None else vault.index(device_id.encode(), purpose="device"),
    )


def device_token(runtime: Runtime, attempt: Attempt) -> str:
    """What tells this device from strangers at the next sign-in; it opens nothing by itself."""
    device_id = _known_device(runtime, attempt) or uuid4().hex
    day = runtime.clock.machine_now().date().toordinal()
    return f"{device_id}.{day}.{_mark(runtime.ports.get(Vault), attempt.name, device_id, str(day))}"


def _known_device(runtime: Runtime, attempt: Attempt) -> str | None:
    parts = attempt.device_token.split(".")
    if len(parts) != _FIELDS:
        return None
    device_id, day, mark = parts
    ours = _mark(runtime.ports.get(Vault), attempt.name, device_id, day)
    # Only our own numbers pass the comparison, so the day can be read without care.
    if not hmac.compare_digest(mark.encode(), ours.encode()):
        return None
    age = (runtime.clock.machine_now().date().toordinal() - int(day)) * _DAY
    return device_id if age <= runtime.ports.get(DeviceRules).ttl else None


def _mark(vault: Vault, name: str, device_id: str, day: str) -> str:
    return vault.index(f"{name}\x00{device_id}\x00{day}".encode(), purpose="device_token").hex()


async def admit_registration(runtime: Runtime, network: str) -> None:
    """Count a registration form against its network, before anything is done about it.

    Raises: RegistrationThrottled. Source: ASVS 2.4.1.
    """
    rules = runtime.ports.get(RegistrationRules)
    key = runtime.ports.get(Vault).index(network.encode(), purpose="registration")
    now = runtime.clock.machine_now()
    async with runtime.work() as work:
        await counters.count_alone(work.connection, key=key)
        counter = await counters.failure_counter(work.connection, "registration", key=key)
        wait = wait_of(counter, now=now, rule=rules.throttle)
        if wait is not None:
            raise RegistrationThrottled(retry_after_s=math.ceil(wait.total_seconds()))
        counted = count_failure(counter, now=now, rule=rules.throttle)
        await counters.keep_counter(work, "registration", key=key, counter=counted)


async def admit(runtime: Runtime, lane: AttemptLane, name: str) -> SignInAccount | None:
    """The account of that name, after this try was counted against it.

    It is counted before the password is looked at, or many tries at once would all see an empty counter; a good
    password clears it. Raises: SignInThrottled.
    """
    now = runtime.clock.machine_now()
    async with runtime.work() as work:
        await counters.count_alone(work.connection, key=lane.account)
        wait = await _wait(work.connection, lane, now)
        if wait is not None:
            raise SignInThrottled(retry_after_s=math.ceil(wait.total_seconds()))
        for scope, key in _counted(lane):
            counter = await counters.failure_counter(work.connection, scope, key=key)
            await counters.keep_counter(work, scope, key=key, counter=count_failure(counter, now=now))
        return await find_account(work.connection, name)


async def _wait(connection: Connection, lane: AttemptLane, now: datetime) -> timedelta | None:
    if lane.device is not None:
        of_device = await counters.failure_counter(connection, "device", key=lane.device)
        return wait_of(of_device, now=now, rule=ACCOUNT_RULE)
    return login_delay(
        await counters.failure_counter(connection, "lane", key=lane.lane),
        account=await counters.failure_counter(connection, "account", key=lane.account),
        network=await counters.failure_counter(connection, "network", key=lane.network),
        now=now,
    )


def _counted(lane: AttemptLane) -> tuple[tuple[CounterScope, bytes], ...]:
    if lane.device is not None:
        return (("device", lane.device),)
    # In the order in which a try locks them: a good sign-in that clears them must not come the other way.
    return (("lane", lane.lane), ("account", lane.account))


async def verify(runtime: Runtime, lane: AttemptLane, attempt: Attempt, known: SignInAccount | None) -> bool:
    """Whether the password fits; a try that was never looked at is not held against anybody. Raises: LoginsBusy."""
    passwords = runtime.ports.get(Passwords)
    # Nobody knows the password of an account whose holder has not set one yet.
    password_hash = known.password_hash or None if known else None
    try:
        return await passwords.verify(attempt.password, password_hash=password_hash, of=attempt.network)
    except (LoginsBusy, asyncio.CancelledError):
        # Broken off, when this process is told to stop, it says nothing about the password either.
        await take_back(runtime, lane)
        raise


async def take_back(runtime: Runtime, lane: AttemptLane) -> None:
    """This try counts for nothing."""
    async with runtime.work() as work:
        await counters.count_alone(work.connection, key=lane.account)
        for scope, key in _counted(lane):
            await counters.take_back_failure(work, scope, key=key)


async def count_network_failure(runtime: Runtime, lane: AttemptLane) -> None:
    """One more failed try of a network; a known device is not counted with its network."""
    if lane.device is not None:
        return
    async with runtime.work() as work:
        counter = await counters.failure_counter(work.connection, "network", key=lane.network)
        counted = count_failure(counter, now=runtime.clock.machine_now(), rule=NETWORK_RULE)
        await counters.keep_counter(work, "network", key=lane.network, counter=counted)


async def clear(work: Work, lane: AttemptLane) -> None:
    """Forget the failed tries after a good one."""
    for scope, key in _counted(lane):
        await counters.clear_counter(work, scope, key=key)


def fingerprint(vault: Vault, *, agent: str, network: str) -> bytes:
    """A keyed hash of what a client calls itself and where it comes from."""
    return vault.index(f"{agent}\x00{network}".encode(), purpose="client")
