"""What the README shows works as shown."""

import re
import subprocess
import sys

import httpx2
import orjson
import pytest
from typer.testing import CliRunner

import db.__main__
import graphql_api.__main__
import ml.__main__
from tests.graphql_api.conftest import ROOT, Graph

README = (ROOT / "README.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```graphql\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"python -m (db|graphql_api|ml) ([a-z-]+)", README)
TARGETS = re.findall(r"(?:`|^)make ([a-z]+)", README, re.MULTILINE)
APPS = {"db": db.__main__.app, "graphql_api": graphql_api.__main__.app, "ml": ml.__main__.app}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.split()[1])
async def test_a_query_of_the_readme_is_answered(graph: Graph, query: str) -> None:
    data = await graph.data(query)
    text = orjson.dumps(data).decode()
    (answer,) = data.values()
    assert "probability" in text or "delayedRate" in text or answer["arrivals"]["totalCount"] > 0
    assert "message" not in text


async def test_the_curl_command_of_the_readme_is_answered(client: httpx2.AsyncClient) -> None:
    (body,) = re.findall(r"curl http://127.0.0.1:8000/graphql -H 'content-type: application/json' -d '(.*?)'\n", README)
    response = await client.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert response.json() == {"data": {"airline": {"name": "United Air Lines Inc."}}}


@pytest.mark.parametrize(("package", "command"), sorted(set(COMMANDS)))
def test_a_command_of_the_readme_exists_and_its_help_has_an_example(package: str, command: str) -> None:
    result = CliRunner().invoke(APPS[package], [command, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output


@pytest.mark.parametrize("target", sorted(set(TARGETS)))
def test_a_target_of_the_readme_exists(target: str) -> None:
    subprocess.run(["make", "--dry-run", target], check=True, capture_output=True, cwd=ROOT)


def test_the_commands_for_another_database_work_in_their_order(empty_url: str) -> None:
    """All but `serve`, which has tests of its own."""
    block = re.search(r"## Use PostgreSQL\n\n```sh\n(.*?)```", README, re.DOTALL)
    assert block is not None
    commands = [line.split()[2:] for line in block.group(1).splitlines() if line.startswith("python")]
    assert [command[-1] for command in commands] == ["upgrade", "seed", "check", "serve"]
    for command in commands[:-1]:
        environment = {"DATABASE_URL": empty_url, "PATH": "/usr/bin:/bin"}
        subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True, cwd=ROOT, env=environment)
