"""The agent inside the service, and what Uptime Kuma asks the service from outside."""

import asyncio
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from pydantic import SecretStr

from graphql_api.app import create_app
from graphql_api.kuma import push_target
from graphql_api.metrics import PUSHES
from graphql_api.settings import Settings
from monitoring.agent import Outcome
from monitoring.checks import METRICS
from monitoring.documents import read_document
from monitoring.kuma.config import CONFIG_FILE, Config, JSONQueryMonitor
from monitoring.kuma.fields import fields_of
from tests.databases import Databases
from tests.graphql_api.conftest import ROOT, Graph, running, settings_for, started, without_models
from tests.waiting import until

SECRETS = {"KUMA_PASSWORD": "kuma-2345", "KUMA_PUSH_TOKEN": "push-token-7", "POSTGRES_MONITOR_PASSWORD": "p@ss/word"}
AGENT = "interval_seconds: 1\ntimeout_seconds: 5\nchecks: {ready: {}, model: {}, error_rate: {max_ratio: 0.1}}\n"
AIRLINES = {"query": "{ airlines { code } }"}


def pushing_to(settings: Settings, url: str, directory: Path) -> Settings:
    path = directory / "agent.yml"
    path.write_text(AGENT, encoding="utf-8")
    return settings.model_copy(update={"kuma_push_url": SecretStr(url), "kuma_agent_file": path})


class Listener:
    """Hears pushes as Uptime Kuma does, and answers with `status`; -1 is not at all."""

    def __init__(self) -> None:
        self.heard: list[httpx2.URL] = []
        self.status = 200
        self.url = ""
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> "Listener":
        self._server = await asyncio.start_server(self._hear, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/api/push/token"
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        self.heard.append(httpx2.URL(f"http://kuma{target}"))
        self._writers.append(writer)
        if self.status >= 0:
            writer.write(f"HTTP/1.1 {self.status} -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
            await writer.drain()
            writer.close()


async def test_the_service_pushes_how_it_is(databases: Databases, tmp_path: Path) -> None:
    async with Listener() as kuma:
        settings = pushing_to(settings_for(databases.flights("sqlite")), kuma.url, tmp_path)
        async with running(settings) as client:
            await until(lambda: len(kuma.heard) >= 1)
            metrics = (await client.get("/metrics")).text
        assert kuma.heard[0].path == "/api/push/token"
        assert dict(kuma.heard[0].params) == {"status": "up", "msg": f"{socket.gethostname()}: 0 requests"}
        assert 'kuma_pushes_total{outcome="refused"} 0.0' in metrics


async def test_what_is_wrong_with_the_service_is_pushed(databases: Databases, tmp_path: Path) -> None:
    async with Listener() as kuma:
        settings = pushing_to(without_models(databases.flights("sqlite")), kuma.url, tmp_path)
        async with started(settings):
            await until(lambda: len(kuma.heard) >= 1)
        pushed = dict(kuma.heard[0].params)
        assert pushed["status"] == "down"
        assert pushed["msg"].startswith(f"{socket.gethostname()}: not ready: ")
        assert pushed["msg"].endswith("no champion model")


@pytest.mark.parametrize("status", [200, 500, -1], ids=["well", "failing", "silent"])
async def test_the_service_answers_as_before_whatever_uptime_kuma_does(
    databases: Databases, tmp_path: Path, status: int
) -> None:
    async with Listener() as kuma:
        kuma.status = status
        settings = pushing_to(without_models(databases.flights("sqlite")), kuma.url, tmp_path)
        async with running(settings) as client:
            await until(lambda: len(kuma.heard) >= 1)
            response = await client.post("/graphql", json=AIRLINES)
            assert (response.status_code, len(response.json()["data"]["airlines"])) == (200, 16)


async def test_the_service_stops_while_uptime_kuma_is_away(databases: Databases, tmp_path: Path) -> None:
    settings = pushing_to(without_models(databases.flights("sqlite")), "http://127.0.0.1:9/api/push/token", tmp_path)
    async with started(settings) as app:
        registry = app.state.service.metrics.registry
        await until(lambda: registry.get_sample_value("kuma_pushes_total", {"outcome": "unreachable"}) > 0)
        assert registry.get_sample_value("kuma_last_push_timestamp_seconds") == 0


async def test_a_push_that_was_accepted_has_its_moment(graph: Graph) -> None:
    before = graph.counted("kuma_pushes_total", outcome="accepted")
    graph.service.metrics.pushed("accepted")
    assert graph.counted("kuma_pushes_total", outcome="accepted") == before + 1
    assert graph.counted("kuma_last_push_timestamp_seconds") > 1_700_000_000


def test_the_outcomes_that_are_counted_are_those_there_are() -> None:
    assert set(PUSHES) == set(Outcome)


def test_what_the_agent_looks_at_is_measured(graph: Graph) -> None:
    graph.service.metrics.request("query", None, "success", 0.01)
    families = graph.service.metrics.registry.restricted_registry(METRICS).collect()
    names = {family.name for family in families}
    looked_at = {"graphql_requests", "graphql_request_errors", "graphql_request_duration_seconds"}
    assert looked_at | {"model", "model_reloads", "db_pool_used_ratio"} <= names


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kuma_push_url": SecretStr("kuma:3001")}, "KUMA_PUSH_URL is not of the form"),
        ({"kuma_push_url": SecretStr("http://kuma/api/push")}, "KUMA_PUSH_URL has no token"),
        ({"kuma_push_url": SecretStr("http://kuma/api/push/t"), "kuma_agent_file": Path("none.yml")}, "none.yml"),
    ],
)
def test_the_service_does_not_start_with_what_it_cannot_push_with(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create_app(settings_for("sqlite:///m7b0.db", **values))


def test_the_token_may_stand_beside_the_address(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n", encoding="utf-8")
    agent_file = ROOT / "monitoring" / "kuma" / "kuma_agent.yml"
    settings = settings_for(
        "sqlite:///m7b0.db",
        kuma_push_url=SecretStr("http://kuma:3001/api/push"),
        kuma_push_token_file=str(tmp_path / "token"),
        kuma_agent_file=agent_file,
    )
    target = push_target(settings)
    assert target is not None
    assert target.address == "http://kuma:3001/api/push/from-a-file"
    assert "from-a-file" not in repr(settings)
    assert push_target(settings_for("sqlite:///m7b0.db")) is None


async def test_the_query_of_the_monitor_is_answered_as_it_expects(client: httpx2.AsyncClient) -> None:
    monitors = read_document(CONFIG_FILE, Config, SECRETS).monitors
    (monitor,) = (each for each in monitors if isinstance(each, JSONQueryMonitor))
    fields = fields_of(monitor)
    response = await client.post("/graphql", content=fields["body"], headers=orjson.loads(fields["headers"]))
    value = response.json()
    for name in monitor.json_path.split("."):
        value = value[name]
    assert (response.status_code, monitor.operator, value) == (200, "==", monitor.expected)
