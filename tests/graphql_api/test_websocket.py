"""graphql-transport-ws: what clients say in their order, out of it, and not at all."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog
from starlette.applications import Starlette

from db.engine import Database
from db.writes.changes import Change, ChangeKind
from graphql_api.app import end_streams
from graphql_api.settings import Access
from graphql_api.state import Service
from tests.databases import Databases
from tests.graphql_api.asgi import Socket, connected
from tests.graphql_api.conftest import settings_for, started, without_models
from tests.small import flight_values
from tests.waiting import until

AIRLINE = '{ airline(code: "UA") { name } }'
NAME = {"data": {"airline": {"name": "United Air Lines Inc."}}}
FOLLOW = "subscription($where: FlightFilter) { flightChanged(where: $where) { kind flight { flightNumber } } }"


@pytest.fixture(scope="module")
async def app(databases: Databases) -> AsyncIterator[Starlette]:
    """The protocol is the same whatever the database."""
    settings = without_models(
        databases.flights("sqlite"), subscription_queue_max=3, operations_per_connection_max=2, subscriptions_max=3
    )
    async with started(settings) as running:
        yield running


@pytest.fixture
async def socket(app: Starlette) -> AsyncIterator[Socket]:
    async with connected(app) as client:
        yield client


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


async def subscribed(service: Service, count: int) -> None:
    await until(lambda: len(service.changes) == count)


async def test_another_sub_protocol_is_refused(app: Starlette, service: Service) -> None:
    async with connected(app, "graphql-ws", "soap") as client:
        assert (await client.closed())[0] == 4406


async def test_one_of_several_sub_protocols_is_chosen(app: Starlette, service: Service) -> None:
    async with connected(app, "graphql-ws", "graphql-transport-ws") as client:
        await client.initialise()


async def test_a_query_is_answered_and_completed(service: Service, socket: Socket) -> None:
    await socket.initialise()
    socket.ask(AIRLINE, name="a")
    assert await socket.hear() == {"id": "a", "type": "next", "payload": NAME}
    assert await socket.hear() == {"id": "a", "type": "complete"}
    socket.ask(AIRLINE, name="a")
    assert await socket.hear() == {"id": "a", "type": "next", "payload": NAME}, "the name was free again"


async def test_instants_end_in_z_on_both_databases(databases: Databases, dialect: str) -> None:
    text = '{ flights(first: 1, where: {carrierCode: {eq: "UA"}}) { nodes { scheduledDeparture } } }'
    async with started(settings_for(databases.flights(dialect))) as app, connected(app) as client:
        await client.initialise()
        client.ask(text, name="a")
        (flight,) = (await client.hear())["payload"]["data"]["flights"]["nodes"]
        assert flight["scheduledDeparture"].endswith("Z")


async def test_a_change_is_told_until_the_client_wants_no_more(service: Service, socket: Socket) -> None:
    await socket.initialise()
    socket.ask(FOLLOW, {"where": {"flightNumber": {"lte": 2}}})
    await subscribed(service, 1)
    service.changes.publish([created(1), created(3), created(2)])
    for number in (1, 2):
        change = {"kind": "CREATED", "flight": {"flightNumber": number}}
        assert await socket.hear() == {"id": "1", "type": "next", "payload": {"data": {"flightChanged": change}}}
    socket.say(id="1", type="complete")
    await subscribed(service, 0)
    service.changes.publish([created(1)])
    socket.ask(AIRLINE, name="1")
    assert (await socket.hear())["payload"] == NAME


async def test_pings_are_answered_before_the_initialisation_and_after_it(service: Service, socket: Socket) -> None:
    socket.say(type="ping")
    assert await socket.hear() == {"type": "pong"}
    await socket.initialise()
    socket.say(type="pong", payload={"from": "the client"})
    socket.say(type="ping", payload={"at": 1})
    assert await socket.hear() == {"type": "pong", "payload": {"at": 1}}


@pytest.mark.parametrize(
    "frame",
    [
        "[]",
        "5",
        "null",
        '"x"',
        "{",
        "",
        "[" * 100_000,
        b"{}",
        b"\xff",
        "{}",
        '{"type": null}',
        '{"type": ["ping"]}',
        '{"type": "start"}',
        '{"type": "next", "id": "1"}',
        '{"type": "connection_init", "payload": []}',
        '{"type": "connection_init", "payload": "key"}',
        '{"type": "ping", "payload": 1}',
        '{"type": "pong", "payload": "x"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ airlines { id } }"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ airlines { id } }"}}',
        '{"type": "subscribe", "id": "1", "payload": []}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 5}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "variables": []}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "operationName": {}}}',
        '{"type": "complete"}',
        '{"type": "complete", "id": {}}',
    ],
    ids=lambda frame: repr(frame)[:70],
)
@pytest.mark.parametrize("initialised", [False, True])
async def test_a_message_that_is_none_closes_the_connection_and_leaves_no_traceback(
    service: Service, socket: Socket, frame: str | bytes, *, initialised: bool, caplog: pytest.LogCaptureFixture
) -> None:
    if initialised:
        await socket.initialise()
    with structlog.testing.capture_logs() as logged:
        socket.frame(frame)
        code, reason = await socket.closed()
    assert (code, reason.startswith("Invalid message: ")) == (4400, True)
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert [entry for entry in logged if entry["log_level"] != "info"] == []


async def test_an_operation_before_the_initialisation_is_unauthorised(service: Service, socket: Socket) -> None:
    socket.ask(AIRLINE)
    assert await socket.closed() == (4401, "Unauthorized")


async def test_a_second_initialisation_is_one_too_many(service: Service, socket: Socket) -> None:
    await socket.initialise()
    socket.say(type="connection_init")
    assert await socket.closed() == (4429, "Too many initialisation requests")


async def test_a_name_that_is_in_use_closes_the_connection(service: Service, socket: Socket) -> None:
    await socket.initialise()
    socket.ask(FOLLOW, name="ä" * 100)
    socket.ask(FOLLOW, name="ä" * 100)
    code, reason = await socket.closed()
    assert code == 4409
    assert reason.startswith("Subscriber for ää")
    assert len(reason.encode()) <= 123


async def test_who_does_not_initialise_in_time_is_closed_also_while_it_pings(databases: Databases) -> None:
    settings = without_models(databases.flights("sqlite"), connection_init_seconds=0.2)
    async with started(settings) as app, connected(app) as client:
        client.say(type="ping")
        assert await client.hear() == {"type": "pong"}
        assert await client.closed() == (4408, "Connection initialisation timeout")


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{", None, "GRAPHQL_PARSE_FAILED"),
        ("subscription { nope }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { a: flightChanged { id } b: flightChanged { id } }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { flightChanged(where: { nope: 1 }) { id } }", None, "GRAPHQL_VALIDATION_FAILED"),
        (FOLLOW, {"where": {"nope": 1}}, "BAD_USER_INPUT"),
        (FOLLOW, {"where": {"carrierCode": {"eq": None}}}, "BAD_USER_INPUT"),
        (FOLLOW, {"where": {"carrierCode": {"eq": "\0"}}}, "BAD_USER_INPUT"),
        (FOLLOW, {"where": {"or": [{"flightNumber": {"in": [*range(1001)]}}]}}, "LIMIT_EXCEEDED"),
        ("query($c: String!) { airline(code: $c) { name } }", {}, "BAD_USER_INPUT"),
    ],
)
async def test_an_operation_that_cannot_be_is_an_error_of_its_own(
    service: Service, socket: Socket, query: str, variables: dict[str, Any] | None, code: str
) -> None:
    await socket.initialise()
    socket.ask(query, variables)
    answer = await socket.hear()
    assert (answer["id"], answer["type"]) == ("1", "error")
    assert {error["extensions"]["code"] for error in answer["payload"]} == {code}
    socket.ask(AIRLINE)
    assert (await socket.hear())["payload"] == NAME, "the connection goes on, and the name is free"


async def test_a_connection_has_so_many_operations_at_most(service: Service, socket: Socket) -> None:
    await socket.initialise()
    for name in ("1", "2", "3"):
        socket.ask(FOLLOW, name=name)
    answer = await socket.hear()
    assert (answer["id"], answer["type"], answer["payload"][0]["extensions"]) == (
        "3",
        "error",
        {"code": "LIMIT_EXCEEDED"},
    )
    await subscribed(service, 2)


async def test_a_process_has_so_many_subscriptions_at_most(app: Starlette, service: Service) -> None:
    async with connected(app) as one, connected(app) as other:
        for client in (one, other):
            await client.initialise()
        for client, name in ((one, "1"), (one, "2"), (other, "3")):
            client.ask(FOLLOW, name=name)
        await subscribed(service, 3)
        other.ask(FOLLOW, name="4")
        assert (await other.hear())["payload"][0]["extensions"] == {"code": "LIMIT_EXCEEDED"}


async def test_a_client_that_leaves_takes_its_subscriptions_along(app: Starlette, service: Service) -> None:
    async with connected(app) as client:
        await client.initialise()
        client.ask(FOLLOW)
        await subscribed(service, 1)


async def test_a_client_that_leaves_before_its_subscription_began_leaves_nothing(
    app: Starlette, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, connected_to_the_database = asyncio.Event(), asyncio.Event()

    async def slowly(_feed: object) -> bool:
        asked.set()
        await connected_to_the_database.wait()
        return True

    monkeypatch.setattr("db.feed.ChangeFeed.wait", slowly)
    async with connected(app) as client:
        await client.initialise()
        client.ask(FOLLOW)
        await asked.wait()
        client.leave()
        await asyncio.sleep(0.01)
        connected_to_the_database.set()


async def test_a_subscriber_that_reads_too_slowly_is_closed_and_the_others_hear_everything(
    app: Starlette, service: Service
) -> None:
    async with connected(app) as slow, connected(app) as other:
        for client in (slow, other):
            await client.initialise()
            client.ask(FOLLOW)
        await subscribed(service, 2)
        slow.reads.clear()
        for number in range(1, 9):
            service.changes.publish([created(number)])
            change = {"kind": "CREATED", "flight": {"flightNumber": number}}
            assert (await other.hear())["payload"] == {"data": {"flightChanged": change}}
        assert len(service.changes) == 1, "nothing is kept for the slow one"
        slow.reads.set()
        assert (await slow.hear())["type"] == "next"
        code, reason = await slow.closed()
        assert (code, reason) == (1013, "Too slow: More than 3 changes waited to be taken.")
    ends = {"transport": "websocket", "reason": "too_slow"}
    assert service.metrics.registry.get_sample_value("subscriptions_ended_total", ends) == 1


async def test_a_subscriber_that_does_not_read_at_all_is_cut_off(databases: Databases) -> None:
    settings = without_models(databases.flights("sqlite"), send_timeout_seconds=0.2)
    async with started(settings) as app, connected(app) as client:
        await client.initialise()
        client.ask(FOLLOW)
        await subscribed(app.state.service, 1)
        client.reads.clear()
        app.state.service.changes.publish([created(1)])
        await until(lambda: client.cut_off)
        assert (len(app.state.service.changes), len(app.state.service.streams)) == (0, 0)


async def test_a_write_that_has_begun_is_done_although_its_client_left(
    small_database: Database, small_url: str
) -> None:
    mutation = 'mutation { upsertAirlines(airlines: [{ code: "ZZ", name: "Left" }]) { __typename } }'
    async with started(without_models(small_url, writes=Access.OPEN)) as app:
        async with connected(app) as client, small_database.transaction():
            await client.initialise()
            client.ask(mutation)
            client.say(id="1", type="complete")
            client.say(type="ping")
            assert await client.hear() == {"type": "pong"}
            client.leave()
        async with connected(app) as client:
            await client.initialise()
            client.ask('{ airline(code: "ZZ") { name } }')
            assert (await client.hear())["payload"] == {"data": {"airline": {"name": "Left"}}}


async def test_a_service_that_stops_answers_completes_and_closes(databases: Databases) -> None:
    async with started(without_models(databases.flights("sqlite"))) as app, connected(app) as client:
        await client.initialise()
        client.ask(FOLLOW)
        await subscribed(app.state.service, 1)
        app.state.service.changes.publish([created(1)])
        stopping = asyncio.create_task(end_streams(app.state.service))
        assert (await client.hear())["type"] == "next"
        assert await client.hear() == {"id": "1", "type": "complete"}
        assert await client.closed() == (1001, "The service is stopping")
        await stopping


async def test_metrics_count_subscriptions_and_why_they_ended(app: Starlette, service: Service, socket: Socket) -> None:
    def counted(metric: str, **labels: str) -> float:
        return service.metrics.registry.get_sample_value(metric, {"transport": "websocket", **labels}) or 0.0

    ended = "subscriptions_ended_total"
    before = counted(ended, reason="completed"), counted(ended, reason="refused"), counted("subscription_events_total")
    await socket.initialise()
    socket.ask(FOLLOW, name="1")
    socket.ask(FOLLOW, name="2")
    await subscribed(service, 2)
    assert counted("subscriptions_active") == 2
    service.changes.publish([created(1)])
    await socket.hear()
    await socket.hear()
    socket.say(id="1", type="complete")
    await subscribed(service, 1)
    socket.frame("[]")
    await socket.closed()
    after = counted(ended, reason="completed"), counted(ended, reason="refused"), counted("subscription_events_total")
    assert counted("subscriptions_active") == 0
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 2]


async def test_a_connection_too_many_is_told_to_come_later(databases: Databases) -> None:
    async with started(without_models(databases.flights("sqlite"), websockets_max=2)) as app:
        async with connected(app) as first, connected(app):
            async with connected(app) as third:
                assert await third.closed() == (1013, "Too many connections: try again later")
            await first.initialise()
        async with connected(app) as again:
            await again.initialise()
