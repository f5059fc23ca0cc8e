"""Subscriptions from end to end: the running service, real connections, one process and two."""

import asyncio
import base64
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from db.engine import Database
from db.migrate import upgrade
from tests.databases import Databases, settings_for
from tests.graphql_api.conftest import operation
from tests.servers import Server
from tests.servers import serving as serving_anything
from tests.small import refill
from tests.subscribers import Subscriber, active_subscriptions, subscriber, subscriptions_of

DOCUMENT = operation("FlightChanged")
FOLLOW = "subscription($where: FlightFilter) { flightChanged(where: $where) { kind flight { flightNumber version } } }"
OPEN = {"WRITES": "open"}
"""Who follows writes here too, and keys are tried elsewhere."""
UPSERT = "mutation($flights: [CreateFlightInput!]!) { upsertFlights(flights: $flights) { __typename } }"
KILL = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'm7b0 changes'"""


def serving(log: Path, **environment: str) -> AbstractContextManager[Server]:
    """A service without models, which have no part in changes: it starts sooner."""
    return serving_anything(log, MODEL_DIR=str(log.parent), **environment)


@pytest.fixture
async def postgresql_url(databases: Databases) -> AsyncIterator[str]:
    """A few rows on PostgreSQL, in a database whose connections no other test has."""
    async with few_rows(databases, "postgresql") as url:
        yield url


@pytest.fixture
async def sqlite_url(databases: Databases) -> AsyncIterator[str]:
    """A few rows, for what is the same whatever the database."""
    async with few_rows(databases, "sqlite") as url:
        yield url


@asynccontextmanager
async def few_rows(databases: Databases, dialect: str) -> AsyncIterator[str]:
    url = await asyncio.to_thread(databases.empty, dialect)
    database = Database(settings_for(url), maintenance=True)
    await upgrade(database)
    await refill(database)
    await database.close()
    yield url
    await asyncio.to_thread(databases.drop, url)


async def write(url: str, *numbers: int, miles: int = 1400) -> None:
    """Add the flights with these numbers, or give them another distance."""
    flights = [
        {
            "carrierCode": "UA",
            "flightNumber": number,
            "originCode": "EWR",
            "destinationCode": "IAH",
            "scheduledDeparture": "2030-01-01T10:15:00Z",
            "distanceMiles": miles,
        }
        for number in numbers
    ]
    async with httpx2.AsyncClient(timeout=30) as client:
        response = await client.post(f"{url}/graphql", json={"query": UPSERT, "variables": {"flights": flights}})
    assert response.json()["data"]["upsertFlights"]["__typename"] == "UpsertPayload"


async def told(client: Subscriber, name: str = "1") -> Any:
    payload = await client.next(name)
    assert "errors" not in payload, payload
    return payload["data"]["flightChanged"]


async def numbers(client: Subscriber, count: int) -> list[int]:
    return [(await told(client))["flight"]["flightNumber"] for _ in range(count)]


async def closing(client: Subscriber) -> tuple[int, str]:
    """Code and reason with which the service closes the connection, whatever it says before."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await client.receive()
    assert client.connection.close_code is not None
    return client.connection.close_code, client.connection.close_reason or ""


@asynccontextmanager
async def events(url: str, query: str, **variables: Any) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """A stream of events: each with what it is, and its data."""
    request = {"json": {"query": query, "variables": variables}, "headers": {"accept": "text/event-stream"}}
    async with (
        httpx2.AsyncClient(timeout=20) as client,
        client.stream("POST", f"{url}/graphql", **request) as response,  # type: ignore[arg-type]  # keyword by keyword
    ):
        assert response.headers["content-type"].startswith("text/event-stream")

        async def each() -> AsyncIterator[tuple[str, Any]]:
            kind = ""
            async for line in response.aiter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data:"):
                    data = line.removeprefix("data:").strip()
                    yield kind, json.loads(data) if data else None

        yield each()


async def test_a_subscriber_on_either_transport_is_told_and_goodbye_is_said(
    small_database: Database, small_url: str, tmp_path: Path
) -> None:
    where = {"carrierCode": {"eq": "UA"}}
    with serving(tmp_path / "log", DATABASE_URL=small_url, **OPEN) as server:
        async with subscriber(server.url) as client, events(server.url, DOCUMENT, where=where) as stream:
            await client.initialise()
            await client.subscribe(DOCUMENT, {"where": where})
            await subscriptions_of(server.url, 2)
            await write(server.url, 4242)
            change = await told(client)
            assert (change["kind"], change["flight"]["flightNumber"]) == ("CREATED", 4242)
            assert await anext(stream) == ("next", {"data": {"flightChanged": change}})
            server.process.terminate()
            assert await client.receive() == {"id": "1", "type": "complete"}
            assert await closing(client) == (1001, "The service is stopping")
            assert await anext(stream) == ("complete", None)
        server.stop()
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "Application shutdown complete" in log
    assert "ASGI" not in log
    assert "Traceback" not in log


async def test_who_leaves_without_a_word_is_noticed(sqlite_url: str, tmp_path: Path) -> None:
    with serving(tmp_path / "log", DATABASE_URL=sqlite_url, PING_SECONDS="0.3", **OPEN) as server:
        async with subscriber(server.url) as client, events(server.url, FOLLOW):
            await client.initialise()
            await client.subscribe(FOLLOW)
            await subscriptions_of(server.url, 2)
            client.connection.transport.abort()
            await subscriptions_of(server.url, 1)
        await subscriptions_of(server.url, 0)
        async with silent(server.url):
            await subscriptions_of(server.url, 1)
            await subscriptions_of(server.url, 0)
        server.stop()
    assert "Traceback" not in (tmp_path / "log").read_text(encoding="utf-8")


@asynccontextmanager
async def silent(url: str) -> AsyncIterator[asyncio.StreamWriter]:
    """A subscriber that reads nothing and answers no ping, with a buffer that is soon full."""
    host, port = url.removeprefix("http://").split(":")
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=plain, limit=1024)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /graphql HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
        f"13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    for message in (
        {"type": "connection_init"},
        {"type": "subscribe", "id": "1", "payload": {"query": DOCUMENT}},
    ):
        writer.write(Frame(Opcode.TEXT, json.dumps(message).encode()).serialize(mask=True))
    try:
        yield writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_of_two_hundred_subscribers_one_that_does_not_read_costs_the_others_nothing(
    small_database: Database, small_url: str, tmp_path: Path
) -> None:
    limits = {"SUBSCRIPTION_QUEUE_MAX": "300", "SEND_TIMEOUT_SECONDS": "0.5"}
    with serving(tmp_path / "log", DATABASE_URL=small_url, **OPEN, **limits) as server:
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(subscriber(server.url)) for _ in range(199)]
            for client in clients:
                await client.initialise()
                await client.subscribe(FOLLOW, {"where": {"flightNumber": {"in": [1000, 1199]}}})
            await stack.enter_async_context(silent(server.url))
            await subscriptions_of(server.url, 200)
            # How much the system takes for who does not read differs from time to time.
            for miles in range(1400, 1440):
                await write(server.url, *range(1000, 1200), miles=miles)
                heard = await asyncio.gather(*(numbers(client, 2) for client in clients))
                assert heard == [[1000, 1199]] * 199
                if await active_subscriptions(server.url) == 199:
                    break
            await subscriptions_of(server.url, 199)
            await write(server.url, 1000)
            assert await asyncio.gather(*(numbers(client, 1) for client in clients)) == [[1000]] * 199
            measured = httpx2.get(f"{server.url}/metrics").text
        await subscriptions_of(server.url, 0)
        server.stop()
    assert 'subscriptions_ended_total{reason="too_slow",transport="websocket"} 1.0' in measured
    assert "Traceback" not in (tmp_path / "log").read_text(encoding="utf-8")


async def test_a_service_stops_although_somebody_does_not_read(sqlite_url: str, tmp_path: Path) -> None:
    with serving(tmp_path / "log", DATABASE_URL=sqlite_url, SEND_TIMEOUT_SECONDS="2", **OPEN) as server:
        async with silent(server.url):
            await subscriptions_of(server.url, 1)
            await write(server.url, *range(1000, 1300))
            server.stop()
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "Application shutdown complete" in log
    assert "Traceback" not in log


async def test_odd_frames_close_the_connection_with_the_right_code_and_no_traceback(
    databases: Databases, tmp_path: Path
) -> None:
    environment = {"DATABASE_URL": databases.flights("sqlite"), "BODY_BYTES_MAX": "10000"}
    with serving(tmp_path / "log", **environment) as server:
        for frame, code in (("[]", 4400), (b"{}", 4400), ('{"type": "x"}', 4400), ("x" * 10_001, 1009), ("{", 4400)):
            async with subscriber(server.url) as client:
                await client.initialise()
                await client.connection.send(frame)
                assert (await closing(client))[0] == code, frame
        async with subscriber(server.url) as client:
            await client.initialise()
            await client.connection.send(b"\xff\xfe", text=True)
            assert (await closing(client))[0] == 1007
        async with silent(server.url) as writer:
            writer.write(b"\xff" * 100)
            await subscriptions_of(server.url, 0)
        assert "data" in httpx2.post(f"{server.url}/graphql", json={"query": "{ airlines { code } }"}).json()
        server.stop()
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert " 500" not in log


async def test_a_handshake_is_logged_without_what_its_address_carries(databases: Databases, tmp_path: Path) -> None:
    with serving(tmp_path / "log", DATABASE_URL=databases.flights("sqlite"), APP_ENV="production") as server:
        async with httpx2.AsyncClient() as client:
            await client.get(f"{server.url}/graphql?key=secret", headers=_UPGRADE)
        async with subscriber(server.url, additional_headers={"x-request-id": "socket-1"}) as connected:
            await connected.initialise()
        server.stop()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text(encoding="utf-8").splitlines()]
    assert "secret" not in (tmp_path / "log").read_text(encoding="utf-8")
    (line,) = [line for line in lines if line["event"] == "websocket" and line["request_id"] == "socket-1"]
    assert (line["path"], line["code"]) == ("/graphql", 1006)


_UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": base64.b64encode(b"0123456789abcdef").decode(),
}


async def test_two_processes_tell_of_each_other_s_changes_also_after_their_connections_were_killed(
    postgresql_url: str, tmp_path: Path
) -> None:
    with (
        serving(tmp_path / "one", DATABASE_URL=postgresql_url, **OPEN) as one,
        serving(tmp_path / "other", DATABASE_URL=postgresql_url, **OPEN) as other,
    ):
        async with subscriber(one.url) as client, events(other.url, FOLLOW) as stream:
            await client.initialise()
            await client.subscribe(FOLLOW)
            for server in (one, other):
                await subscriptions_of(server.url, 1)
            await write(other.url, 10)
            await write(one.url, 11)
            heard = [(await anext(stream))[1]["data"]["flightChanged"]["flight"]["flightNumber"] for _ in range(2)]
            assert heard == await numbers(client, 2) == [10, 11]

            connection = await asyncpg.connect(postgresql_url)
            assert len(await connection.fetch(KILL)) == 2
            await connection.close()
            (error,) = (await client.next())["errors"]
            assert error["extensions"] == {"code": "UNAVAILABLE"}
            assert (await anext(stream))[1]["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}

            await write(other.url, 12)
            await write(one.url, 13)
            heard = [(await anext(stream))[1]["data"]["flightChanged"]["flight"]["flightNumber"] for _ in range(2)]
            assert heard == await numbers(client, 2) == [12, 13]
            assert "subscription_interruptions_total 1.0" in httpx2.get(f"{one.url}/metrics").text
        for server in (one, other):
            server.stop()
            assert "Traceback" not in server.log.read_text(encoding="utf-8")
