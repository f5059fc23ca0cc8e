"""How much one client may ask for in a minute: counted by cost, for its key or else for its address.

The windows are fixed: one begins with a client's first request and lasts a minute, and then the whole limit is there
again. So `resetAt` and `Retry-After` are exact, and a client costs one counter.
"""

import asyncio
import math
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage, Storage
from limits.errors import StorageError

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
            f"This costs {allowance.cost}, and {allowance.remaining} of the {allowance.limit} that may be asked for in "
            f"a minute are left. Send it again after {facts['resetAt']}."
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


class RateLimiter:
    """Charges clients. Where its storage is over the network and does not answer, it counts by itself meanwhile.

    So an outage of the storage neither stops the service nor lifts the limit: each process then has one of its own.
    """

    def __init__(
        self,
        limit: int,
        storage: Storage | None,
        metrics: Metrics,
        close: Callable[[], Awaitable[None]] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`storage` is one over the network; `close` is called to end its connections."""
        self._item = RateLimitItemPerMinute(limit, namespace="m7b0")
        self._storage, self._own = storage, Counters()
        self._metrics, self._close, self._monotonic = metrics, close, monotonic
        self._not_before = -math.inf
        self._failed = False

    @property
    def limit(self) -> int:
        """What a client may ask for in a minute."""
        return self._item.amount

    async def charge(self, client: Client, cost: int) -> Allowance:
        """Count what a request costs.

        Raises:
            RateLimitedError: it is more than what is left; nothing is counted.
        """
        key = self._item.key_for(*client)
        count, reset = await self._count(key, cost)
        # Another request of the same client may be given back meanwhile, or the limit may have been lowered.
        remaining = min(max(self.limit - count, 0), self.limit)
        if count <= self.limit:
            return Allowance(cost, self.limit, remaining, reset)
        before, _ = await self._count(key, -cost)
        if before < 0:
            # A new window has begun in between, in which nothing is to be given back.
            before, _ = await self._count(key, -before)
        self._metrics.rate_limited(client.by)
        raise RateLimitedError(Allowance(cost, self.limit, min(max(self.limit - before, 0), self.limit), reset))

    async def close(self) -> None:
        if self._close is not None:
            await self._close()

    async def _count(self, key: str, amount: int) -> tuple[int, datetime]:
        """Add to a client's counter: what it holds then, and when it begins anew."""
        if self._storage is not None and self._monotonic() >= self._not_before:
            # Only one request finds out whether the storage is back; the others do not wait for it.
            if self._failed:
                self._not_before = self._monotonic() + STORAGE_PAUSE_SECONDS
            try:
                async with asyncio.timeout(STORAGE_TIMEOUT_SECONDS):
                    count = await self._storage.incr(key, WINDOW_SECONDS, amount)
                    # Redis tells whole seconds, rounded.
                    reset = await self._storage.get_expiry(key) + 0.5
            except (StorageError, OSError, TimeoutError) as error:
                self._fail(error)
            else:
                if self._failed:
                    self._failed, self._not_before = False, -math.inf
                    log.info("the rate limit's storage answers again")
                return count, _instant(reset)
        return await self._own.incr(key, WINDOW_SECONDS, amount), _instant(await self._own.get_expiry(key))

    def _fail(self, error: Exception) -> None:
        self._metrics.rate_limit_storage_failed()
        self._not_before = self._monotonic() + STORAGE_PAUSE_SECONDS
        if not self._failed:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            log.warning("the rate limit's storage does not answer; this process counts by itself", reason=reason)
        self._failed = True


def rate_limiter(limit: int, url: str, metrics: Metrics) -> RateLimiter | None:
    """What the settings ask for; None where there is no limit.

    Raises:
        ValueError: `url` names no storage; the message says what would be right.
    """
    parts = checked_storage_url(url)
    if not limit:
        return None
    if parts.scheme == "memory":
        return RateLimiter(limit, None, metrics)
    # With the setting `memory://` nobody pays for it.
    from redis.asyncio import ConnectionPool  # noqa: PLC0415
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415

    pool = ConnectionPool.from_url(
        url,
        socket_connect_timeout=STORAGE_TIMEOUT_SECONDS,
        socket_timeout=STORAGE_TIMEOUT_SECONDS,
        # Once, for a connection that the server closed meanwhile.
        retry=Retry(NoBackoff(), 1),
    )
    storage = RedisStorage(
        url,
        wrap_exceptions=True,
        implementation="redispy",
        connection_pool=pool,  # type: ignore[arg-type]  # documented, though not declared
    )
    return RateLimiter(limit, storage, metrics, pool.aclose)


def checked_storage_url(url: str) -> SplitResult:
    """The parts of a storage's URL.

    Raises:
        ValueError: it cannot be used; the message says what would be right and does not repeat it.
    """
    try:
        parts = urlsplit(url)
        known = parts.scheme == "memory" and url == "memory://"
        known |= parts.scheme in ("redis", "rediss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"RATE_LIMIT_STORAGE_URL is not the URL of a storage; write {_FORMS}")
    if not re.fullmatch(r"/?\d*", parts.path) or parts.query or parts.fragment:
        raise ValueError(
            f"RATE_LIMIT_STORAGE_URL names more than a server and the number of a database; write {_FORMS}"
        )
    return parts


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(math.ceil(seconds), UTC)
