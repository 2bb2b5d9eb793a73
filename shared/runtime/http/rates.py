"""How much each caller may ask: a token bucket for every account, and one for every network of callers nobody knows.

Buckets are of one process and of one service. A table of them is bounded: who asks nothing for a while is forgotten,
which costs that caller nothing, because its bucket would be full again.
"""

import math
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import islice
from time import monotonic
from typing import Final, TypeAlias

from starlette.types import Scope

from shared.kernel.refusals import Refusal, RefusalKind

RATE_KEY: Final = "yunquan.rate"
"""In a request's scope: the bucket that it was counted in."""
ENTRIES_MAX: Final = 20_000
Fields: TypeAlias = tuple[tuple[bytes, bytes], ...]


class RateExceeded(Refusal):
    """The account, or the network of somebody unknown, asked more than its share. Source: RFC 6585, ASVS 2.4.1."""

    code = "request.rate_exceeded"
    kind = RefusalKind.RATE
    zh = "请求过于频繁，请在 {retry_after_s} 秒后重试。"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRate:
    """A share: `burst` requests at once, then `per_s` each second; `name` is what the fields call it."""

    name: str
    per_s: float
    burst: int


class Bucket:
    """What is left of one share."""

    __slots__ = ("_at_s", "_burst", "_left", "_per_s", "_table")

    def __init__(self, rate: RequestRate, table: "RateTable | None" = None) -> None:
        self._per_s = rate.per_s
        self._burst = float(rate.burst)
        self._left = self._burst
        self._at_s = monotonic()
        self._table = table

    def take(self) -> bool:
        """Count one request; False when the share is used up, and then nothing is counted."""
        now_s = monotonic()
        left = self._left + (now_s - self._at_s) * self._per_s
        self._at_s = now_s
        left = min(left, self._burst)
        if left < 1.0:
            self._left = left
            return False
        self._left = left - 1.0
        return True

    @property
    def full(self) -> bool:
        """Whether nothing of the share is missing by now."""
        return self._left + (monotonic() - self._at_s) * self._per_s >= self._burst

    @property
    def wait_s(self) -> int:
        """Whole seconds until one more request is in the share."""
        return max(1, math.ceil((1.0 - self._left) / self._per_s))

    def fields(self) -> Fields:
        """What an answer says of the share: its policy, what is left, and in how many seconds all is there again."""
        if self._table is None:
            return ()
        missing_s = math.ceil((self._burst - self._left) / self._per_s)
        return (b"ratelimit", self._table.said % (self._left, missing_s)), self._table.policy


class RateTable:
    """The buckets of one kind of callers."""

    def __init__(self, rate: RequestRate, *, entries_max: int = ENTRIES_MAX) -> None:
        self._rate = rate
        self._entries_max = entries_max
        self._buckets: dict[Hashable, Bucket] = {}
        quota = rate.burst, math.ceil(rate.burst / rate.per_s)
        # Structured fields of draft-ietf-httpapi-ratelimit-headers: the quota and the time that refills it.
        self.policy: Final = (b"ratelimit-policy", f'"{rate.name}";q={quota[0]};w={quota[1]}'.encode())
        self.said: Final = f'"{rate.name}";r=%d;t=%d'.encode()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, scope: Scope, key: Hashable) -> None:
        """Count a request of a caller; its answer will say what is left. Raises: RateExceeded."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._open(key)
        scope[RATE_KEY] = bucket
        if not bucket.take():
            raise RateExceeded(retry_after_s=bucket.wait_s)

    def _open(self, key: Hashable) -> Bucket:
        if len(self._buckets) >= self._entries_max:
            self._make_room()
        bucket = self._buckets[key] = Bucket(self._rate, self)
        return bucket

    def _make_room(self) -> None:
        """Forget full buckets, and where that is not enough the oldest half: it is done rarely and costs a pass."""
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if not bucket.full}
        if len(self._buckets) > self._entries_max // 2:
            self._buckets = dict(islice(self._buckets.items(), len(self._buckets) // 2, None))
