"""GraphQL over Server-Sent Events: one request, one stream."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.applications import Starlette

from db.writes.changes import Change, ChangeKind
from graphql_api.app import end_streams
from graphql_api.settings import Access
from graphql_api.state import Service
from tests.databases import Databases
from tests.graphql_api.asgi import posted
from tests.graphql_api.conftest import started, without_models
from tests.small import flight_values
from tests.waiting import until

AIRLINE = '{ airline(code: "UA") { name } }'
NAME = {"data": {"airline": {"name": "United Air Lines Inc."}}}
FOLLOW = "subscription { flightChanged { kind flight { flightNumber } } }"


@pytest.fixture(scope="module")
async def app(databases: Databases) -> AsyncIterator[Starlette]:
    settings = without_models(
        databases.flights("sqlite"), subscription_queue_max=3, send_timeout_seconds=5, writes=Access.OPEN
    )
    async with started(settings) as running:
        yield running


@pytest.fixture
async def service(app: Starlette) -> AsyncIterator[Service]:
    """Afterwards nothing is left of what the test did."""
    before = asyncio.all_tasks()
    yield app.state.service
    assert (len(app.state.service.changes), len(app.state.service.streams)) == (0, 0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert {task for task in left if not task.done()} == set()


def created(number: int) -> Change:
    return Change("flights", ChangeKind.CREATED, None, {"id": number, **flight_values(flight_number=number)})


def told(number: int) -> tuple[str, object]:
    change = {"kind": "CREATED", "flight": {"flightNumber": number}}
    return "next", {"data": {"flightChanged": change}}


async def subscribed(service: Service) -> None:
    await until(lambda: len(service.changes) == 1)


async def test_changes_are_told_one_by_one_until_the_client_leaves(app: Starlette, service: Service) -> None:
    async with posted(app, FOLLOW) as reader:
        headers = await reader.start()
        assert headers["content-type"] == "text/event-stream; charset=utf-8"
        assert headers["cache-control"] == "no-store"
        assert headers["x-accel-buffering"] == "no"
        await subscribed(service)
        for number in (1, 2):
            service.changes.publish([created(number)])
            assert await reader.event() == told(number)


@pytest.mark.parametrize("query", [AIRLINE, "mutation { upsertAirlines(airlines: []) { __typename } }"])
async def test_a_single_answer_comes_as_a_stream_to_who_accepts_nothing_else(
    app: Starlette, service: Service, query: str
) -> None:
    async with posted(app, query) as reader:
        await reader.start()
        kind, data = await reader.event()
        assert (kind, list(data)) == ("next", ["data"])
        assert await reader.event() == ("complete", None)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { flightChanged(where: { carrierCode: { eq: null } }) { id } }", "BAD_USER_INPUT"),
    ],
)
async def test_what_cannot_be_is_said_in_the_stream(app: Starlette, service: Service, query: str, code: str) -> None:
    async with posted(app, query) as reader:
        await reader.start()
        kind, data = await reader.event()
        assert (kind, list(data)) == ("next", ["errors"])
        assert data["errors"][0]["extensions"] == {"code": code}
        assert await reader.event() == ("complete", None)


async def test_who_accepts_json_too_gets_single_answers_as_json(client: httpx2.AsyncClient) -> None:
    accept = {"accept": "application/graphql-response+json, application/json, text/event-stream, multipart/mixed"}
    response = await client.post("/graphql", json={"query": AIRLINE}, headers=accept)
    assert (response.json(), response.headers["content-type"]) == (NAME, "application/graphql-response+json")


async def test_who_accepts_json_too_gets_a_subscription_as_a_stream(app: Starlette, service: Service) -> None:
    async with posted(app, FOLLOW, accept="application/json, text/event-stream") as reader:
        await reader.start()
        await subscribed(service)


async def test_who_accepts_no_stream_is_told_how_to_subscribe(client: httpx2.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": FOLLOW})
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "text/event-stream" in error["message"]
    assert "graphql-transport-ws" in error["message"]


async def test_a_slow_reader_is_told_and_its_stream_completed(app: Starlette, service: Service) -> None:
    async with posted(app, FOLLOW) as reader:
        await reader.start()
        await subscribed(service)
        reader.reads.clear()
        service.changes.publish([created(1)])
        await asyncio.sleep(0.05)
        service.changes.publish([created(number) for number in range(2, 6)])
        assert len(service.changes) == 0
        reader.reads.set()
        assert await reader.event() == told(1)
        kind, data = await reader.event()
        assert (kind, data["errors"][0]["extensions"]) == ("next", {"code": "LIMIT_EXCEEDED"})
        assert "More than 3 changes" in data["errors"][0]["message"]
        assert await reader.event() == ("complete", None)


async def test_a_client_that_reads_nothing_is_cut_off_and_one_that_hears_nothing_kept_alive(
    databases: Databases,
) -> None:
    settings = without_models(databases.flights("sqlite"), ping_seconds=0.05, send_timeout_seconds=0.2)
    async with started(settings) as app, posted(app, FOLLOW) as reader:
        await reader.start()
        for _ in range(3):
            assert (await reader.take())["body"] == b":\n\n"
        reader.reads.clear()
        await until(lambda: reader.cut_off)


async def test_who_is_gone_before_the_stream_begins_leaves_nothing_behind(databases: Databases) -> None:
    settings = without_models(databases.flights("sqlite"), send_timeout_seconds=0.2)
    async with started(settings) as app, posted(app, FOLLOW) as reader:
        reader.reads.clear()
        await until(lambda: reader.cut_off)
        await until(lambda: len(app.state.service.changes) == 0)


async def test_a_service_that_stops_completes_its_streams(databases: Databases) -> None:
    async with started(without_models(databases.flights("sqlite"))) as app, posted(app, FOLLOW) as reader:
        await reader.start()
        await subscribed(app.state.service)
        stopping = asyncio.create_task(end_streams(app.state.service))
        assert await reader.event() == ("complete", None)
        await stopping
