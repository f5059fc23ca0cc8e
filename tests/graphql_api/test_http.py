"""GraphQL over HTTP: what is accepted, what is refused, and how each refusal reads."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.databases import Databases
from tests.graphql_api.conftest import running, without_models
from tests.servers import serving

QUERY = {"query": '{ airline(code: "UA") { name } }'}
ANSWER = {"data": {"airline": {"name": "United Air Lines Inc."}}}


@pytest.fixture(scope="module")
def served(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service in a process of its own."""
    log = tmp_path_factory.mktemp("served") / "log"
    with serving(log, DATABASE_URL=databases.flights("sqlite"), MODEL_DIR=str(log.parent)) as server:
        yield server.url


async def refused(response: httpx2.Response, status: int) -> dict[str, Any]:
    """The one error of a response that has no data."""
    assert response.status_code == status, response.text
    body = response.json()
    assert list(body) == ["errors"]
    (error,) = body["errors"]
    assert "Traceback" not in response.text
    return dict(error)


async def test_a_query_is_answered(client: httpx2.AsyncClient) -> None:
    response = await client.post("/graphql", json=QUERY)
    assert (response.status_code, response.json()) == (200, ANSWER)
    assert response.headers["content-type"] == "application/json"


async def test_the_graphql_media_type_is_used_where_it_is_accepted(client: httpx2.AsyncClient) -> None:
    accept = {"accept": "application/graphql-response+json, application/json;q=0.9"}
    response = await client.post("/graphql", json=QUERY, headers=accept)
    assert (response.status_code, response.json()) == (200, ANSWER)
    assert response.headers["content-type"] == "application/graphql-response+json"
    response = await client.post("/graphql", json={"query": "{ nope }"}, headers=accept)
    assert (await refused(response, 400))["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{", None, "GRAPHQL_PARSE_FAILED"),
        ("", None, "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("query($a: Int!) { flights(first: $a) { totalCount } }", {"a": "x"}, "BAD_USER_INPUT"),
        ("query($a: Int!) { flights(first: $a) { totalCount } }", {}, "BAD_USER_INPUT"),
        ("query($a: Int!) { flights(first: $a) { totalCount } }", {"a": 2**31}, "BAD_USER_INPUT"),
        ("subscription { nope }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("[" * 50_000, None, "GRAPHQL_PARSE_FAILED"),
        ("{ a" * 1_500, None, "GRAPHQL_PARSE_FAILED"),
        ("{ " + "airlines { id } " * 2_000 + "}", None, "LIMIT_EXCEEDED"),
    ],
)
async def test_a_faulty_request_gets_a_code_and_no_data(
    client: httpx2.AsyncClient, query: str, variables: Any, code: str
) -> None:
    response = await client.post("/graphql", json={"query": query, "variables": variables})
    assert (await refused(response, 200))["extensions"] == {"code": code}


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
@pytest.mark.parametrize("name", [None, "C"])
async def test_a_request_that_does_not_say_which_operation_it_means_is_a_bad_one(
    client: httpx2.AsyncClient, accept: str, name: str | None
) -> None:
    body = {"query": "query A { airlines { id } } query B { airlines { id } }", "operationName": name}
    response = await client.post("/graphql", json=body, headers={"accept": accept})
    error = await refused(response, 400)
    assert (error["extensions"], "A, B" in error["message"]) == ({"code": "BAD_USER_INPUT"}, True)


async def test_the_operation_that_is_named_is_executed(client: httpx2.AsyncClient) -> None:
    document = 'query A { airline(code: "UA") { code } } query B { airline(code: "AA") { code } }'
    response = await client.post("/graphql", json={"query": document, "operationName": "B"})
    assert response.json() == {"data": {"airline": {"code": "AA"}}}
    response = await client.post("/graphql", json={"query": document, "operationName": "C"})
    assert (await refused(response, 400))["message"] == "The document has no operation 'C'. It holds A, B."


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "The body is not JSON"),
        (b"{", 400, "The body is not JSON"),
        (b"5", 400, "The body must be a JSON object"),
        (b"null", 400, "The body must be a JSON object"),
        (b"[]", 400, "The body must be a JSON object"),
        (b'"x"', 400, "The body must be a JSON object"),
        (b"{}", 400, "query"),
        (b'{"query": 5}', 400, "query"),
        (b'{"query": null}', 400, "query"),
        (b'{"documentId": 5}', 400, "documentId"),
        (b'{"query": "{ airlines { id } }", "extensions": []}', 400, "extensions"),
        (b'[{"query": "{ airlines { id } }"}]', 400, "The body must be a JSON object"),
        (b'{"query": "{ airlines { id } }", "variables": []}', 400, "variables"),
        (b'{"query": "{ airlines { id } }", "operationName": 5}', 400, "operationName"),
        (b'{"query": "\xff"}', 400, "The body is not JSON"),
        (b'{"query": ' + b"[" * 200_000 + b"}", 400, "The body is not JSON"),
        (b'{"query": "{ airlines { id } }", "variables": {"a": ' + b"9" * 5_000 + b"}}", 200, None),
        (b" " * 2_000_000, 413, "The body has 2000000 bytes; at most 1048576 are accepted"),
    ],
)
async def test_any_body_gets_a_clear_answer(
    client: httpx2.AsyncClient, body: bytes, status: int, words: str | None
) -> None:
    response = await client.post("/graphql", content=body, headers={"content-type": "application/json"})
    if words is None:
        assert response.status_code in (status, 400)
    else:
        assert words in (await refused(response, status))["message"]


async def test_a_body_without_an_end_is_given_up(client: httpx2.AsyncClient) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        for _ in range(10_000):
            sent += 65_536
            yield b" " * 65_536

    response = await client.post("/graphql", content=endless(), headers={"content-type": "application/json"})
    assert (await refused(response, 413))["extensions"] == {"code": "LIMIT_EXCEEDED"}
    assert sent < 20_000_000


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_client_that_sends_too_much_reads_why_it_is_refused(served: str, framing: str) -> None:
    """On a real connection, which would be reset if it was closed with something unread."""
    body = b" " * 10_000_000
    content = body if framing == "length" else (body[start : start + 65_536] for start in range(0, len(body), 65_536))
    response = httpx2.post(f"{served}/graphql", content=content, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["errors"][0]["extensions"]) == (413, {"code": "LIMIT_EXCEEDED"})


async def test_a_body_that_does_not_arrive_is_given_up(databases: Databases) -> None:
    async def stalling() -> Any:
        yield b'{"query": '
        await asyncio.sleep(30)

    async with running(without_models(databases.flights("sqlite"), body_timeout_seconds=0.1)) as client:
        json_type = {"content-type": "application/json"}
        response = await client.post("/graphql", content=stalling(), headers=json_type)
    assert "did not arrive within 0.1 seconds" in (await refused(response, 408))["message"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "", "application/jsonx"],
)
async def test_a_form_of_another_site_cannot_send_queries(client: httpx2.AsyncClient, content_type: str) -> None:
    response = await client.post("/graphql", content=json.dumps(QUERY), headers={"content-type": content_type})
    assert "application/json" in (await refused(response, 415))["message"]


async def test_other_methods_are_told_which_one_is_right(client: httpx2.AsyncClient) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        response = await client.request(method, "/graphql", headers={"accept": "application/json"})
        assert "POST" in (await refused(response, 405))["message"]
        assert response.headers["allow"] == "GET, POST"


async def test_a_browser_gets_graphiql_in_development(client: httpx2.AsyncClient) -> None:
    response = await client.get("/graphql", headers={"accept": "text/html,application/xhtml+xml"})
    assert response.status_code == 200
    assert "graphiql" in response.text.lower()
    home = await client.get("/")
    assert (home.status_code, home.headers["location"]) == (307, "/graphql")


async def test_every_answer_carries_the_id_that_the_log_has(client: httpx2.AsyncClient) -> None:
    response = await client.post("/graphql", json=QUERY, headers={"x-request-id": "abc-12345"})
    assert response.headers["x-request-id"] == "abc-12345"
    response = await client.post("/graphql", json=QUERY, headers={"x-request-id": "bad id\n"})
    assert len(response.headers["x-request-id"]) == 16


async def test_the_service_goes_on_after_every_refusal(client: httpx2.AsyncClient) -> None:
    for body in (b"", b"5", b'{"query": "{"}'):
        await client.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert (await client.post("/graphql", json=QUERY)).json() == ANSWER


async def test_a_compressed_body_is_refused(client: httpx2.AsyncClient) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    response = await client.post("/graphql", content=gzip.compress(json.dumps(QUERY).encode()), headers=headers)
    assert "compressed" in (await refused(response, 415))["message"]
    assert response.headers["accept-encoding"] == "identity"


async def test_a_client_that_takes_nothing_there_is_is_told_what_there_is(client: httpx2.AsyncClient) -> None:
    response = await client.post("/graphql", json=QUERY, headers={"accept": "text/plain"})
    assert "application/graphql-response+json" in (await refused(response, 406))["message"]


@pytest.mark.parametrize("depth", [100, 400, 900])
async def test_variables_however_deep_get_an_error_and_no_fault(client: httpx2.AsyncClient, depth: int) -> None:
    where: dict[str, Any] = {}
    for _ in range(depth):
        where = {"not": where}
    query = "query($where: FlightFilter) { flights(where: $where, first: 1) { totalCount } }"
    response = await client.post("/graphql", json={"query": query, "variables": {"where": where}})
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] in ("LIMIT_EXCEEDED", "BAD_USER_INPUT")


async def test_operations_of_a_batch_are_answered_in_their_order(databases: Databases) -> None:
    async with running(without_models(databases.flights("sqlite"), batch_max=3)) as client:
        response = await client.post("/graphql", json=[QUERY, {"query": "{ nope }"}, QUERY])
        first, second, third = response.json()
        assert (response.status_code, first, third) == (200, ANSWER, ANSWER)
        assert second["errors"][0]["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}
        stream = await client.post("/graphql", json=[QUERY], headers={"accept": "text/event-stream"})
        assert "batch" in (await refused(stream, 406))["message"]
        (costly,) = (await client.post("/graphql", json=[QUERY], headers={"graphql-cost": "true"})).json()
        assert costly["extensions"]["cost"]["requested"] > 0
        for batch in ([], [QUERY] * 4):
            message = (await refused(await client.post("/graphql", json=batch), 400))["message"]
            assert message == f"The batch has {len(batch)} operations; it must have 1 to 3."
        assert "JSON object" in (await refused(await client.post("/graphql", json=[5]), 400))["message"]


async def test_a_page_of_another_site_may_call_where_the_setting_says_so(databases: Databases) -> None:
    preflight = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    site = "https://app.example.com"
    settings = without_models(databases.flights("sqlite"), cors_origins=f"{site}, https://b.example")
    async with running(settings) as client:
        agreed = await client.options("/graphql", headers={"origin": site, **preflight})
        assert (agreed.status_code, agreed.headers["access-control-allow-origin"]) == (200, site)
        response = await client.post("/graphql", json=QUERY, headers={"origin": site})
        assert response.headers["access-control-allow-origin"] == site
        assert "ETag" in response.headers["access-control-expose-headers"]
        other = await client.options("/graphql", headers={"origin": "https://c.example", **preflight})
        assert (other.status_code, "access-control-allow-origin" in other.headers) == (400, False)


async def test_no_page_of_another_site_may_call_by_default(client: httpx2.AsyncClient) -> None:
    response = await client.post("/graphql", json=QUERY, headers={"origin": "https://app.example.com"})
    assert "access-control-allow-origin" not in response.headers
