"""How much one client may ask for in a minute: counted by cost, for its key or else for its address.

The windows are fixed: one begins with a client's first request and lasts a minute, and then the whole limit is there
again. So `resetAt` and `Retry-After` are exact, and a client costs one counter.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import Storage
from limits.storage import storage_from_string

from graphql_api.errors import Code, HTTPError
from graphql_api.metrics import CountedBy, Metrics

WINDOW_SECONDS: Final = 60
STORAGE_TIMEOUT_SECONDS: Final = 0.25
"""How long a request waits for a storage over the network, to connect and to answer."""
STORAGE_PAUSE_SECONDS: Final = 5.0
"""For how long it is not asked again after it did not answer."""
_FORMS = "memory:// or redis://:PASSWORD@HOST:PORT/0 (rediss:// with TLS)"
_POLICY = '"cost"'
log = structlog.stdlib.get_logger(__name__)


class Client(NamedTuple):
    """Whose requests are counted together."""

    by: CountedBy
    name: str

    @classmethod
    def of_key(cls, name: str) -> "Client":
        """All keys of one name: a key that replaces another does not bring another limit."""
        return cls("key", name)

    @classmethod
    def at(cls, host: str | None) -> "Client":
        """Whoever sends from an address; of IPv6 from one network /64, all of which one customer has."""
        try:
            address: IPv4Address | IPv6Address = ip_address(host or "")
        except ValueError:
            return cls("address", "unknown")
        if isinstance(address, IPv6Address):
            if address.ipv4_mapped is None:
                return cls("address", str(IPv6Network((int(address) >> 64 << 64, 64))))
            address = address.ipv4_mapped
        return cls("address", str(address))


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a request was charged, and what is left of the limit until all of it is there again."""

    cost: int
    limit: int
    remaining: int
    reset_at: datetime

    @property
    def headers(self) -> Mapping[str, str]:
        """https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-10"""
        return {
            "RateLimit-Policy": f"{_POLICY};q={self.limit};w={WINDOW_SECONDS}",
            "RateLimit": f"{_POLICY};r={self.remaining};t={self.seconds}",
        }

    @property
    def seconds(self) -> int:
        """Whole seconds until the limit is there again, never too few."""
        return max(1, math.ceil(self.reset_at.timestamp() - time.time()))


class RateLimitedError(HTTPError):
    """The request costs more than what is left: HTTP 429, RATE_LIMITED. It was charged nothing."""

    def __init__(self, allowance: Allowance) -> None:
        self.allowance = allowance
        facts: dict[str, Any] = {
            "cost": allowance.cost,
            "limit": allowance.limit,
            "remaining": allowance.remaining,
            "resetAt": f"{allowance.reset_at:%Y-%m-%dT%H:%M:%SZ}",
        }
        message = (
            f"This costs {allowance.cost}, and {allowance.remaining} of the {allowance.limit} that may be asked for in a "
            f"minute are left. Send it again after {facts['resetAt']}."
        )
        headers = {"Retry-After": str(allowance.seconds), **allowance.headers}
        super().__init__(429, message, headers, Code.RATE_LIMITED)
        self.error["extensions"] = {**self.error["extensions"], **facts}


class Counters(Storage):
    """The counters of this process.

    The memory storage of `limits` looks through all counters whenever one is used, in a task of its own: with 10,000
    clients each request would pay for them. Here they are looked through once a window.
    """

    STORAGE_SCHEME = None

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock
        self._counted: dict[str, tuple[int, float]] = {}
        self._looked_through_at = clock()

    def __len__(self) -> int:
        return len(self._counted)

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = self._clock()
        if now - self._looked_through_at >= expiry:
            self._looked_through_at = now
            self._counted = {kept: each for kept, each in self._counted.items() if each[1] > now}
        count, until = self._counted.get(key, (0, 0.0))
        if until <= now:
            count, until = 0, now + expiry
        self._counted[key] = (count + amount, until)
        return count + amount

    async def get(self, key: str) -> int:
        count, until = self._counted.get(key, (0, 0.0))
        return count if until > self._clock() else 0

    async def get_expiry(self, key: str) -> float:
        return self._counted.get(key, (0, self._clock()))[1]

    async def check(self) -> bool:
        return True

    async def reset(self) -> int:
        count = len(self._counted)
        self._counted.clear()
        return count

    async def clear(self, key: str) -> None:
        self._counted.pop(key, None)
