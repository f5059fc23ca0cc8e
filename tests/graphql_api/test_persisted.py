"""Documents that a client names in place of sending them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from graphql_api.__main__ import app
from graphql_api.app import create_app
from graphql_api.persisted import digest, read_manifest
from tests.databases import Databases
from tests.graphql_api.conftest import OPERATIONS, running, settings_for, without_models
from tests.graphql_api.test_http import ANSWER, QUERY, refused

DOCUMENT = QUERY["query"]
GRAPHQL = {"accept": "application/graphql-response+json"}


def named(document: str, **more: Any) -> dict[str, Any]:
    """A request that names a document as Apollo's clients do."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest(document)}}, **more}


async def post(client: httpx2.AsyncClient, body: dict[str, Any]) -> httpx2.Response:
    return await client.post("/graphql", json=body)


async def test_a_document_that_was_sent_with_its_hash_may_be_named_by_it(databases: Databases) -> None:
    async with running(without_models(databases.flights("sqlite"))) as client:
        unknown = await refused(await post(client, named(DOCUMENT)), 200)
        assert unknown == {"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}
        assert (await post(client, named(DOCUMENT, query=DOCUMENT))).json() == ANSWER
        assert (await post(client, named(DOCUMENT))).json() == ANSWER
        assert (await post(client, {"documentId": f"sha256:{digest(DOCUMENT)}"})).json() == ANSWER
        parameters = {"extensions": json.dumps(named(DOCUMENT)["extensions"])}
        response = await client.get("/graphql", params=parameters, headers={"apollo-require-preflight": "true"})
        assert (response.json(), response.headers["cache-control"]) == (ANSWER, "public, no-cache")


async def test_only_what_is_valid_is_remembered(databases: Databases) -> None:
    async with running(without_models(databases.flights("sqlite"))) as client:
        for document in ("{", "{ nope }"):
            await post(client, named(document, query=document))
            assert "PersistedQueryNotFound" in (await refused(await post(client, named(document)), 200))["message"]


async def test_no_more_is_remembered_than_the_setting_says(databases: Databases) -> None:
    documents = [f'{{ airline(code: "UA") {{ name }} }} # {number}' for number in range(3)]
    async with running(without_models(databases.flights("sqlite"), document_cache_size=2)) as client:
        for document in documents:
            await post(client, named(document, query=document))
        answers = [(await post(client, named(document))).json() for document in documents]
    assert ["data" in answer for answer in answers] == [False, True, True]


async def test_a_document_is_not_remembered_under_the_hash_of_another(client: httpx2.AsyncClient) -> None:
    response = await post(client, named("{ airlines { code } }", query=DOCUMENT))
    assert digest(DOCUMENT) in (await refused(response, 400))["message"]


@pytest.mark.parametrize(
    ("persisted", "words"),
    [
        ({"version": 1}, "sha256Hash"),
        ({"version": 1, "sha256Hash": 5}, "sha256Hash"),
        ({"version": 2, "sha256Hash": "a" * 64}, "version 1"),
        ({"sha256Hash": "a" * 64}, "version 1"),
        ("a" * 64, "sha256Hash"),
    ],
)
async def test_what_names_no_document_is_told_what_would(
    client: httpx2.AsyncClient, persisted: Any, words: str
) -> None:
    response = await post(client, {"extensions": {"persistedQuery": persisted}})
    assert words in (await refused(response, 400))["message"]


async def test_where_they_are_off_a_client_learns_to_send_documents(databases: Databases) -> None:
    async with running(without_models(databases.flights("sqlite"), persisted_operations="off")) as client:
        assert (await refused(await post(client, named(DOCUMENT)), 200))["message"] == "PersistedQueryNotSupported"
        assert (await post(client, named(DOCUMENT, query=DOCUMENT))).json() == ANSWER


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of the clients' operations, as the command writes it."""
    path = tmp_path_factory.mktemp("manifest") / "trusted.json"
    done = CliRunner().invoke(app, ["manifest", str(OPERATIONS), "--out", str(path)])
    assert done.exit_code == 0, done.output
    return path


@pytest.fixture(scope="module")
async def trusting(databases: Databases, manifest: Path) -> AsyncIterator[httpx2.AsyncClient]:
    settings = settings_for(databases.flights("sqlite"), persisted_operations="trusted", trusted_documents=manifest)
    async with running(settings) as client:
        yield client


def operation_of(manifest: Path, name: str) -> dict[str, str]:
    (found,) = [each for each in json.loads(manifest.read_text())["operations"] if each["name"] == name]
    return dict(found)


async def test_a_trusted_document_is_executed_whichever_way_it_is_named(
    trusting: httpx2.AsyncClient, manifest: Path
) -> None:
    models = operation_of(manifest, "Models")
    requests: list[dict[str, Any]] = [
        {"documentId": models["id"]},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": models["id"]}}},
        {"query": models["body"]},
        {"query": (OPERATIONS / "Models.graphql").read_text()},
        {"query": " ".join(models["body"].split()) + " # as a client lays it out"},
    ]
    answers = [(await post(trusting, request)).json() for request in requests]
    # As clients add it, to know what they got.
    typed = await post(trusting, {"query": models["body"].replace("models {", "__typename models { __typename")})
    assert typed.json()["data"]["models"][0]["__typename"] == "DelayModel"
    assert answers[0]["data"]["models"]
    assert answers == [answers[0]] * len(requests)


async def test_what_is_much_longer_than_any_of_them_is_not_looked_at(
    trusting: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphql_api.persisted.parse", None)
    long = f'{{ airline(code: "{"a" * 100_000}") {{ name }} }}'
    assert (await refused(await post(trusting, {"query": long}), 200))["extensions"] == {"code": "FORBIDDEN"}


@pytest.mark.parametrize(
    "query", [DOCUMENT, "{ __schema { types { name } } }", "{", "{ models { version } }", "[" * 5_000]
)
async def test_no_other_document_is(trusting: httpx2.AsyncClient, query: str) -> None:
    response = await trusting.post("/graphql", json={"query": query}, headers=GRAPHQL)
    error = await refused(response, 403)
    assert error["extensions"] == {"code": "FORBIDDEN"}
    assert "manifest" in error["message"]
    # Nor does sending it with its hash make it known.
    await post(trusting, named(query, query=query))
    assert (await refused(await post(trusting, named(query)), 200))["message"] == "PersistedQueryNotFound"


def test_manifests_of_other_tools_are_read(tmp_path: Path) -> None:
    path = tmp_path / "persisted-documents.json"
    path.write_text(json.dumps({"sha256:abc": DOCUMENT}))
    assert read_manifest(path) == {"abc": DOCUMENT}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "is none"),
        ("5", "is none"),
        ('{"operations": [{"id": "a"}]}', "is none"),
        ('{"a": "{"}', "cannot be parsed"),
        ('{"a": 5}', "is none"),
        ("{}", "holds no document"),
    ],
)
def test_the_service_does_not_start_on_a_manifest_that_is_none(tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_text(content)
    settings = settings_for("sqlite:///m7b0.db", persisted_operations="trusted", trusted_documents=path)
    with pytest.raises(ValueError, match=words):
        create_app(settings)
