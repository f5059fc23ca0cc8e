"""`python -m graphql_api` as an operator uses it."""

import os
import subprocess
import sys
from pathlib import Path

import httpx2
import orjson
import pytest
from typer.testing import CliRunner

from graphql_api.__main__ import app
from tests.databases import Databases
from tests.graphql_api.conftest import ROOT
from tests.servers import serving

QUERY = {"query": 'query Known { airline(code: "UA") { name } }'}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "graphql_api", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        timeout=60,
    )


def test_it_serves_on_either_database_and_stops_when_asked(databases: Databases, dialect: str, tmp_path: Path) -> None:
    with serving(tmp_path / "log", DATABASE_URL=databases.flights(dialect)) as server:
        assert (
            httpx2.post(f"{server.url}/graphql", json=QUERY).json()["data"]["airline"]["name"]
            == "United Air Lines Inc."
        )
        assert httpx2.get(f"{server.url}/health/ready").json()["status"] == "ready"
        server.stop()
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "Application shutdown complete" in log
    assert f"{server.url}/graphql" in log, "it says where to click"
    assert "with a key: python -m graphql_api keys create --name NAME --scope flights:write" in log
    assert "Traceback" not in log


def test_in_production_every_line_of_the_log_is_json_with_the_request_s_facts(
    databases: Databases, tmp_path: Path
) -> None:
    environment = {"DATABASE_URL": databases.flights("sqlite"), "APP_ENV": "production", "MODEL_DIR": str(tmp_path)}
    with serving(tmp_path / "log", **environment) as server:
        httpx2.post(f"{server.url}/graphql", json=QUERY, headers={"x-request-id": "request-0001"})
        server.stop()
    lines = [orjson.loads(line) for line in (tmp_path / "log").read_text(encoding="utf-8").splitlines()]
    (request,) = [line for line in lines if line.get("path") == "/graphql"]
    facts = {
        "event": "request",
        "request_id": "request-0001",
        "method": "POST",
        "status": 200,
        "operation": "Known",
        "operation_type": "query",
        "outcome": "success",
    }
    assert {name: request[name] for name in facts} == facts
    assert request["milliseconds"] > 0


def test_the_schema_is_printed() -> None:
    assert run("schema").stdout == (ROOT / "schema.graphql").read_text(encoding="utf-8")


def test_a_setting_that_cannot_be_ends_the_process_without_a_traceback() -> None:
    result = run("serve", PORT="seventy")
    assert result.returncode == 1
    assert "PORT" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"DATABASE_URL": "mysql://localhost/flights"}, "this runs on sqlite:///FILE or postgresql://"),
        ({"APP_ENV": "staging"}, "'development' or 'production'"),
        ({"WRITES": "everybody"}, "'open' or 'keys'"),
        ({"APP_ENV": "production", "WRITES": "open"}, "WRITES=open is for development"),
    ],
)
def test_a_setting_that_cannot_be_is_one_clear_line(
    environment: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uvicorn.Server.run", lambda _: pytest.fail("it was served"))
    monkeypatch.setattr("graphql_api.logs.configure_logging", lambda _: None)  # It would be that of the tests.
    result = CliRunner().invoke(app, ["serve"], env=environment)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert words in result.stderr


def test_help_shows_an_example() -> None:
    assert "Example: PORT=9000 python -m graphql_api serve" in run("serve", "--help").stdout
