"""What the README shows works as shown."""

import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx2
import orjson
import polars as pl
import pytest
from typer.testing import CliRunner

import db.__main__
import graphql_api.__main__
import ml.__main__
import monitoring.__main__
from db.writes.changes import Change, ChangeKind
from graphql_api.app import create_app
from graphql_api.execution import Answers
from tests.bundles import COMMITTED, add_version, followed, opened, write_aliases
from tests.databases import PROCESSED, Databases
from tests.graphql_api.asgi import connected, posted
from tests.graphql_api.conftest import ROOT, Graph, running, settings_for, started, without_models
from tests.keys import bearer
from tests.small import flight_values
from tests.waiting import until

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = re.findall(r"```graphql\n(.*?)```", README, re.DOTALL)
QUERIES = [document for document in DOCUMENTS if document.startswith("query")]
MUTATIONS = [document for document in DOCUMENTS if document.startswith("mutation")]
SUBSCRIPTIONS = [document for document in DOCUMENTS if document.startswith("subscription")]
COMMANDS = re.findall(r"python -m (db|graphql_api|ml|monitoring) ([a-z-]+)", README)
TARGETS = re.findall(r"(?:`|^)make ([a-z-]+)", README, re.MULTILINE)
APPS = {
    "db": db.__main__.app,
    "graphql_api": graphql_api.__main__.app,
    "ml": ml.__main__.app,
    "monitoring": monitoring.__main__.app,
}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.split()[1])
async def test_a_query_of_the_readme_is_answered(graph: Graph, query: str) -> None:
    data = await graph.data(query)
    text = orjson.dumps(data).decode()
    (answer,) = data.values()
    assert "probability" in text or "delayedRate" in text or answer["arrivals"]["totalCount"] > 0
    assert "message" not in text


def created_key(command: str, url: str) -> str:
    """What a command of the README prints: a key."""
    environment = {"DATABASE_URL": url, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, *command.split()[1:]]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True, cwd=ROOT, env=environment)
    return done.stdout.removesuffix("\n")


async def test_the_mutations_of_the_readme_are_done_with_the_keys_that_it_makes(copy_url: str, models: Path) -> None:
    assert len(QUERIES) + len(MUTATIONS) + len(SUBSCRIPTIONS) == len(DOCUMENTS)
    command, *_ = re.findall(r"^python -m graphql_api keys create .*$", README, re.MULTILINE)
    writer = await asyncio.to_thread(created_key, command, copy_url)
    admin = await asyncio.to_thread(created_key, command.replace("flights:write", "models:admin"), copy_url)
    async with running(settings_for(copy_url, model_dir=models)) as client:
        for mutation in MUTATIONS:
            key = admin if "promoteModel" in mutation else writer
            response = await client.post("/graphql", json={"query": mutation}, headers=bearer(key))
            for answer in response.json()["data"].values():
                assert answer["__typename"] in ("FlightCreated", "FlightUpdated", "UpsertPayload", "ModelPromoted"), (
                    answer
                )
                assert answer.get("rejected", 0) == 0


async def test_the_curl_command_of_the_readme_is_answered(client: httpx2.AsyncClient) -> None:
    (body,) = re.findall(r"curl http://127.0.0.1:8000/graphql -H 'content-type: application/json' -d '(.*?)'\n", README)
    response = await client.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert response.json() == {"data": {"airline": {"name": "United Air Lines Inc."}}}


async def test_the_curl_command_of_the_readme_that_gets_is_answered_and_may_be_named_by_its_hash(
    client: httpx2.AsyncClient,
) -> None:
    header, value, query = re.search(r"curl -G .* -H '(.*?): (.*?)' --data-urlencode 'query=(.*?)'\n", README).groups()  # type: ignore[union-attr]
    response = await client.get("/graphql", params={"query": query}, headers={header: value})
    assert (response.status_code, "etag" in response.headers) == (200, True)
    (named,) = re.findall(r"curl .*\n +-d '(\{\"extensions\": \{\"persistedQuery\".*?)'\n", README)
    await client.post("/graphql", json={**orjson.loads(named), "query": query})
    again = await client.post("/graphql", content=named, headers={"content-type": "application/json"})
    assert again.json() == response.json()


def test_the_manifest_of_the_readme_is_one_that_the_service_starts_with(tmp_path: Path) -> None:
    (arguments,) = re.findall(r"^python -m graphql_api manifest (\S+) --out \S+$", README, re.MULTILINE)
    path = tmp_path / "trusted-documents.json"
    result = CliRunner().invoke(graphql_api.__main__.app, ["manifest", str(ROOT / arguments), "--out", str(path)])
    assert result.exit_code == 0, result.output
    settings = settings_for("sqlite:///m7b0.db", persisted_operations="trusted", trusted_documents=path)
    assert create_app(settings).routes


@pytest.mark.parametrize("document", SUBSCRIPTIONS, ids=lambda document: document.split()[1])
async def test_a_subscription_of_the_readme_begins(graph: Graph, document: str) -> None:
    prepared = graph.executor.prepare(document, None)
    begun = await graph.executor.subscribe(prepared, {}, graph.context)
    assert isinstance(begun, Answers)
    await begun.aclose()


async def test_the_curl_command_of_the_readme_that_follows_changes_gets_a_stream(databases: Databases) -> None:
    (body,) = re.findall(r"curl -N .* -H 'accept: text/event-stream' .*\n +-d '(.*?)'\n", README)
    async with started(without_models(databases.flights("sqlite"))) as app, posted(app, **orjson.loads(body)) as reader:
        assert (await reader.start())["content-type"].startswith("text/event-stream")


async def test_the_messages_of_the_readme_are_those_of_the_protocol(databases: Databases) -> None:
    table = re.findall(r"^\| (?:client|service) \| `(\{.*?\})`", README, re.MULTILINE)
    initialise, acknowledge, subscribe, told, complete = map(orjson.loads, table)
    async with started(without_models(databases.flights("sqlite"))) as app, connected(app) as client:
        client.say(**initialise)
        assert await client.hear() == acknowledge
        client.say(**subscribe)
        await until(lambda: len(app.state.service.changes) == 1)
        row = {"id": 1, **flight_values()}
        app.state.service.changes.publish([Change("flights", ChangeKind.UPDATED, row, row)])
        assert await client.hear() == told
        client.say(**complete)
        await until(lambda: len(app.state.service.changes) == 0)


@pytest.mark.parametrize(("package", "command"), sorted(set(COMMANDS)))
def test_a_command_of_the_readme_exists_and_its_help_has_an_example(package: str, command: str) -> None:
    result = CliRunner().invoke(APPS[package], [command, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output


@pytest.mark.parametrize("target", sorted(set(TARGETS)))
def test_a_target_of_the_readme_exists(target: str) -> None:
    subprocess.run(["make", "--dry-run", target], check=True, capture_output=True, cwd=ROOT)


def test_the_commands_for_another_database_work_in_their_order(databases: Databases, tmp_path: Path) -> None:
    """All but `serve`, which has tests of its own, and with some of the flights: loading all is tried elsewhere."""
    empty_url = databases.empty("postgresql")
    shutil.copytree(PROCESSED, tmp_path / "processed")
    flights = tmp_path / "processed" / "flights.parquet"
    pl.read_parquet(flights).head(1_000).write_parquet(flights)
    block = re.search(r"## Use PostgreSQL\n\n```sh\n(.*?)```", README, re.DOTALL)
    assert block is not None
    commands = [line.split()[2:] for line in block.group(1).splitlines() if line.startswith("python")]
    assert [command[-1] for command in commands] == ["upgrade", "seed", "check", "serve"]
    for command in commands[:-1]:
        environment = {"DATABASE_URL": empty_url, "DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
        subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True, cwd=ROOT, env=environment)
    databases.drop(empty_url)


def test_the_commands_that_change_the_model_change_it(tmp_path: Path) -> None:
    block = re.search(r"## Change the model\n.*?```sh\n(.*?)```", README, re.DOTALL)
    assert block is not None
    commands = [line for line in block.group(1).splitlines() if not line.startswith("curl")]
    (tmp_path / "elsewhere").mkdir()
    add_version(COMMITTED / "model_v2", tmp_path / "elsewhere" / "model_v3")
    shutil.copytree(COMMITTED / "model_v2", tmp_path / "mlruns" / "model_v2")
    write_aliases(tmp_path / "mlruns", champion="model_v2")
    before = opened(tmp_path / "mlruns")
    subprocess.run(["sh", "-ec", "\n".join(commands)], check=True, cwd=tmp_path)
    after = followed(before, tmp_path / "mlruns")
    assert dict(after.aliases) == {"champion": "model_v3", "challenger": "model_v2"}
    assert (after.select().version, after.fault) == ("model_v3", None)
