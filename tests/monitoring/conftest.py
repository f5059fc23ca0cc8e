"""A double of Uptime Kuma that is served, a small file for it, and the commands as an operator types them."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeAlias

import pytest
from rich.console import Console
from typer.testing import CliRunner

from monitoring import kuma_command
from monitoring.__main__ import app
from monitoring.documents import read_document
from monitoring.kuma.config import Config
from tests.monitoring.kuma_double import KumaDouble
from tests.monitoring.kuma_server import serving

SECRETS = {"KUMA_PASSWORD": "kuma-2345", "KUMA_PUSH_TOKEN": "push-token-7", "POSTGRES_MONITOR_PASSWORD": "p@ss/word"}
SMALL = dedent("""\
    url: ${KUMA_URL}
    username: admin
    password: {env: KUMA_PASSWORD}
    api_key: {name: prometheus, file: "${KUMA_API_KEY_FILE}"}
    tags: [{name: part, color: "#0d9488"}]
    notifications:
      - {name: hook, type: webhook, settings: {webhookContentType: json}, secrets: {webhookURL: {env: HOOK_URL}}}
    monitors:
      - {name: live, type: http, url: "http://api:8000/health/live", tags: {part: service}}
      - name: prediction
        type: json-query
        url: http://api:8000/graphql
        bearer: {env: SERVICE_KEY}
        graphql: {query: "{ airlines { code } }"}
        json_path: data.airlines[0].code
        expected: 9E
      - {name: agent, type: push, token: {env: KUMA_PUSH_TOKEN}, interval_seconds: 60}
      - {name: database, type: postgres, connection: postgres://m7b0@db/m, password: {env: POSTGRES_MONITOR_PASSWORD}}
    status_page: {slug: m7b0, title: m7b0, groups: [{name: Service, monitors: [live, agent]}]}
    """)
"""One monitor of each kind."""
Run: TypeAlias = Callable[..., "Done"]


@dataclass
class Clock:
    """Seconds that pass when a test says so, or faster than they do.

    Uptime Kuma takes no interval below 20 seconds: at 20 times the speed, 60 of its seconds are over in three.
    """

    seconds: float = 1_800_000_000.0
    speed: float = 0.0
    _since: float = 0.0

    def __call__(self) -> float:
        return self.seconds + self.speed * (time.monotonic() - self._since)

    def run(self, speed: float) -> None:
        """From now on, with so many seconds in each; with 0, none pass."""
        self.seconds, self.speed, self._since = self(), speed, time.monotonic()


@dataclass
class Served:
    """A double, where it is served, and its clock."""

    double: KumaDouble
    url: str
    clock: Clock

    def monitor(self, name: str) -> dict[str, Any]:
        """As it keeps it."""
        (found,) = (each for each in self.double.monitors.values() if each["name"] == name)
        return found

    def measured(self, metric: str, name: str) -> float | None:
        """The value of a metric for a monitor, as Prometheus would scrape it."""
        found = re.search(
            rf'^{metric}\{{.*monitor_name="{name}".*\}} (\S+)$', self.double.metrics().decode(), re.MULTILINE
        )
        return float(found[1]) if found else None


@dataclass
class Done:
    """What a command came to: its output as words with single spaces between, a line each."""

    status: int
    lines: list[str] = field(default_factory=list)

    def line(self, beginning: str) -> str:
        """The one line that begins so."""
        (found,) = (line for line in self.lines if line.startswith(beginning))
        return found


@pytest.fixture(scope="session")
def _double() -> Iterator[Served]:
    clock = Clock()
    double = KumaDouble(clock)
    with serving(double) as url:
        yield Served(double, url, clock)


@pytest.fixture
def kuma(_double: Served) -> Served:
    """As on its first start."""
    _double.clock.run(0)
    _double.clock.seconds = Clock.seconds
    _double.double.begin_anew()
    return _double


@pytest.fixture
def environment(kuma: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What an operator has set; in a directory where no .env lies."""
    values = {**SECRETS, "KUMA_URL": kuma.url, "KUMA_API_KEY_FILE": str(tmp_path / "key")}
    monkeypatch.chdir(tmp_path)
    # As wide as no line is: the width that a worker of the run has is another.
    monkeypatch.setattr(kuma_command, "out", Console(width=200, highlight=False))
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    path = tmp_path / "kuma.yml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture
def run(environment: dict[str, str], small_file: Path) -> Run:
    """Runs `python -m monitoring kuma …` with the small file."""

    def command(*arguments: str, config: Path = small_file) -> Done:
        result = CliRunner().invoke(app, ["kuma", *arguments, "--config", str(config)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, [" ".join(line.split()) for line in result.output.splitlines()])

    return command


def small_config(environment: dict[str, str], path: Path) -> Config:
    return read_document(path, Config, environment)
