"""What takes too long is stopped: its SQL ends, its connection is free, and nothing is half done."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

import db.writes.flights
import graphql_api.loaders
import graphql_api.schema.connection
import graphql_api.schema.mutation
import graphql_api.schema.query
from db.engine import Database
from db.prepared import Prepared
from db.writes.changes import Change
from db.writes.writer import Writing
from graphql_api.settings import Access
from tests.databases import Databases
from tests.db.test_engine import ENDLESS
from tests.graphql_api.asgi import connected
from tests.graphql_api.conftest import OPERATIONS, Graph, graph_on, running, started, without_models
from tests.small import refill
from tests.waiting import PATIENCE_SECONDS, until

SECONDS = 0.5
# For what has to get somewhere within the limit, on a busy machine too.
PATIENT_SECONDS = 1.5
# Both would go on for hours. The one of SQLite says that it goes on by calling a function.
SLOW = {
    "postgresql": "SELECT pg_sleep(10000)",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + goes_on() FROM n) SELECT max(i) FROM n",
}
AIRLINES = "{ airlines { code } }"
CREATE = """mutation Create($key: String) {
  createFlight(idempotencyKey: $key, input: {
    carrierCode: "UA", flightNumber: 4711, originCode: "EWR", destinationCode: "IAH",
    scheduledDeparture: "2013-07-04T12:00:00Z", scheduledArrival: "2013-07-04T16:00:00Z"
  }) { __typename }
}"""
CREATED = {"createFlight": {"__typename": "FlightCreated"}}


class Slow:
    """A statement that does not end by itself, and how often SQLite called a function in it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.calls = 0
        self.began = asyncio.Event()

    def goes_on(self) -> int:
        self.calls += 1
        return 1

    async def execute(self, connection: AsyncConnection | None = None) -> Any:
        self.began.set()
        statement = text(SLOW[self.database.dialect])
        if connection is not None:
            return await connection.execute(statement)
        return await self.database.fetch("slow", statement)

    async def has_ended(self) -> None:
        """The server does not execute it any more, or the thread, and all connections are free."""
        assert self.began.is_set()
        pool: Any = self.database.engine.pool
        # A sibling of what was stopped first may need a moment more.
        await until(lambda: pool.checkedout() == 0)
        if self.database.dialect == "postgresql":
            # The server ends it a moment after the connection was given up, and long before its own limit.
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await self.database.fetch("going_on", text(_GOING_ON)):  # noqa: ASYNC110 — nothing says when.
                    await asyncio.sleep(0.01)
            return
        assert self.calls
        before = self.calls
        await asyncio.sleep(0.05)
        assert self.calls == before


_GOING_ON = """SELECT query FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%' AND state <> 'idle'"""


def slow_on(database: Database) -> Slow:
    slow = Slow(database)
    if database.dialect == "sqlite":

        @event.listens_for(database.engine.sync_engine, "connect")
        def _(connection: Any, _entry: Any) -> None:
            connection.create_function("goes_on", 0, slow.goes_on)

    return slow


@asynccontextmanager
async def hasty(url: str, seconds: float = SECONDS) -> AsyncIterator[tuple[Graph, Slow]]:
    """The service with a short limit, and with a connection; afterwards nothing is left of what it was asked."""
    before = asyncio.all_tasks()
    limits = {"request_timeout_seconds": seconds, "database_timeout_seconds": 3600}
    async with graph_on(url, model_dir=OPERATIONS, **limits) as graph:
        slow = slow_on(graph.service.database)
        await answered(graph, AIRLINES)
        yield graph, slow
    assert {task for task in asyncio.all_tasks() - before if not task.done()} == set()


async def timed_out(graph: Graph, query: str, variables: dict[str, Any] | None = None) -> str:
    """The message of the one error that is all of the answer."""
    body = await graph.answer(query, variables)
    assert list(body) == ["errors"]
    (error,) = body["errors"]
    assert error["extensions"] == {"code": "TIMEOUT"}
    return str(error["message"])


async def answered(graph: Graph, query: str, variables: dict[str, Any] | None = None) -> Any:
    """The data of a response, asked for until there is one: a busy machine may need longer than the short limit."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "errors" in (body := await graph.answer(query, variables)):
            assert {error["extensions"]["code"] for error in body["errors"]} == {"TIMEOUT"}
    return body["data"]


async def test_the_statement_of_a_query_is_stopped(flights_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hasty(flights_url) as (graph, slow):
        before = graph.counted("graphql_timeouts_total", operation_type="query")
        with monkeypatch.context() as patched:
            patched.setattr(graphql_api.schema.query, "all_airlines", lambda *_: slow.execute())
            message = await timed_out(graph, AIRLINES)
        assert message.startswith("This took longer than the 0.5 seconds")
        assert "Ask for less" in message
        await slow.has_ended()
        assert graph.counted("graphql_timeouts_total", operation_type="query") == before + 1
        assert await answered(graph, AIRLINES)


async def test_batches_and_siblings_are_stopped_with_the_query(
    flights_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = '{ a: airport(code: "JFK") { name } b: airline(code: "UA") { name } airlines { code } }'
    async with hasty(flights_url) as (graph, slow):
        with monkeypatch.context() as patched:
            patched.setattr(graphql_api.loaders, "rows_by_key", lambda *_: slow.execute())
            patched.setattr(graphql_api.schema.query, "all_airlines", lambda *_: slow.execute())
            await timed_out(graph, query)
        await slow.has_ended()
        assert await answered(graph, query)


async def test_a_page_that_takes_too_long_is_stopped_and_frees_its_connection(
    flights_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = "{ flights(first: 1) { nodes { id } } }"
    async with hasty(flights_url) as (graph, _):
        endless = Prepared(ENDLESS[graph.service.database.dialect], (), ())
        with monkeypatch.context() as patched:
            patched.setattr(
                graphql_api.schema.connection, "read_pages", lambda database, *_: database.rows("slow", endless, ())
            )
            # More than there are connections.
            await asyncio.gather(*(timed_out(graph, page) for _ in range(8)))
        assert await asyncio.gather(*(answered(graph, page) for _ in range(8)))


async def test_more_than_the_pool_holds_can_be_stopped(flights_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hasty(flights_url) as (graph, slow):
        with monkeypatch.context() as patched:
            patched.setattr(graphql_api.schema.query, "all_airlines", lambda *_: slow.execute())
            await asyncio.gather(*(timed_out(graph, AIRLINES) for _ in range(8)))
        await slow.has_ended()
        assert await answered(graph, AIRLINES)


async def test_a_mutation_that_is_stopped_before_its_commit_did_nothing(
    small_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_flight = db.writes.flights.create_flight
    async with hasty(small_url, PATIENT_SECONDS) as (graph, slow):
        await refill(graph.service.database)
        await graph.service.database.engine.dispose()

        async def create_slowly(writing: Writing, given: Any) -> Any:
            answer = await create_flight(writing, given)
            await slow.execute(writing.connection)
            return answer

        with monkeypatch.context() as patched:
            patched.setattr(graphql_api.schema.mutation, "create_flight", create_slowly)
            message = await timed_out(graph, CREATE, {"key": "one"})
        assert "idempotencyKey" in message
        await slow.has_ended()
        assert await answered(graph, CREATE, {"key": "one"}) == CREATED


async def test_a_commit_that_was_begun_is_finished_and_told(small_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    transaction = Database.transaction
    told: list[Change] = []

    @asynccontextmanager
    async def committing_slowly(database: Database) -> AsyncIterator[AsyncConnection]:
        async with transaction(database) as connection:
            yield connection
            await asyncio.sleep(PATIENT_SECONDS + 0.2)

    async with hasty(small_url, PATIENT_SECONDS) as (graph, _):
        await refill(graph.service.database)
        committed = graph.service.feed.committed

        def tell(changes: Sequence[Change]) -> None:
            told.extend(changes)
            committed(changes)

        monkeypatch.setattr(graph.service.feed, "committed", tell)
        with monkeypatch.context() as patched:
            patched.setattr(Database, "transaction", committing_slowly)
            await timed_out(graph, CREATE, {"key": "two"})
        assert len(told) == 1
        # Not FlightAlreadyExists: it is answered as it was the first time.
        assert await answered(graph, CREATE, {"key": "two"}) == CREATED
        assert len(told) == 1


async def test_the_limit_of_a_subscription_is_that_of_each_event(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = databases.copy("sqlite")
    settings = without_models(url, request_timeout_seconds=PATIENT_SECONDS, writes=Access.OPEN)
    follow = "subscription { flightChanged { kind flight { airline { name } } } }"
    async with started(settings) as app, connected(app) as socket:
        slow = slow_on(app.state.service.database)
        await socket.initialise()
        socket.ask(follow)
        await until(lambda: len(app.state.service.changes) == 1)
        with monkeypatch.context() as patched:
            patched.setattr(graphql_api.loaders, "rows_by_key", lambda *_: slow.execute())
            socket.ask(CREATE, name="2")
            messages = [await socket.hear() for _ in range(3)]
        (late,) = [each["payload"] for each in messages if each["id"] == "1"]
        assert late["data"] is None
        assert late["errors"][0]["extensions"]["code"] == "TIMEOUT"
        socket.ask(CREATE.replace("4711", "4712"), name="3")
        messages = [await socket.hear() for _ in range(3)]
        (event_,) = [each["payload"] for each in messages if each["id"] == "1"]
        assert event_["data"]["flightChanged"]["flight"]["airline"]["name"]
    databases.drop(url)


async def test_a_query_that_is_stopped_is_504_to_a_client_of_the_graphql_type(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forever(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(graphql_api.schema.query, "all_airlines", forever)
    settings = without_models(databases.flights("sqlite"), request_timeout_seconds=0.05)
    async with running(settings) as client:
        for accept, status in (("application/graphql-response+json", 504), ("application/json", 200)):
            response = await client.post("/graphql", json={"query": AIRLINES}, headers={"accept": accept})
            assert response.status_code == status
            assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["TIMEOUT"]
