"""Queries by GET: what is answered, what is refused, and what caches are told."""

import json
from typing import Any

import httpx2
import pytest

from tests.databases import Databases
from tests.graphql_api.conftest import running, without_models
from tests.graphql_api.test_http import ANSWER, refused

PREFLIGHT = {"graphql-preflight": "1"}
DOCUMENT = "query Name($code: String!) { airline(code: $code) { name } }"
TYPES = ("json", "graphql-response+json")
FOLLOW = "flightChanged { id }"
PARAMETERS = {"query": DOCUMENT, "variables": '{"code": "UA"}'}


async def get(client: httpx2.AsyncClient, parameters: dict[str, Any], **headers: str) -> httpx2.Response:
    return await client.get("/graphql", params=parameters, headers={**PREFLIGHT, **headers})


async def test_a_query_is_answered(client: httpx2.AsyncClient) -> None:
    response = await get(client, PARAMETERS)
    assert (response.status_code, response.json()) == (200, ANSWER)
    named = {"query": f"{DOCUMENT} query Other {{ __typename }}", "operationName": "Other", "extensions": "{}"}
    assert (await get(client, {**named, "variables": ""})).json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("name", ["graphql-preflight", "apollo-require-preflight", "X-Requested-With"])
async def test_a_page_of_another_site_cannot_send_it_unasked(client: httpx2.AsyncClient, name: str) -> None:
    response = await client.get("/graphql", params=PARAMETERS)
    assert "GraphQL-Preflight" in (await refused(response, 400))["message"]
    assert response.headers["cache-control"] == "no-store"
    assert (await client.get("/graphql", params=PARAMETERS, headers={name: "true"})).json() == ANSWER


@pytest.mark.parametrize("operation", ["mutation", "subscription"])
@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json", "text/event-stream"])
async def test_only_queries_are_executed(client: httpx2.AsyncClient, operation: str, accept: str) -> None:
    field = "deleteFlight(id: 1, expectedVersion: 1) { __typename }" if operation == "mutation" else FOLLOW
    response = await get(client, {"query": f"{operation} {{ {field} }}"}, accept=accept)
    assert (await refused(response, 405))["message"] == f"A GET is for queries; send a {operation} by POST."
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "There is no `query`"),
        ({**PARAMETERS, "variables": "{"}, "variables in the URL is not JSON"),
        ({**PARAMETERS, "variables": "[]"}, "variables: "),
        ({**PARAMETERS, "extensions": "5"}, "extensions: "),
        ({"query": ["{ a }", "{ b }"]}, "query is in the URL twice"),
    ],
)
async def test_parameters_that_are_none_are_refused(
    client: httpx2.AsyncClient, parameters: dict[str, Any], words: str
) -> None:
    assert words in (await refused(await get(client, parameters), 400))["message"]


async def test_an_answer_is_not_sent_again_to_who_has_it(client: httpx2.AsyncClient) -> None:
    first = await get(client, PARAMETERS)
    assert first.headers["cache-control"] == "public, no-cache"
    assert first.headers["vary"] == "Accept, Authorization, GraphQL-Cost"
    tag = first.headers["etag"]
    for have in (tag, f"W/{tag}", f'"other", W/{tag} , "another"', f'"with, comma",{tag}', "*", " * "):
        again = await get(client, PARAMETERS, **{"if-none-match": have})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = await get(client, {**PARAMETERS, "variables": '{"code": "AA"}'}, **{"if-none-match": tag})
    assert other.status_code == 200
    assert other.headers["etag"] != tag


async def test_who_has_another_answer_is_sent_this_one(client: httpx2.AsyncClient) -> None:
    tag = (await get(client, PARAMETERS)).headers["etag"]
    bare = tag.strip('"')
    for have in ("", '"*"', '"other"', bare, f'"x{bare}"', f'"{bare}x"', f'"*", "{bare[:-1]}"', f'"x{tag}x"'):
        assert (await get(client, PARAMETERS, **{"if-none-match": have})).status_code == 200, have


async def test_the_same_answer_of_another_type_has_another_tag(client: httpx2.AsyncClient) -> None:
    tags = {(await get(client, PARAMETERS, accept=f"application/{kind}")).headers["etag"] for kind in TYPES}
    assert len(tags) == len(TYPES)


async def test_where_clients_are_limited_an_answer_is_for_who_asked(databases: Databases) -> None:
    async with running(without_models(databases.flights("sqlite"), rate_limit=10_000)) as client:
        response = await get(client, {"query": "{ rateLimit { remaining } }"})
    assert response.headers["cache-control"] == "private, no-cache"


async def test_what_has_errors_is_not_kept(client: httpx2.AsyncClient) -> None:
    for query in ("{ nope }", 'query { flight(id: "x") { id } }'):
        response = await get(client, {"query": query})
        assert response.headers["cache-control"] == "no-store"
        assert "etag" not in response.headers


async def test_caches_may_keep_an_answer_as_long_as_the_setting_says(databases: Databases) -> None:
    async with running(without_models(databases.flights("sqlite"), get_max_age_seconds=60)) as client:
        response = await get(client, PARAMETERS)
    assert response.headers["cache-control"] == "public, max-age=60"


async def test_a_browser_that_opens_a_query_gets_graphiql(client: httpx2.AsyncClient) -> None:
    response = await client.get("/graphql", params=PARAMETERS, headers={"accept": "text/html,*/*;q=0.8"})
    assert response.headers["content-type"].startswith("text/html")


async def test_the_answer_to_get_and_post_is_the_same(client: httpx2.AsyncClient) -> None:
    variables = json.loads(PARAMETERS["variables"])
    posted = await client.post("/graphql", json={"query": DOCUMENT, "variables": variables})
    assert (await get(client, PARAMETERS)).content == posted.content
