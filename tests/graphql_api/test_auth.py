"""Who sends a request over HTTP: keys that are right, wrong, missing, or where they do not belong."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
import structlog

from db.engine import Database
from db.keys import revoke_key
from db.writes.writer import Writer
from graphql_api.api_keys import new_key, prefix_of
from graphql_api.metrics import AUTHENTICATIONS
from graphql_api.principal import Scope
from graphql_api.settings import Access
from tests.graphql_api.conftest import running, without_models
from tests.keys import bearer, make_key

QUERY = {"query": '{ airline(code: "UA") { code } }'}
ANSWER = {"data": {"airline": {"code": "UA"}}}
INTROSPECTION = {"query": "{ __schema { queryType { name } } }"}
GRAPHQL = {"accept": "application/graphql-response+json"}


@dataclass
class Asked:
    """A running service and its database, with a few rows."""

    client: httpx2.AsyncClient
    database: Database

    async def post(self, headers: Any, query: dict[str, Any] = QUERY, path: str = "/graphql") -> httpx2.Response:
        return await self.client.post(path, json=query, headers=headers)

    async def counted(self) -> dict[str, int]:
        """How often each outcome was counted."""
        text = (await self.client.get("/metrics")).text
        found = re.findall(r'^authentications_total\{outcome="(\w+)"\} (\S+)$', text, re.MULTILINE)
        return {outcome: int(float(count)) for outcome, count in found}


@pytest.fixture(scope="module")
async def open_client(small_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with running(without_models(small_url)) as client:
        yield client


@pytest.fixture(scope="module")
async def closed_client(small_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    settings = without_models(small_url, reads=Access.KEYS, introspection=Access.KEYS)
    async with running(settings) as client:
        yield client


@pytest.fixture
def asked(open_client: httpx2.AsyncClient, small_database: Database) -> Asked:
    return Asked(open_client, small_database)


@pytest.fixture
def closed(closed_client: httpx2.AsyncClient, small_database: Database) -> Asked:
    """Nothing without a key."""
    return Asked(closed_client, small_database)


def refused(response: httpx2.Response, status: int, code: str) -> str:
    """The message of a request that is refused as a whole."""
    assert response.status_code == status, response.text
    body = response.json()
    assert list(body) == ["errors"]
    (error,) = body["errors"]
    assert error["extensions"] == {"code": code}
    assert response.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
    return str(error["message"])


async def test_without_a_key_reading_is_open_and_so_it_is_with_any_key(asked: Asked) -> None:
    assert (await asked.post({})).json() == ANSWER
    for scope in Scope:
        assert (await asked.post(bearer(await make_key(asked.database, [scope])))).json() == ANSWER


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER   {}", " Bearer {} "])
async def test_a_key_is_read_as_the_standard_writes_it(closed: Asked, form: str) -> None:
    key = await make_key(closed.database)
    assert (await closed.post({"authorization": form.format(key)})).json() == ANSWER


@pytest.mark.parametrize(
    ("authorization", "words"),
    [
        ("", "not a bearer token"),
        ("Bearer", "not a bearer token"),
        ("Bearer ", "not a bearer token"),
        ("Bearer a b", "not a bearer token"),
        ("Bearer a, Bearer b", "not a bearer token"),
        ("Basic dXNlcjpwYXNzd29yZA==", "not a bearer token"),
        ("m7b0_x4qk07bd_abc", "not a bearer token"),
        ("Bearer x", "not an API key, as in m7b0_xxxxxxxx_…"),
        ("Bearer m7b0_x4qk07bd", "not an API key"),
        ("Bearer " + "x" * 5000, "not an API key"),
        # Right but for one character too many.
        ("Bearer m7b0_x4qk07bd_" + "k" * 33, "not an API key"),
    ],
)
async def test_what_is_no_key_is_refused_though_reading_is_open(asked: Asked, authorization: str, words: str) -> None:
    message = refused(await asked.post({"authorization": authorization}), 401, "UNAUTHENTICATED")
    assert words in message
    assert "Authorization: Bearer KEY" in message
    assert "x" * 100 not in message


async def test_two_keys_in_one_request_are_refused(asked: Asked) -> None:
    keys = [await make_key(asked.database) for _ in range(2)]
    headers = [("authorization", f"Bearer {key}") for key in keys]
    refused(await asked.post(headers), 401, "UNAUTHENTICATED")


async def test_nobody_learns_whether_a_prefix_or_a_secret_was_wrong(asked: Asked) -> None:
    key, other = await make_key(asked.database), new_key()
    wrong_secret = other.text.replace(other.prefix, str(prefix_of(key)))
    messages = {refused(await asked.post(bearer(text)), 401, "UNAUTHENTICATED") for text in (other.text, wrong_secret)}
    assert len(messages) == 1
    assert "No API key is like this one." in messages.pop()


async def test_the_owner_is_told_that_a_key_has_expired_or_was_revoked(asked: Asked) -> None:
    expired = await make_key(asked.database, name="old one", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    message = refused(await asked.post(bearer(expired)), 401, "UNAUTHENTICATED")
    assert f"The API key {prefix_of(expired)} expired at 20" in message
    assert "--name 'old one'" in message
    revoked = await make_key(asked.database)
    await Writer(asked.database).run(lambda writing: revoke_key(writing, str(prefix_of(revoked))))
    message = refused(await asked.post(bearer(revoked)), 401, "UNAUTHENTICATED")
    assert f"The API key {prefix_of(revoked)} was revoked at 20" in message
    # A guess at the secret of such a key is told nothing.
    guess = new_key()
    text = guess.text.replace(guess.prefix, str(prefix_of(revoked)))
    assert "No API key is like this one." in refused(await asked.post(bearer(text)), 401, "UNAUTHENTICATED")


async def test_a_wrong_key_is_refused_before_the_body_is_read(asked: Asked) -> None:
    headers = {"authorization": "Bearer x", "content-length": "9" * 15, "content-type": "application/json"}
    response = await asked.client.post("/graphql", content=b"{", headers=headers)
    refused(response, 401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "parameters",
    ["api_key={}", "apikey={}", "API-Key={}", "access_token={}", "key={}", "token=x", "authorization=", "q={}", "{}"],
)
async def test_a_key_in_the_url_is_refused_though_it_is_right(asked: Asked, parameters: str) -> None:
    key = await make_key(asked.database)
    with structlog.testing.capture_logs() as logged:
        for response in (
            await asked.post(bearer(key), path=f"/graphql?{parameters.format(key)}"),
            await asked.client.get(f"/graphql?{parameters.format(key)}", headers={"accept": "text/html"}),
        ):
            message = refused(response, 400, "BAD_USER_INPUT")
            assert "`Authorization: Bearer KEY`" in message
            assert "keys revoke" in message
            assert key not in response.text
    assert key not in str(logged)


async def test_other_parameters_of_the_url_do_no_harm(asked: Asked) -> None:
    assert (await asked.post({}, path="/graphql?query=x&utm_source=y&monkey=z")).json() == ANSWER


async def test_no_line_of_the_log_holds_a_key(asked: Asked) -> None:
    key = await make_key(asked.database)
    with structlog.testing.capture_logs() as logged:
        await asked.post(bearer(key))
        await asked.post(bearer(new_key().text))
        await asked.post({}, path=f"/graphql/{key}")
    requests = [entry for entry in logged if entry["event"] == "request"]
    assert [entry.get("key") for entry in requests] == [prefix_of(key), None, None]
    assert requests[2]["path"] == f"/graphql/{prefix_of(key)}_…"
    assert key not in str(logged)
    assert key.rpartition("_")[2] not in str(logged)


async def test_without_its_database_a_key_is_neither_right_nor_wrong() -> None:
    async with running(without_models("postgresql://nobody@127.0.0.1:9/none")) as client:
        response = await client.post("/graphql", json=QUERY, headers=bearer(new_key().text))
        assert "Try again later" in refused(response, 503, "UNAVAILABLE")
        text = (await client.get("/metrics")).text
    assert 'authentications_total{outcome="unavailable"} 1.0' in text


async def test_what_came_of_keys_is_counted(asked: Asked) -> None:
    key = await make_key(asked.database)
    before = await asked.counted()
    assert set(before) == set(AUTHENTICATIONS)
    await asked.post({})
    await asked.post(bearer(key))
    await asked.post(bearer(key))
    await asked.post(bearer(new_key().text))
    await asked.post({"authorization": "?"})
    await asked.post({}, path="/graphql?api_key=1")
    expected = {"anonymous": 1, "accepted": 2, "unknown": 1, "malformed": 1, "in_url": 1}
    after = await asked.counted()
    assert {outcome: after[outcome] - before[outcome] for outcome in after} == dict.fromkeys(before, 0) | expected


@pytest.mark.parametrize(
    ("query", "scope", "words"),
    [
        (QUERY, Scope.FLIGHTS_READ, "This query"),
        (INTROSPECTION, Scope.INTROSPECT, "Introspection"),
        ({"query": '{ __type(name: "Flight") { name } }'}, Scope.INTROSPECT, "Introspection"),
    ],
)
async def test_what_is_closed_takes_a_key_with_its_scope(
    closed: Asked, query: dict[str, Any], scope: Scope, words: str
) -> None:
    message = refused(await closed.post(GRAPHQL, query), 401, "UNAUTHENTICATED")
    assert f"{words} needs an API key with the scope {scope}." in message
    assert f"keys create --name NAME --scope {scope}`" in message
    lacking = await make_key(closed.database, set(Scope) - {scope}, name="almost all")
    message = refused(await closed.post({**GRAPHQL, **bearer(lacking)}, query), 403, "FORBIDDEN")
    assert f"{words} needs the scope {scope}, which the key {prefix_of(lacking)} does not have." in message
    # A client of plain JSON is answered as it always is where a request is refused as a whole.
    response = await closed.post({}, query)
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (200, "UNAUTHENTICATED")
    right = await make_key(closed.database, [scope])
    assert "data" in (await closed.post(bearer(right), query)).json()


async def test_a_document_is_refused_for_what_it_hides_in_a_fragment(closed: Asked) -> None:
    document = """query A { ...F } query B { __typename }
        fragment F on Query { ... { ...G } } fragment G on Query { ...H x: __schema { queryType { name } } }
        fragment H on Query { airlines { code } }"""
    reader = await make_key(closed.database, [Scope.FLIGHTS_READ])
    query = {"query": document, "operationName": "A"}
    message = refused(await closed.post({**GRAPHQL, **bearer(reader)}, query), 403, "FORBIDDEN")
    assert "Introspection needs the scope introspect" in message
    assert (await closed.post({}, {**query, "operationName": "B"})).json() == {"data": {"__typename": "Query"}}
