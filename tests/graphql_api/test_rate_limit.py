"""Each client has so much a minute, counted by cost; who asks for more is told when to come again."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError
from starlette.applications import Starlette

from db.writes.changes import Change, ChangeKind
from graphql_api import rate_limit
from graphql_api.app import create_app
from graphql_api.metrics import Metrics
from graphql_api.parameters import PREFLIGHT
from graphql_api.rate_limit import Client, Counters, RateLimitedError, RateLimiter, rate_limiter
from graphql_api.sender import REQUEST_COST
from graphql_api.settings import RATE_LIMIT_IN_PRODUCTION, Access, Environment, Settings
from tests.databases import Databases
from tests.graphql_api.asgi import connected
from tests.graphql_api.conftest import started, without_models
from tests.keys import bearer, make_key
from tests.redis import redis_server
from tests.servers import serving
from tests.small import flight_values, refill
from tests.waiting import until

CHEAP = "{ __typename }"
ASKED = "{ rateLimit { cost limit remaining resetAt } }"
GRAPHQL_RESPONSE = "application/graphql-response+json"


def client_at(app: Starlette, host: str) -> httpx2.AsyncClient:
    """A client at an address, which is a limit of its own."""
    transport = httpx2.ASGITransport(app, client=(host, 4711))
    return httpx2.AsyncClient(transport=transport, base_url="http://service")


@asynccontextmanager
async def limited(databases: Databases, limit: int, **values: Any) -> AsyncIterator[Starlette]:
    async with started(without_models(databases.flights("sqlite"), rate_limit=limit, **values)) as app:
        yield app


@pytest.fixture(scope="module")
async def cheap(databases: Databases) -> int:
    """What the cheap query is charged."""
    async with limited(databases, 10_000) as app, client_at(app, "192.0.2.1") as client:
        response = await client.post("/graphql", json={"query": CHEAP})
    return 10_000 - int(response.headers["RateLimit"].split("r=")[1].split(";")[0])


@pytest.fixture(scope="module")
async def app(databases: Databases, cheap: int) -> AsyncIterator[Starlette]:
    """A service whose limit is used up by two of the cheap queries. Each test asks it from an address of its own."""
    async with limited(databases, 2 * cheap, batch_max=3) as running:
        yield running


async def statuses(client: httpx2.AsyncClient, count: int, query: str = CHEAP, **options: Any) -> list[int]:
    return [(await client.post("/graphql", json={"query": query}, **options)).status_code for _ in range(count)]


async def test_without_a_limit_there_is_none_to_ask_for(client: httpx2.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": ASKED})
    assert response.json() == {"data": {"rateLimit": None}}
    assert [name for name in response.headers if name.startswith("ratelimit")] == []


async def test_what_is_left_can_be_asked_for(databases: Databases) -> None:
    async with limited(databases, 10_000) as app, client_at(app, "192.0.2.1") as client:
        before = time.time()
        first, second = [await client.post("/graphql", json={"query": ASKED}) for _ in range(2)]
        one, two = (response.json()["data"]["rateLimit"] for response in (first, second))
        assert one["limit"] == 10_000
        assert one["cost"] == two["cost"] > REQUEST_COST
        assert (one["remaining"], two["remaining"]) == (10_000 - one["cost"], 10_000 - 2 * one["cost"])
        assert one["resetAt"] == two["resetAt"]
        assert before + 60 <= datetime.fromisoformat(one["resetAt"]).timestamp() <= time.time() + 61
        assert first.headers["RateLimit-Policy"] == '"cost";q=10000;w=60'
        assert first.headers["RateLimit"].startswith(f'"cost";r={one["remaining"]};t=6')


@pytest.mark.parametrize(
    ("accept", "host"),
    [("application/json", "192.0.2.2"), (GRAPHQL_RESPONSE, "192.0.2.3"), ("text/event-stream", "192.0.2.4")],
)
async def test_who_asks_for_more_is_told_when_to_come_again(app: Starlette, cheap: int, accept: str, host: str) -> None:
    async with client_at(app, host) as client:
        assert await statuses(client, 2) == [200, 200]
        response = await client.post("/graphql", json={"query": CHEAP}, headers={"accept": accept})
    assert response.status_code == 429
    assert response.headers["content-type"] == (accept if accept == GRAPHQL_RESPONSE else "application/json")
    (error,) = response.json()["errors"]
    told = error["extensions"]
    reset_at = told.pop("resetAt")
    assert told == {"code": "RATE_LIMITED", "cost": cheap, "limit": 2 * cheap, "remaining": 0}
    assert all(str(part) in error["message"] for part in (cheap, 2 * cheap, reset_at))
    assert 1 <= int(response.headers["retry-after"]) <= 61
    assert response.headers["RateLimit"] == f'"cost";r=0;t={response.headers["retry-after"]}'


async def test_a_long_document_is_charged_before_it_is_looked_at(databases: Databases) -> None:
    def unknown(number: int) -> dict[str, str]:
        return {"query": f"{{ nope{number} " + "a" * 2_000}

    async with limited(databases, 5_000) as app, client_at(app, "192.0.2.1") as client:
        responses = [await client.post("/graphql", json=unknown(number)) for number in range(3)]
        codes = [response.json()["errors"][0]["extensions"]["code"] for response in responses]
        assert codes == ["GRAPHQL_PARSE_FAILED", "GRAPHQL_PARSE_FAILED", "RATE_LIMITED"]
        # What came of one that was seen before is known: it costs no more than any other refusal.
        again = await client.post("/graphql", json=unknown(1))
    assert again.json() == responses[1].json()


async def test_a_get_is_limited_too(app: Starlette) -> None:
    headers = {"accept": GRAPHQL_RESPONSE, PREFLIGHT[0]: "1"}
    async with client_at(app, "192.0.2.5") as client:
        responses = [await client.get("/graphql", params={"query": CHEAP}, headers=headers) for _ in range(3)]
    assert [response.status_code for response in responses] == [200, 200, 429]
    assert responses[2].headers["cache-control"] == "no-store"


async def test_each_operation_of_a_batch_is_charged(app: Starlette) -> None:
    async with client_at(app, "192.0.2.6") as client:
        bodies = (await client.post("/graphql", json=[{"query": CHEAP}] * 3)).json()
    assert ["errors" in body for body in bodies] == [False, False, True]
    assert bodies[2]["errors"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_on_a_websocket_the_operation_is_refused_and_the_connection_stays(app: Starlette) -> None:
    async with connected(app, host="192.0.2.7") as socket:
        await socket.initialise()
        socket.ask(CHEAP, name="1")
        assert [(await socket.hear())["type"] for _ in range(2)] == ["next", "complete"]
        socket.ask(CHEAP, name="2")
        refusal = await socket.hear()
        assert (refusal["id"], refusal["type"]) == ("2", "error")
        told = refusal["payload"][0]["extensions"]
        # The handshake was charged, too.
        assert (told["code"], told["remaining"]) == ("RATE_LIMITED", told["limit"] - told["cost"] - REQUEST_COST)
        socket.say(type="ping")
        assert (await socket.hear())["type"] == "pong"


@pytest.mark.parametrize(
    ("host", "body", "headers", "status"),
    [
        ("192.0.2.10", '{"query": "{"}', {}, 400),
        ("192.0.2.11", '{"query": "{ nothing }"}', {}, 400),
        ("192.0.2.12", '{"query"', {}, 400),
        ("192.0.2.13", "{}", {"content-type": "text/plain"}, 415),
        ("192.0.2.14", '{"query": "{ __typename }"}', {"authorization": "Bearer m7b0_wrong"}, 401),
    ],
)
async def test_what_is_refused_is_charged_too(
    app: Starlette, host: str, body: str, headers: dict[str, str], status: int
) -> None:
    headers = {"content-type": "application/json", "accept": GRAPHQL_RESPONSE, **headers}
    times = app.state.service.rate_limiter.limit // REQUEST_COST
    async with client_at(app, host) as client:
        answered = [await client.post("/graphql", content=body, headers=headers) for _ in range(times + 1)]
    assert [response.status_code for response in answered] == [status] * times + [429]


async def test_a_wrong_key_in_a_websocket_s_first_message_is_charged(app: Starlette) -> None:
    codes = []
    times = app.state.service.rate_limiter.limit // (2 * REQUEST_COST)  # The handshake, and the refusal.
    for _ in range(times + 1):
        async with connected(app, host="192.0.2.15") as socket:
            socket.say(type="connection_init", payload={"Authorization": "Bearer m7b0_wrong"})
            codes.append((await socket.closed())[0])
    assert codes == [4403] * times + [1013]


async def test_each_event_of_a_subscription_is_charged_and_one_that_nothing_is_left_for_ends_it_not(
    databases: Databases,
) -> None:
    row = {"id": 1, **flight_values()}
    async with limited(databases, 500) as app, connected(app, host="192.0.2.1") as socket:
        await socket.initialise()
        socket.ask("subscription { flightChanged { id } }")
        await until(lambda: len(app.state.service.changes) == 1)
        told = []
        for _ in range(20):
            app.state.service.changes.publish([Change("flights", ChangeKind.UPDATED, row, row)])
            told.append((await socket.hear())["payload"])
        assert "errors" not in told[0]
        assert told[-1]["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert told[-1]["data"] is None
        assert len(app.state.service.changes) == 1


async def test_what_is_given_back_after_the_window_s_end_is_no_credit() -> None:
    now = 0.0
    counters = Counters(lambda: now)
    limiter = RateLimiter(10, counters, Metrics())
    client = Client.at("192.0.2.1")
    increase = counters.incr

    async def increase_late(key: str, expiry: float, amount: int = 1) -> int:
        nonlocal now
        if amount < 0:
            now += 61  # The window ends before it is given back.
        return await increase(key, expiry, amount)

    counters.incr = increase_late  # type: ignore[method-assign]
    with pytest.raises(RateLimitedError):
        await limiter.charge(client, 11)
    assert (await limiter.charge(client, 1)).remaining == 9


async def test_what_never_fits_is_not_told_to_come_again(app: Starlette) -> None:
    query = "{ flights(first: 10) { edges { node { flightNumber } } } }"
    async with client_at(app, "192.0.2.16") as client:
        response = await client.post("/graphql", json={"query": query}, headers={"accept": GRAPHQL_RESPONSE})
    assert response.status_code == 400
    assert "retry-after" not in response.headers
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert "never" in error["message"]


async def test_addresses_are_counted_apart_and_keys_by_their_names(
    databases: Databases, cheap: int, small_url: str
) -> None:
    limit = cheap
    async with started(without_models(small_url, rate_limit=limit)) as app:
        await refill(app.state.service.database)
        keys = [await make_key(app.state.service.database, name=name) for name in ("one", "one", "other")]
        async with client_at(app, "192.0.2.1") as here, client_at(app, "192.0.2.2") as there:
            assert await statuses(here, 2) == [200, 429]
            assert await statuses(there, 1) == [200]
            # A key has a limit of its own, wherever it is used.
            assert await statuses(here, 1, headers=bearer(keys[0])) == [200]
            assert await statuses(there, 1, headers=bearer(keys[1])) == [429]
            assert await statuses(there, 1, headers=bearer(keys[2])) == [200]
        counted = app.state.service.metrics.registry.get_sample_value
        assert counted("rate_limited_total", {"counted_by": "key"}) == 1
        assert counted("rate_limited_total", {"counted_by": "address"}) == 1


def test_an_address_is_a_network_where_one_customer_has_it_all() -> None:
    same = {Client.at(host) for host in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9")}
    assert len(same) == 1
    assert Client.at("2001:db8:1:3::1") not in same
    assert Client.at("::ffff:192.0.2.1") == Client.at("192.0.2.1") != Client.at("192.0.2.2")
    assert Client.at(None) == Client.at("a proxy's nonsense") != Client.of_key("unknown")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def test_a_window_begins_with_the_first_request_and_then_all_is_there_again() -> None:
    clock = Clock()
    counters = Counters(clock)
    assert [await counters.incr("a", 60, 2), await counters.get_expiry("a")] == [2, 1_060]
    clock.now += 59
    assert [await counters.incr("a", 60), await counters.get("a")] == [3, 3]
    clock.now += 1
    assert [await counters.get("a"), await counters.incr("a", 60), await counters.get_expiry("a")] == [0, 1, 1_120]


async def test_counters_of_clients_that_are_gone_are_forgotten() -> None:
    clock = Clock()
    counters = Counters(clock)
    for number in range(100):
        await counters.incr(str(number), 60)
    clock.now += 60
    await counters.incr("new", 60)
    assert len(counters) == 1


async def test_what_is_refused_by_the_limit_is_not_charged() -> None:
    limiter = RateLimiter(10, None, Metrics())
    client = Client.of_key("one")
    assert (await limiter.charge(client, 7)).remaining == 3
    with pytest.raises(RateLimitedError) as refusal:
        await limiter.charge(client, 4)
    assert refusal.value.allowance.remaining == 3
    assert (await limiter.charge(client, 3)).remaining == 0


async def test_of_requests_at_once_as_many_pass_as_the_limit_has_room_for() -> None:
    limiter = RateLimiter(10, None, Metrics())
    client = Client.of_key("one")
    results = await asyncio.gather(*(limiter.charge(client, 1) for _ in range(30)), return_exceptions=True)
    assert sum(isinstance(each, RateLimitedError) for each in results) == 20


@pytest.mark.needs("redis-server")
async def test_replicas_with_one_redis_share_the_limit(databases: Databases, cheap: int, tmp_path: Path) -> None:
    limit = 3 * cheap
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(redis_server(tmp_path))
        apps = [
            await stack.enter_async_context(limited(databases, limit, rate_limit_storage_url=server.url))
            for _ in range(2)
        ]
        clients = [await stack.enter_async_context(client_at(app, "192.0.2.1")) for app in apps]
        responses = [await clients[number % 2].post("/graphql", json={"query": CHEAP}) for number in range(4)]
        assert [response.status_code for response in responses] == [200, 200, 200, 429]
        assert 59 <= int(responses[3].headers["retry-after"]) <= 62
        # The refusal was given back: what is left is left to both.
        assert responses[2].headers["RateLimit"].startswith('"cost";r=0;')


@pytest.mark.needs("redis-server")
async def test_a_process_counts_by_itself_while_redis_is_away(
    databases: Databases, cheap: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "STORAGE_PAUSE_SECONDS", 0.0)
    limit = 2 * cheap
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(redis_server(tmp_path))
        app = await stack.enter_async_context(limited(databases, limit, rate_limit_storage_url=server.url))
        async with client_at(app, "192.0.2.1") as client:
            failures = app.state.service.metrics.registry.get_sample_value
            assert await statuses(client, 2) == [200, 200]
            await server.stop()
            # Neither refused for what nobody can look up, nor without a limit.
            assert await statuses(client, 3) == [200, 200, 429]
            assert failures("rate_limit_storage_failures_total") >= 1
            before = failures("rate_limit_storage_failures_total")
            await server.start()
            assert await statuses(client, 3) == [200, 200, 429]
            assert failures("rate_limit_storage_failures_total") == before


async def test_a_storage_that_takes_connections_and_says_nothing_holds_up_one_request() -> None:
    connections = 0

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while await reader.read(1_000):
            pass
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    metrics = Metrics()
    limiter = rate_limiter(3, f"redis://127.0.0.1:{port}/0", metrics)
    assert limiter is not None
    left = [(await limiter.charge(Client.of_key("one"), 1)).remaining for _ in range(3)]
    assert left == [2, 1, 0]
    assert (connections, metrics.registry.get_sample_value("rate_limit_storage_failures_total")) == (1, 1)
    await limiter.close()
    server.close()
    await server.wait_closed()


async def test_a_storage_that_does_not_answer_is_left_alone_for_a_while() -> None:
    asked = 0

    class Away(Counters):
        async def incr(self, key: str, expiry: float, amount: int = 1) -> int:  # noqa: ARG002 — as a storage does.
            nonlocal asked
            asked += 1
            raise ConnectionError("nobody there")

    clock = Clock()
    limiter = RateLimiter(100, Away(), Metrics(), monotonic=clock)
    client = Client.of_key("one")
    for _ in range(5):
        await limiter.charge(client, 1)
    assert asked == 1
    clock.now += rate_limit.STORAGE_PAUSE_SECONDS
    await asyncio.gather(*(limiter.charge(client, 1) for _ in range(5)))
    assert asked == 2


@pytest.mark.parametrize(
    "url",
    [
        "",
        "memory",
        "memory://here",
        "redis://",
        "redis:///0",
        "redis://h:x/0",
        "redis://h/flights",
        "http://h",
        "redis://:p@h/0?a=b",
    ],
)
def test_a_storage_that_is_none_is_refused_at_the_start(databases: Databases, url: str) -> None:
    settings = without_models(databases.flights("sqlite"), rate_limit_storage_url=url)
    with pytest.raises(ValueError, match=r"RATE_LIMIT_STORAGE_URL .* write memory:// or redis://") as refusal:
        create_app(settings)
    assert ":p@" not in str(refusal.value)


async def test_a_redis_with_tls_and_a_password_is_a_storage() -> None:
    limiter = rate_limiter(10, "rediss://:secret@redis.example:6380/2", Metrics())
    assert limiter is not None
    await limiter.close()


def test_production_has_a_limit_unless_it_is_switched_off() -> None:
    def limit(**values: Any) -> int:
        return without_models("sqlite:///m7b0.db", **values).rate_limit

    production = {"app_env": Environment.PRODUCTION, "writes": Access.KEYS}
    assert limit() == 0
    assert limit(**production) == RATE_LIMIT_IN_PRODUCTION
    assert limit(**production, rate_limit=0) == 0


@pytest.mark.parametrize("value", ["*", "proxy.example", "10.0.0.1/8"])
def test_a_proxy_that_is_no_address_is_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="neither an address nor a network"):
        Settings(_env_file=None, trusted_proxies=value)


@pytest.mark.parametrize(("trusted", "expected"), [("127.0.0.0/8", [200, 200, 429]), ("", [200, 429, 429])])
async def test_only_a_trusted_proxy_says_for_whom_it_asks(
    databases: Databases, cheap: int, tmp_path: Path, trusted: str, expected: list[int]
) -> None:
    limit = cheap
    environment = {
        "DATABASE_URL": databases.flights("sqlite"),
        "RATE_LIMIT": str(limit),
        "TRUSTED_PROXIES": trusted,
        "MODEL_DIR": str(tmp_path),
    }
    with serving(tmp_path / "log", **environment) as server:
        async with httpx2.AsyncClient(base_url=server.url) as client:
            answered = [
                # What a client wrote itself stands before what its proxy added.
                (await statuses(client, 1, headers={"x-forwarded-for": f"203.0.113.{number}, {host}"}))[0]
                for number, host in enumerate(("192.0.2.1", "192.0.2.2", "192.0.2.1"))
            ]
            assert answered == expected
            metrics = (await client.get("/metrics")).text
        server.stop()
    names = {sample.name for family in text_string_to_metric_families(metrics) for sample in family.samples}
    assert "rate_limited_total" in names
    assert "192.0.2" not in metrics


def test_an_instant_is_told_in_whole_seconds() -> None:
    assert rate_limit._instant(1_000.2) == datetime.fromtimestamp(1_001, UTC)
