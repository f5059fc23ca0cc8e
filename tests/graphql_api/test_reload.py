"""Models that change under a running service."""

import asyncio
import os
import pty
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import structlog

from graphql_api.app import create_app
from graphql_api.reload import reload_models
from graphql_api.state import Service
from tests.bundles import (
    COMMITTED,
    add_version,
    damage,
    endless_model,
    make_deadly,
    remove_version,
    replace_model,
    write_aliases,
)
from tests.databases import Databases
from tests.graphql_api.conftest import Graph, settings_for
from tests.servers import serving

NUMBERS = """probabilityDelayed probabilityNeverArrives delayMinutes { p10 p50 p90 }
    buckets { bucket probability } basis factors(first: 2) { feature value contribution }"""
ANSWER = f"... on DelayPrediction {{ {NUMBERS} model {{ version aliases sha256 }} }} ... on Problem {{ message }}"
ASK = f"""query($inputs: [PredictDelayInput!]!, $input: PredictDelayInput!, $model: ModelSelector) {{
    one: predictDelay(input: $input, model: $model) {{ {ANSWER} }}
    many: predictDelays(inputs: $inputs, model: $model) {{ {ANSWER} }}
    model(select: $model) {{ version }} }}"""
MODELS = "{ models { version aliases } champion: model { version } }"
OLD = {"champion": "model_v2", "challenger": "model_v1"}
NEW = {"champion": "model_v1", "challenger": "model_v2"}


def flight(number: int) -> dict[str, Any]:
    return {
        "carrierCode": ("UA", "DL", "B6")[number % 3],
        "originCode": ("EWR", "JFK", "LGA")[number % 3],
        "destinationCode": ("IAH", "LAX", "BOS", "ATL")[number % 4],
        "scheduledDeparture": f"2013-{number % 12 + 1:02d}-03T{number % 24:02d}:15:00Z",
        "weather": {"visibilityKm": 1 + number % 16},
    }


class Running:
    """A service whose models are in a directory of the test's own."""

    def __init__(self, client: httpx2.AsyncClient, service: Service) -> None:
        self.client, self.service = client, service

    async def data(self, query: str, variables: dict[str, Any] | None = None) -> Any:
        response = await self.client.post("/graphql", json={"query": query, "variables": variables})
        body = response.json()
        assert (response.status_code, body.get("errors")) == (200, None)
        return body["data"]

    async def health(self) -> dict[str, Any]:
        return dict((await self.client.get("/health/model")).json())

    def counted(self, outcome: str) -> float:
        value = self.service.metrics.registry.get_sample_value("model_reloads_total", {"outcome": outcome})
        assert value is not None, "the series exists before it is first counted"
        return value

    def counts(self) -> dict[str, float]:
        return {outcome: self.counted(outcome) for outcome in ("loaded", "refused", "removed")}


Starting = Callable[..., Any]


@pytest.fixture
def started(databases: Databases, models: Path) -> Starting:
    @asynccontextmanager
    async def start(poll: float = 0.02) -> AsyncIterator[Running]:
        settings = settings_for(databases.flights("sqlite"), model_poll_seconds=poll, model_dir=models)
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            transport = httpx2.ASGITransport(app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
                yield Running(client, app.state.service)

    return start


async def until(condition: Callable[[], bool]) -> None:
    """Wait, but not for ever."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  what is waited for sets no event
            await asyncio.sleep(0.01)


def until_now(condition: Callable[[], bool]) -> None:
    """The same for a test without an event loop."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def numbers(answers: dict[str, Any]) -> list[Any]:
    """What was predicted, without what was said of the model."""
    return [{**answer, "model": None} for answer in (answers["one"], *answers["many"])]


async def ask(running: Running, client: int, model: dict[str, Any] | None = None) -> dict[str, Any]:
    """More than 128 rows are run in a thread, fewer on the event loop."""
    many = [flight(number) for number in range(client, client + (140 if client == 0 else 3))]
    return dict(await running.data(ASK, {"inputs": many, "input": flight(client), "model": model}))


async def switch(running: Running, models: Path, turns: int) -> None:
    """Switch the aliases to and fro, each time through half a file, while bad bundles appear."""

    def refused(version: str) -> bool:
        return version in running.service.models.refused

    def serves(aliases: dict[str, str]) -> bool:
        return dict(running.service.models.aliases) == aliases

    for turn in range(turns):
        wanted = (NEW, OLD)[turn % 2]
        (models / "aliases.json").write_bytes(b'{"champion": "mod')
        await asyncio.sleep(0.03)
        if turn == turns // 4:
            add_version(models / "model_v1", models / "model_v3", damage)
            write_aliases(models, champion="model_v3", challenger="model_v2")
            await until(partial(refused, "model_v3"))
        if turn == turns // 2:
            add_version(models / "model_v1", models / "model_v4", make_deadly)
            await until(partial(refused, "model_v4"))
        if turn == turns * 3 // 4:
            damage(models / "model_v2")
            await until(partial(refused, "model_v2"))
        write_aliases(models, **wanted)
        await until(partial(serves, wanted))


async def test_under_load_no_answer_fails_and_none_mixes_two_models(started: Starting, models: Path) -> None:
    async with started() as running:
        expected = {
            (version, client): numbers(await ask(running, client, {"version": version}))
            for version in OLD.values()
            for client in range(8)
        }
        assert expected["model_v1", 1] != expected["model_v2", 1]
        seen = dict.fromkeys(OLD.values(), 0)
        switching = True

        async def asking(client: int) -> None:
            while switching:
                answers = await ask(running, client)
                version = answers["model"]["version"]
                said = [answer["model"] for answer in (answers["one"], *answers["many"])]
                assert {model["version"] for model in said} == {version}
                assert all(model["aliases"] == ["CHAMPION"] for model in said)
                assert numbers(answers) == expected[version, client]
                seen[version] += 1

        clients = [asyncio.create_task(asking(client)) for client in range(8)]
        try:
            await switch(running, models, turns=24)
        finally:
            switching = False
            await asyncio.gather(*clients)
        assert min(seen.values()) > 10, "both models answered"
        assert running.counted("loaded") == 24
        assert running.counted("refused") >= 3


async def test_a_request_that_has_begun_keeps_the_models_that_it_began_with(
    graph: Graph, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = graph.service
    settings = service.settings.model_copy(update={"model_dir": models})
    monkeypatch.setattr(service, "settings", settings)
    monkeypatch.setattr(service, "models", service.models)
    rows = service.database.rows

    async def switching(name: str, statement: Any, values: Any) -> Any:
        write_aliases(models, champion="model_v1")
        shutil.rmtree(models / "model_v2", ignore_errors=True)
        await reload_models(service)
        return await rows(name, statement, values)

    monkeypatch.setattr(service.database, "rows", switching)
    variables = {"inputs": [flight(1)], "input": flight(1)}
    during = await graph.data(ASK, variables)
    assert during["one"]["model"]["version"] == during["model"]["version"] == "model_v2"
    assert during["one"]["model"]["aliases"] == ["CHAMPION"]
    after = await graph.data(ASK, variables)
    assert after["one"]["model"]["version"] == after["model"]["version"] == "model_v1"
    assert (await graph.data(MODELS))["models"] == [{"version": "model_v1", "aliases": ["CHAMPION"]}]


async def test_a_new_version_is_served_logged_and_counted(started: Starting, models: Path) -> None:
    with structlog.testing.capture_logs() as logged:
        async with started() as running:
            assert running.counts() == {"loaded": 0, "refused": 0, "removed": 0}, "a start is no reload"
            add_version(models / "model_v1", models / "model_v3")
            await until(lambda: "model_v3" in running.service.models.loaded)
            data = await running.data(MODELS)
            assert [model["version"] for model in data["models"]] == ["model_v1", "model_v2", "model_v3"]
            assert data["champion"] == {"version": "model_v2"}
            assert running.counts() == {"loaded": 1, "refused": 0, "removed": 0}
            write_aliases(models, champion="model_v3", challenger="model_v2")
            await until(lambda: running.service.models.aliases["champion"] == "model_v3")
            assert (await running.data(MODELS))["champion"] == {"version": "model_v3"}
            assert running.counts() == {"loaded": 2, "refused": 0, "removed": 0}
            remove_version(models / "model_v1")
            await until(lambda: "model_v1" not in running.service.models.loaded)
            assert running.counts() == {"loaded": 2, "refused": 0, "removed": 1}
    events = [(entry["event"], entry.get("version")) for entry in logged if entry["event"].startswith("model")]
    assert events == [
        ("model loaded", "model_v1"),
        ("model loaded", "model_v2"),
        ("model aliases loaded", None),
        ("model loaded", "model_v3"),
        ("model aliases loaded", None),
        ("model removed", "model_v1"),
    ]


async def test_the_model_metric_follows_what_is_served(started: Starting, models: Path) -> None:
    async with started() as running:

        async def series() -> dict[str, str]:
            lines = (await running.client.get("/metrics")).text.splitlines()
            found = [line for line in lines if line.startswith("model_info{")]
            return {line.split('version="')[1].split('"')[0]: line.split('alias="')[1].split('"')[0] for line in found}

        assert await series() == {"model_v1": "challenger", "model_v2": "champion"}
        write_aliases(models, champion="model_v1")
        await until(lambda: running.service.models.aliases == {"champion": "model_v1"})
        assert await series() == {"model_v1": "champion", "model_v2": ""}
        remove_version(models / "model_v2")
        await until(lambda: "model_v2" not in running.service.models.loaded)
        assert await series() == {"model_v1": "champion"}


async def test_a_bundle_that_kills_what_loads_it_is_refused_once_and_the_service_lives(
    started: Starting, models: Path
) -> None:
    async with started() as running:
        add_version(models / "model_v2", models / "model_v3", make_deadly)
        with structlog.testing.capture_logs() as logged:
            await until(lambda: "model_v3" in running.service.models.refused)
            # Time for more polls, none of which tries it again.
            await asyncio.sleep(0.2)
        (refusal,) = [entry for entry in logged if entry["event"] == "model refused"]
        assert (refusal["version"], refusal["log_level"]) == ("model_v3", "error")
        assert "killed the process that checked it (SIGSEGV)" in refusal["reason"]
        assert running.counts() == {"loaded": 0, "refused": 1, "removed": 0}
        assert (await running.data(MODELS))["champion"] == {"version": "model_v2"}
        health = await running.health()
        assert health["refused"] == {"model_v3": refusal["reason"]}
        assert health["last_refusal"]["reason"] == refusal["reason"]
        remove_version(models / "model_v3")
        add_version(models / "model_v2", models / "model_v3")
        await until(lambda: "model_v3" in running.service.models.loaded)
        health = await running.health()
        assert (health["refused"], health["last_refusal"]["reason"]) == ({}, refusal["reason"])


async def test_a_start_beside_a_bundle_that_kills_what_loads_it_serves_the_champion(
    started: Starting, models: Path
) -> None:
    add_version(models / "model_v2", models / "model_v0", make_deadly)
    async with started() as running:
        assert (await running.data(MODELS))["champion"] == {"version": "model_v2"}
        assert list(running.service.models.refused) == ["model_v0"]
        assert (await running.client.get("/health/ready")).status_code == 200


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"champion": "model_v1", "chal', "is not JSON"),
        (b"", "is not JSON"),
        (b'["model_v1"]', "does not map aliases to versions"),
        (b'{"champion": "model_v9"}', "names model_v9 as champion, which cannot be used"),
        (b'{"challenger": "model_v1"}', "names no champion"),
        (None, "cannot be read"),
    ],
)
async def test_bad_aliases_are_refused_and_the_old_ones_go_on(
    started: Starting, models: Path, content: bytes | None, words: str
) -> None:
    async with started() as running:
        if content is None:
            (models / "aliases.json").unlink()
        else:
            (models / "aliases.json").write_bytes(content)
        await until(lambda: running.counted("refused") == 1)
        health = await running.health()
        assert words in health["fault"]
        assert health["last_refusal"]["reason"] == health["fault"]
        assert health["aliases"] == OLD
        answer = await running.data(ASK, {"inputs": [], "input": flight(0), "model": {"alias": "CHALLENGER"}})
        assert answer["one"]["model"]["version"] == "model_v1"
        write_aliases(models, **NEW)
        await until(lambda: running.service.models.aliases == NEW)
        assert running.counts() == {"loaded": 1, "refused": 1, "removed": 0}
        assert (await running.health())["fault"] is None


async def test_health_tells_versions_aliases_and_checksums(started: Starting, models: Path) -> None:
    async with started() as running:
        response = await running.client.get("/health/model")
        body = response.json()
        assert response.status_code == 200
        assert {name: body[name] for name in ("status", "refused", "fault", "last_refusal", "aliases")} == {
            "status": "ok",
            "refused": {},
            "fault": None,
            "last_refusal": None,
            "aliases": OLD,
        }
        assert [(model["version"], model["aliases"]) for model in body["models"]] == [
            ("model_v1", ["challenger"]),
            ("model_v2", ["champion"]),
        ]
        sums = (models / "model_v1" / "SHA256SUMS").read_text(encoding="utf-8")
        assert sums.startswith(body["models"][0]["sha256"])


async def test_health_says_when_there_is_no_champion(started: Starting, models: Path) -> None:
    shutil.rmtree(models)
    async with started() as running:
        response = await running.client.get("/health/model")
        assert (response.status_code, response.json()["status"]) == (503, "No model is champion. Usable: none.")
        assert "cannot be read" in response.json()["fault"]
        shutil.copytree(COMMITTED / "model_v1", models / "model_v1")
        write_aliases(models, champion="model_v1")
        await until(lambda: running.service.models.aliases == {"champion": "model_v1"})
        assert (await running.client.get("/health/ready")).status_code == 200


async def test_without_polling_only_a_signal_reloads_and_it_tries_what_was_refused_again(
    started: Starting, models: Path
) -> None:
    add_version(models / "model_v1", models / "model_v3", damage)
    async with started(poll=0) as running:
        write_aliases(models, **NEW)
        await asyncio.sleep(0.2)
        assert running.service.models.aliases == OLD
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: running.service.models.aliases == NEW)
        assert running.counts() == {"loaded": 1, "refused": 1, "removed": 0}
        with structlog.testing.capture_logs() as logged:
            remove_version(models / "model_v3")
            os.kill(os.getpid(), signal.SIGHUP)
            await until(lambda: "model_v3" not in running.service.models.refused)
            os.kill(os.getpid(), signal.SIGHUP)
            await until(lambda: any(entry["event"] == "models are unchanged" for entry in logged))
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL, "the handler goes with the application"


async def test_a_fault_of_the_reload_itself_is_logged_and_does_not_end_it(
    started: Starting, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with started() as running:
        with structlog.testing.capture_logs() as logged, monkeypatch.context() as patched:

            def broken(_: object) -> None:
                raise RuntimeError("a fault of the code")

            patched.setattr("graphql_api.reload.look", broken)
            await until(lambda: any(entry["event"] == "models were not reloaded" for entry in logged))
        write_aliases(models, **NEW)
        await until(lambda: running.service.models.aliases == NEW)


async def test_a_stop_does_not_wait_for_an_examination(
    started: Starting, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def starting(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        begun.append(await start(*arguments, **options))
        return begun[-1]

    async with started() as running:
        features = len(running.service.models.select().features)
        monkeypatch.setattr(asyncio, "create_subprocess_exec", starting)
        endless = endless_model(features, 11)
        add_version(models / "model_v2", models / "model_v3", partial(replace_model, content=endless))
        await until(lambda: len(begun) == 1)
    assert begun[0].returncode == -signal.SIGKILL


def test_an_operator_s_signal_reloads_the_served_process(databases: Databases, models: Path, tmp_path: Path) -> None:
    environment = {
        "DATABASE_URL": databases.flights("sqlite"),
        "MODEL_DIR": str(models),
        "MODEL_POLL_SECONDS": "0",
        "APP_ENV": "production",
    }
    with serving(tmp_path / "log", **environment) as server:
        assert httpx2.get(f"{server.url}/health/model").json()["aliases"] == OLD
        write_aliases(models, **NEW)
        add_version(models / "model_v2", models / "model_v3", make_deadly)
        server.process.send_signal(signal.SIGHUP)
        until_now(lambda: bool(httpx2.get(f"{server.url}/health/model").json()["aliases"] == NEW))
        assert list(httpx2.get(f"{server.url}/health/model").json()["refused"]) == ["model_v3"]
        assert httpx2.post(f"{server.url}/graphql", json={"query": MODELS}).json()["data"]["champion"] == {
            "version": "model_v1"
        }
        server.stop()
    lines = [orjson.loads(line) for line in (tmp_path / "log").read_text(encoding="utf-8").splitlines()]
    assert {"model refused", "Application shutdown complete."} <= {line["event"] for line in lines}


def test_a_terminal_that_is_closed_ends_the_service(databases: Databases, models: Path, tmp_path: Path) -> None:
    """It sends SIGHUP too. A service that took that for a reload would live on where nobody sees it."""
    ours, theirs = pty.openpty()
    log = tmp_path / "log"
    # The service takes the terminal for its own, as a shell would have given it.
    script = (
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
        "os.execv(sys.executable, [sys.executable, '-m', 'graphql_api', 'serve'])"
    )
    environment = {"DATABASE_URL": databases.flights("sqlite"), "MODEL_DIR": str(models), "MODEL_POLL_SECONDS": "0"}
    with serving(log, [sys.executable, "-c", script], theirs, **environment) as server:
        os.close(theirs)
        server.process.send_signal(signal.SIGHUP)
        until_now(lambda: b"models are unchanged" in log.read_bytes())
        os.close(ours)
        server.process.wait(60)
    assert b"Application shutdown complete" in log.read_bytes()
