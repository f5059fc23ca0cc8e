"""The agent on the double: up, down, silent and up again, and Uptime Kuma away."""

import asyncio
from pathlib import Path

import httpx2
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from typer.testing import CliRunner

from monitoring.__main__ import app
from monitoring.agent import Agent, Look, Outcome, push_address
from monitoring.checks import AgentConfig
from monitoring.errors import MonitoringError
from monitoring.samples import Samples
from monitoring.scrape import Scrape, ready_address
from tests.monitoring.conftest import SECRETS, Run, Served
from tests.monitoring.kuma_double import SILENT
from tests.monitoring.test_checks import CHECKS, text
from tests.waiting import until

TOKEN = SECRETS["KUMA_PUSH_TOKEN"]
CONFIG = AgentConfig(interval_seconds=1, timeout_seconds=5, checks=CHECKS)
NOWHERE = f"http://127.0.0.1:9/api/push/{TOKEN}"


class Watched:
    """A service whose state a test sets."""

    def __init__(self) -> None:
        self.metrics = text()
        self.faults: list[str] = []
        self.outcomes: list[Outcome] = []

    async def look(self) -> Look:
        return Look(Samples.of_text(self.metrics), self.faults)

    def agent(self, address: str, config: AgentConfig = CONFIG) -> Agent:
        return Agent(config, address, self.look, self.outcomes.append)


@pytest.fixture
def watched() -> Watched:
    return Watched()


async def test_uptime_kuma_sees_it_up_down_silent_and_up_again(run: Run, kuma: Served, watched: Watched) -> None:
    await asyncio.to_thread(run, "apply")
    agent = watched.agent(f"{kuma.url}/api/push/{TOKEN}")
    async with httpx2.AsyncClient() as client:
        watched.metrics = text(fast=100)
        await agent.step(client)
        watched.metrics = text(fast=200)
        await agent.step(client)
        assert kuma.measured("monitor_status", "agent") == 1
        assert kuma.measured("monitor_response_time", "agent") == 9.5
        watched.metrics = text(fast=300, failed=50)
        await agent.step(client)
        assert kuma.measured("monitor_status", "agent") == 0
        assert kuma.double.pushes[-1]["msg"] == "errors 50.0% > 5.0% (50 of 100)"
        watched.metrics = text(fast=400, failed=50)
        await agent.step(client)
        assert kuma.measured("monitor_status", "agent") == 1
        kuma.clock.seconds += 59
        assert kuma.measured("monitor_status", "agent") == 1
        kuma.clock.seconds += 2
        assert kuma.measured("monitor_status", "agent") == 0
        assert kuma.double.beats[kuma.monitor("agent")["id"]][-1]["msg"] == SILENT
        await agent.step(client)
        assert kuma.measured("monitor_status", "agent") == 1
    assert watched.outcomes == [Outcome.ACCEPTED] * 5


async def test_uptime_kuma_away_is_counted_each_time_and_logged_once(run: Run, kuma: Served, watched: Watched) -> None:
    await asyncio.to_thread(run, "apply")
    agent = watched.agent(NOWHERE)
    with structlog.testing.capture_logs() as logs:
        async with httpx2.AsyncClient() as client:
            for _ in range(3):
                await agent.step(client)
            agent._address = f"{kuma.url}/api/push/{TOKEN}"
            for _ in range(2):
                await agent.step(client)
    assert watched.outcomes == [Outcome.UNREACHABLE] * 3 + [Outcome.ACCEPTED] * 2
    assert [(log["log_level"], log["event"]) for log in logs] == [
        ("warning", "Uptime Kuma does not accept pushes"),
        ("info", "Uptime Kuma accepts pushes again"),
    ]
    assert TOKEN not in str(logs)


async def test_an_unknown_token_is_refused(kuma: Served, watched: Watched) -> None:
    async with httpx2.AsyncClient() as client:
        await watched.agent(f"{kuma.url}/api/push/unknown").step(client)
    assert watched.outcomes == [Outcome.REFUSED]


async def test_one_that_does_not_answer_costs_no_more_than_the_time_limit(watched: Watched) -> None:
    config = CONFIG.model_copy(update={"timeout_seconds": 0.05})
    never = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await never.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with httpx2.AsyncClient() as client, asyncio.timeout(10):
            await watched.agent(f"http://127.0.0.1:{port}/api/push/{TOKEN}", config).step(client)
        never.set()
    assert watched.outcomes == [Outcome.UNREACHABLE]


async def test_it_goes_on_after_whatever_goes_wrong_and_ends_when_cancelled(watched: Watched) -> None:
    looks = 0

    async def look() -> Look:
        nonlocal looks
        looks += 1
        raise ZeroDivisionError

    config = CONFIG.model_copy(update={"interval_seconds": 0.001})
    with structlog.testing.capture_logs():
        task = asyncio.create_task(Agent(config, NOWHERE, look).run())
        await until(lambda: looks > 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    ("url", "token", "content", "expected"),
    [
        ("http://kuma:3001/api/push/abc", "", None, "http://kuma:3001/api/push/abc"),
        ("http://kuma:3001/api/push/abc?status=up&msg=OK&ping=", "", None, "http://kuma:3001/api/push/abc"),
        ("https://kuma/under/api/push/", "abc", None, "https://kuma/under/api/push/abc"),
        ("http://kuma/api/push", "", "abc\n", "http://kuma/api/push/abc"),
    ],
)
def test_where_to_push(tmp_path: Path, url: str, token: str, content: str | None, expected: str) -> None:
    path = tmp_path / "token"
    path.write_text(content or "", encoding="utf-8")
    assert push_address(url, token, str(path) if content else "") == expected


@pytest.mark.parametrize(
    ("url", "token", "file", "message"),
    [
        ("kuma:3001/api/push/abc", "", "", "KUMA_PUSH_URL is not of the form"),
        ("http://kuma:3001/abc", "", "", "KUMA_PUSH_URL is not of the form"),
        ("http://kuma:3001/api/push", "", "", "KUMA_PUSH_URL has no token at its end"),
        ("http://kuma:3001/api/push", "t" * 33, "", "1 to 32 letters"),
        ("http://kuma:3001/api/push", "", "/nowhere/token", "KUMA_PUSH_TOKEN_FILE names /nowhere/token"),
    ],
)
def test_nowhere_to_push(url: str, token: str, file: str, message: str) -> None:
    with pytest.raises(MonitoringError, match=message):
        push_address(url, token, file)


def outside(metrics: str | int, ready: dict[str, str], ready_status: int) -> httpx2.AsyncClient:
    """A client of a service that shows this."""

    async def show(_request: Request) -> Response:
        return PlainTextResponse(metrics) if isinstance(metrics, str) else Response(status_code=metrics)

    async def is_ready(_request: Request) -> Response:
        return JSONResponse(ready, ready_status)

    routes = [Route("/metrics", show), Route("/health/ready", is_ready)]
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(Starlette(routes=routes)))


@pytest.mark.parametrize(
    ("metrics", "ready", "status", "message"),
    [
        (text(used=None), {"database": "ok", "model": "ok"}, 200, "0 requests, no pool metric"),
        (text(), {"database": "it is away", "model": "ok"}, 503, "not ready: it is away"),
        (text(), {}, 502, "not ready: status 502"),
        (503, {}, 200, "no metrics: status 503"),
        ("{ this is something else", {}, 200, "no metrics: the answer is not in the Prometheus text format"),
    ],
)
async def test_from_outside_it_reads_what_the_service_shows(
    metrics: str | int, ready: dict[str, str], status: int, message: str
) -> None:
    async with outside(metrics, ready, status) as client:
        look = Scrape(client, "http://service/metrics", ready_address("http://service/metrics"))
        assert (await Agent(CONFIG, NOWHERE, look).verdict()).message == message


async def test_from_outside_a_service_that_is_away_is_down() -> None:
    async with httpx2.AsyncClient() as client:
        found = await Agent(
            CONFIG, NOWHERE, Scrape(client, "http://127.0.0.1:9/metrics", "http://127.0.0.1:9/")
        ).verdict()
    assert (found.up, found.message.startswith("no metrics: ")) == (False, True)


def test_the_command_needs_somewhere_to_push_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["agent"])
    assert (result.exit_code, result.output) == (
        1,
        "error: there is nowhere to push to: give --push-url, or set KUMA_PUSH_URL\n",
    )
