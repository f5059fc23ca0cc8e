"""Every mutation, every scope, every transport: who may, who may not, and that nothing happens then.

`python -m pytest -s tests/graphql_api/test_authorization.py` prints the matrix.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog
from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from starlette.applications import Starlette
from strawberry.types.base import get_object_definition
from strawberry.utils.str_converters import to_camel_case

from db.engine import Database
from db.keys import revoke_key
from db.tables import ApiKey, Base
from db.writes.changes import Change, ChangeKind
from db.writes.writer import Writer
from graphql_api.api_keys import new_key, prefix_of
from graphql_api.app import create_app
from graphql_api.principal import Principal, Scope
from graphql_api.schema.mutation import Mutation
from graphql_api.settings import Access
from tests.graphql_api.asgi import connected, posted
from tests.graphql_api.conftest import ALL_SCOPES, Graph, settings_for, started, without_models
from tests.keys import make_key
from tests.small import flight_values
from tests.waiting import until

FLIGHT = """{ carrierCode: "AA", flightNumber: 7, originCode: "JFK", destinationCode: "LAX",
    scheduledDeparture: "2030-06-02T12:00:00Z" }"""
# Each can be done, and done again, whatever the others did.
CALLS = {
    "createFlight": f"createFlight(input: {FLIGHT})",
    "updateFlight": 'updateFlight(id: "RmxpZ2h0OjE=", expectedVersion: 1, patch: { distanceMiles: 1 })',
    "deleteFlight": 'deleteFlight(id: "RmxpZ2h0OjE=", expectedVersion: 1)',
    "upsertFlights": f"upsertFlights(flights: [{FLIGHT}])",
    "upsertAirlines": 'upsertAirlines(airlines: [{ code: "B6", name: "JetBlue" }])',
    "upsertAirports": 'upsertAirports(airports: [{ code: "SJU", name: "San Juan" }])',
    "upsertAircraft": 'upsertAircraft(aircraft: [{ tailNumber: "N1" }])',
    "upsertWeather": 'upsertWeather(observations: [{ airportCode: "EWR", observedAt: "2030-06-01T12:00:00Z" }])',
    "promoteModel": 'promoteModel(version: "model_v1", alias: CHAMPION, force: true)',
}
NEEDS = {
    **{name: Scope.MODELS_ADMIN if name == "promoteModel" else Scope.FLIGHTS_WRITE for name in CALLS},
    "a query": Scope.FLIGHTS_READ,
    "introspection": Scope.INTROSPECT,
}
DOCUMENTS = {
    **{name: f"mutation {{ answer: {call} {{ __typename }} }}" for name, call in CALLS.items()},
    "a query": '{ answer: airline(code: "UA") { code } }',
    "introspection": "{ answer: __schema { queryType { name } } }",
}

Transport = Callable[[Starlette, str | None, str], Awaitable[dict[str, Any]]]
"""Sends a document to a running application, with an `Authorization` or without, and returns the whole answer."""


async def over_http(app: Starlette, authorization: str | None, document: str) -> dict[str, Any]:
    headers = {} if authorization is None else {"authorization": authorization}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://service") as client:
        answer: dict[str, Any] = (await client.post("/graphql", json={"query": document}, headers=headers)).json()
        return answer


async def over_websocket(app: Starlette, authorization: str | None, document: str) -> dict[str, Any]:
    async with connected(app) as client:
        client.say(type="connection_init", payload={} if authorization is None else {"authorization": authorization})
        if (first := await client.take())["type"] == "websocket.close":
            assert first["code"] == 4403
            return {"errors": [{"extensions": {"code": "UNAUTHENTICATED"}}]}
        client.ask(document)
        answer = await client.hear()
        return {"errors": answer["payload"]} if answer["type"] == "error" else dict(answer["payload"])


async def over_events(app: Starlette, authorization: str | None, document: str) -> dict[str, Any]:
    async with posted(app, document, authorization=authorization) as client:
        start = await client.take()
        if start["status"] == 401:
            return dict(json.loads((await client.take())["body"]))
        assert start["status"] == 200
        _, answer = await client.event()
        return dict(answer)


TRANSPORTS: dict[str, Transport] = {"HTTP": over_http, "WebSocket": over_websocket, "SSE": over_events}


async def credentials(database: Database) -> dict[str, tuple[str | None, frozenset[Scope] | None]]:
    """What may be sent, with the scopes that it has; None where it is refused whatever is asked."""
    revoked, expired = await make_key(database), await make_key(database, expires_at=datetime.now(UTC) - timedelta(1))
    await Writer(database).run(lambda writing: revoke_key(writing, str(prefix_of(revoked))))
    keys = {str(scope): (await make_key(database, [scope]), frozenset({scope})) for scope in Scope}
    keys["all four"] = await make_key(database), frozenset(Scope)
    refused = {"expired": expired, "revoked": revoked, "unknown": new_key().text, "malformed": "m7b0"}
    return {
        "no key": (None, frozenset()),
        **{name: (f"Bearer {key}", scopes) for name, (key, scopes) in keys.items()},
        **{name: (f"Bearer {key}", None) for name, key in refused.items()},
    }


def expected(needed: Scope, authorization: str | None, scopes: frozenset[Scope] | None) -> str:
    if scopes is None:
        return "UNAUTHENTICATED"
    if needed in scopes:
        return "done"
    return "UNAUTHENTICATED" if authorization is None else "FORBIDDEN"


def became(answer: dict[str, Any]) -> str:
    """In a word, what came of a request."""
    if "errors" in answer:
        (error,) = answer["errors"]
        assert not (answer.get("data") or {}).get("answer")
        return str(error["extensions"]["code"])
    assert answer["data"]["answer"] is not None
    return "done"


async def everything(database: Database, models: Path) -> list[Any]:
    """All that mutations could have changed."""
    tables = [table for table in Base.metadata.sorted_tables if table.name != ApiKey.__tablename__]
    rows = [sorted(map(repr, await database.fetch("test", select(table)))) for table in tables]
    return [*rows, (models / "aliases.json").read_bytes()]


def printed(title: str, cells: dict[tuple[str, str], str]) -> None:
    columns = list(dict.fromkeys(column for _, column in cells))
    table = Table("", *columns, title=title)
    for row in dict.fromkeys(row for row, _ in cells):
        table.add_row(row, *(cells[row, column] for column in columns))
    Console(width=220).print(table)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_who_may_do_what(transport: str, small_database: Database, small_url: str, models: Path) -> None:
    sent = await credentials(small_database)
    rule = {(row, column): expected(needed, *sent[column]) for row, needed in NEEDS.items() for column in sent}
    found: dict[tuple[str, str], str] = {}

    async def ask(cells: list[tuple[str, str]]) -> None:
        for row, column in cells:
            found[row, column] = became(await TRANSPORTS[transport](app, sent[column][0], DOCUMENTS[row]))

    app = create_app(settings_for(small_url, reads=Access.KEYS, introspection=Access.KEYS, model_dir=models))
    # No lines of the log between those of the matrix.
    with structlog.testing.capture_logs():
        async with app.router.lifespan_context(app):
            before = await everything(small_database, models)
            await ask([cell for cell, outcome in rule.items() if outcome != "done"])
            assert await everything(small_database, models) == before
            await ask([cell for cell, outcome in rule.items() if outcome == "done"])
    title = f"{transport}, {small_database.dialect}, READS=keys, INTROSPECTION=keys"
    printed(title, {cell: found[cell] for cell in rule})
    assert found == rule


FOLLOW = "subscription { flightChanged { kind } }"
DELETED = {"data": {"flightChanged": {"kind": "DELETED"}}}


def deleted(number: int) -> Change:
    return Change("flights", ChangeKind.DELETED, {"id": number, **flight_values(flight_number=number)}, None)


@pytest.fixture
async def closed(small_url: str) -> AsyncIterator[Starlette]:
    """The service where reading takes a key, which is looked at anew each time."""
    async with started(without_models(small_url, reads=Access.KEYS, key_cache_seconds=0)) as app:
        yield app


async def test_following_changes_takes_the_scope_to_read(closed: Starlette, small_database: Database) -> None:
    writer = f"Bearer {await make_key(small_database, [Scope.FLIGHTS_WRITE])}"
    for over in (over_websocket, over_events):
        assert became(await over(closed, None, FOLLOW)) == "UNAUTHENTICATED"
        assert became(await over(closed, writer, FOLLOW)) == "FORBIDDEN"


async def test_who_follows_over_a_websocket_follows_no_longer_when_the_key_is_revoked(
    closed: Starlette, small_database: Database
) -> None:
    key, changes = await make_key(small_database, [Scope.FLIGHTS_READ]), closed.state.service.changes
    async with connected(closed) as client:
        await client.initialise(authorization=f"Bearer {key}")
        client.ask(FOLLOW)
        await until(lambda: len(changes) == 1)
        changes.publish([deleted(1)])
        assert (await client.hear())["payload"] == DELETED
        await Writer(small_database).run(lambda writing: revoke_key(writing, str(prefix_of(key))))
        changes.publish([deleted(2), deleted(3)])
        refused = await client.hear()
        assert (refused["type"], became(refused["payload"])) == ("next", "UNAUTHENTICATED")
        assert await client.hear() == {"id": "1", "type": "complete"}
        await until(lambda: len(changes) == 0)
        client.ask("{ __typename }", name="2")
        assert became({"errors": (await client.hear())["payload"]}) == "UNAUTHENTICATED"


async def test_who_follows_a_stream_follows_no_longer_when_the_key_is_revoked(
    closed: Starlette, small_database: Database
) -> None:
    key, changes = await make_key(small_database, [Scope.FLIGHTS_READ]), closed.state.service.changes
    async with posted(closed, FOLLOW, authorization=f"Bearer {key}") as client:
        await client.start()
        await until(lambda: len(changes) == 1)
        changes.publish([deleted(1)])
        assert await client.event() == ("next", DELETED)
        await Writer(small_database).run(lambda writing: revoke_key(writing, str(prefix_of(key))))
        changes.publish([deleted(2), deleted(3)])
        kind, refused = await client.event()
        assert (kind, became(refused)) == ("next", "UNAUTHENTICATED")
        assert await client.event() == ("complete", None)
        await until(lambda: len(changes) == 0)


async def test_a_websocket_s_key_may_come_with_the_handshake(closed: Starlette, small_database: Database) -> None:
    key = await make_key(small_database, [Scope.FLIGHTS_READ])
    async with connected(closed, authorization=f"Bearer {key}") as client:
        await client.initialise()
        client.ask('{ airline(code: "UA") { code } }')
        assert (await client.hear())["payload"] == {"data": {"airline": {"code": "UA"}}}


@pytest.mark.parametrize("payload", [{"authorization": 5}, {"authorization": ""}, {"Authorization": "Bearer x"}])
async def test_a_websocket_with_what_is_no_key_is_closed(closed: Starlette, payload: dict[str, Any]) -> None:
    async with connected(closed) as client:
        client.say(type="connection_init", payload=payload)
        code, reason = await client.closed()
        assert code == 4403
        assert "Authorization" in reason or "API key" in reason


async def test_a_websocket_with_a_key_in_its_url_is_closed(closed: Starlette, small_database: Database) -> None:
    key = await make_key(small_database)
    async with connected(closed, query_string=f"token={key}") as client:
        code, reason = await client.closed()
        assert (code, reason[:36]) == (4400, "A key does not belong in the URL, wh")


def test_the_matrix_has_every_mutation() -> None:
    fields = get_object_definition(Mutation, strict=True).fields
    assert {to_camel_case(field.python_name) for field in fields} == set(CALLS)


async def test_where_writing_is_open_everybody_may_and_promoting_takes_a_key_all_the_same(
    small_database: Database, small_url: str, models: Path
) -> None:
    app = create_app(settings_for(small_url, writes=Access.OPEN, model_dir=models))
    async with app.router.lifespan_context(app):
        answers = {name: became(await over_http(app, None, DOCUMENTS[name])) for name in NEEDS}
        reader = f"Bearer {await make_key(small_database, [Scope.FLIGHTS_READ])}"
        assert became(await over_http(app, reader, DOCUMENTS["upsertAirlines"])) == "done"
        assert became(await over_http(app, reader, DOCUMENTS["promoteModel"])) == "FORBIDDEN"
    assert answers == dict.fromkeys(NEEDS, "done") | {"promoteModel": "UNAUTHENTICATED"}


async def test_of_several_mutations_those_are_done_that_are_allowed(small_graph: Graph) -> None:
    writer = Graph(
        small_graph.service, small_graph.executor, Principal(7, "w", "m7b0_w", frozenset({Scope.FLIGHTS_WRITE}))
    )
    document = (
        f"mutation {{ one: {CALLS['upsertAirlines']} {{ __typename }} two: {CALLS['promoteModel']} {{ __typename }} }}"
    )
    answer = await writer.answer(document)
    (error,) = answer["errors"]
    assert (error["extensions"], error["path"]) == ({"code": "FORBIDDEN"}, ["two"])
    assert error["message"] == (
        "promoteModel needs the scope models:admin, which the key m7b0_w does not have. Make one that has it with "
        "`python -m graphql_api keys create --name w --scope models:admin` where the service runs."
    )
    assert (await small_graph.data('{ airline(code: "B6") { name } }')) == {"airline": {"name": "JetBlue"}}


async def test_a_key_s_successor_is_answered_as_it_was_and_nobody_else(small_graph: Graph) -> None:
    """Keys of one name share their idempotency keys: a write may be sent again after the key was replaced."""
    document = f'mutation {{ createFlight(input: {FLIGHT}, idempotencyKey: "k") {{ __typename }} }}'

    async def create(key_id: int | None, name: str) -> str:
        principal = Principal(key_id, name, f"m7b0_{key_id}", ALL_SCOPES.scopes)
        asked = Graph(small_graph.service, small_graph.executor, principal)
        return str((await asked.data(document))["createFlight"]["__typename"])

    assert await create(1, "timetable") == "FlightCreated"
    assert await create(2, "timetable") == "FlightCreated"
    assert await create(3, "another") == "FlightAlreadyExists"
    assert await create(None, "") == "FlightAlreadyExists"
    assert (await small_graph.data("{ flights { totalCount } }"))["flights"]["totalCount"] == 2
