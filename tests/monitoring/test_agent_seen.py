"""The agent of a running service as a real Prometheus sees it: up, slow, silent and up again."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from rich.console import Console
from rich.table import Table

from monitoring.checks import AGENT_FILE
from monitoring.kuma.config import CONFIG_FILE
from monitoring.prometheus_api import Prometheus
from tests.databases import Databases
from tests.monitoring.conftest import Run, Served
from tests.monitoring.kuma_double import SILENT
from tests.monitoring.prometheus import prometheus
from tests.servers import Server, serving
from tests.waiting import until

SPEED = 20
"""How much faster than the clock Uptime Kuma's goes and the agent pushes: 20 seconds between two pushes are one."""
NAME = "m7b0 agent"
STATUS = f'monitor_status{{monitor_name="{NAME}"}}'
_PAUSE_SECONDS = 0.2


def agent_file(directory: Path) -> Path:
    """The one that is deployed, as much faster, and with a limit above which any request is."""
    text = AGENT_FILE.read_text(encoding="utf-8")
    changed = {
        "interval_seconds: 20": f"interval_seconds: {20 // SPEED}",
        "max_milliseconds: 1000, min_requests: 20": "max_milliseconds: 0.01, min_requests: 1",
    }
    for former, now in changed.items():
        assert text.count(former) == 1
        text = text.replace(former, now)
    path = directory / "agent.yml"
    path.write_text(text, encoding="utf-8")
    return path


@dataclass
class Watch:
    """What Prometheus and Uptime Kuma have of the agent, and a table of it."""

    asked: Prometheus
    kuma: Served
    table: Table = field(default_factory=lambda: Table("the service", "monitor_status", "what Uptime Kuma was told"))

    async def until_status(self, value: int, what: str, meanwhile: Callable[[], object] = lambda: None) -> str:
        """Wait until Prometheus has this status; the message that goes with it. `meanwhile` is done at each look."""

        def seen() -> bool:
            meanwhile()
            return [series.values for series in self.asked.now(STATUS)] == [[value]]

        await until(seen, _PAUSE_SECONDS)
        beats = self.kuma.double.beats[self.kuma.monitor(NAME)["id"]]
        message = next(str(beat["msg"]) for beat in reversed(beats) if beat["status"] == value)
        self.table.add_row(what, str(value), message)
        return message


def ask(server: Server) -> None:
    httpx2.post(f"{server.url}/graphql", json={"query": "{ airlines { code } }"}).raise_for_status()


@pytest.mark.needs("prometheus")
async def test_prometheus_sees_the_agent_up_slow_silent_and_up_again(
    run: Run, kuma: Served, databases: Databases, tmp_path: Path
) -> None:
    kuma.clock.run(SPEED)
    assert run("apply", config=CONFIG_FILE).line("12 created, 0 updated, 0 unchanged")
    assert run("apply", config=CONFIG_FILE).line("0 created, 0 updated, 11 unchanged")
    (directory := tmp_path / "prometheus").mkdir()
    environment = {
        "DATABASE_URL": databases.flights("sqlite"),
        "KUMA_PUSH_URL": f"{kuma.url}/api/push",
        "KUMA_AGENT_FILE": str(agent_file(tmp_path)),
    }
    with serving(tmp_path / "log", **environment) as server:
        targets = {"api": server.url.removeprefix("http://"), "kuma": kuma.url.removeprefix("http://")}
        with prometheus(directory, targets, (tmp_path / "key").read_text("utf-8")) as asked:
            watch = Watch(asked, kuma)
            await watch.until_status(1, "is asked nothing")
            assert " > 0 ms" in await watch.until_status(0, "answers above its limit", lambda: ask(server))
            await watch.until_status(1, "is asked nothing")
            server.process.send_signal(signal.SIGSTOP)
            assert await watch.until_status(0, "hangs (SIGSTOP)") == SILENT
            server.process.send_signal(signal.SIGCONT)
            await watch.until_status(1, "goes on (SIGCONT)")
    Console().print(watch.table)
