"""A real Prometheus scrapes the running service: every panel and every rule has something to show."""

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
from PIL import Image
from typer.testing import CliRunner

from db.engine import Database
from monitoring.__main__ import app
from monitoring.dashboards.classic import DIRECTORY
from monitoring.prometheus_api import Prometheus, Series
from tests.databases import Databases, settings_for
from tests.keys import make_key
from tests.monitoring import traffic
from tests.monitoring.alertmanager import Alertmanager, hearing
from tests.monitoring.kuma_metrics import KEY, exporting
from tests.monitoring.prometheus import prometheus
from tests.monitoring.test_rules import rules
from tests.servers import ROOT, serving
from tests.waiting import until

pytestmark = pytest.mark.needs("promtool")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
EXAMPLE = "alertmanager.example:9093"
(OURS,) = (block for block in re.findall(r"```yaml\n(.*?)```", OPERATIONS, re.DOTALL) if EXAMPLE in block)
BOARDS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(DIRECTORY.glob("*.json"))}
TARGETS = [target for board in BOARDS.values() for panel in board["panels"] for target in panel["targets"]]
_NO_METRICS = re.compile(
    r"""
    "[^"]*"                               # text
    | \{[^}]*\} | \[[^\]]*\]              # labels and windows
    | \b(?:by|on|ignoring|without)\s*\([^)]*\)
    | \b[a-z_]+\s*(?=\()                  # functions and aggregations
    | \b(?:and|or|unless|group_left|group_right|sum|max|min|count)\b
    """,
    re.VERBOSE,
)


def expression(text: str) -> str:
    """An expression as Grafana sends it: with figures in place of its variables."""
    filled = text.replace("$__rate_interval", "1m").replace("$__range", "1h")
    assert "$" not in filled
    return filled


def metrics_in(text: str) -> set[str]:
    """The names of the metrics in an expression."""
    return set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", _NO_METRICS.sub(" ", expression(text))))


def finite(series: list[Series]) -> bool:
    """Whether there is a figure among the values."""
    return any(math.isfinite(value) for each in series for value in each.values)


@pytest.fixture(scope="module")
def alertmanager() -> Iterator[Alertmanager]:
    with hearing() as heard:
        yield heard


def sent_to(asked: Prometheus) -> list[str]:
    """The addresses to which it sends alerts."""
    answer = httpx2.get(f"{asked.url}/api/v1/alertmanagers").json()
    return [each["url"] for each in answer["data"]["activeAlertmanagers"]]


@pytest.fixture(scope="module")
async def scraped(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory, alertmanager: Alertmanager
) -> AsyncIterator[Prometheus]:
    """A Prometheus that has seen the service do everything twice, once between two looks at it.

    While it ran, a file said where alerts go, as in docs/operations.md.
    """
    directory = tmp_path_factory.mktemp("prometheus")
    models = traffic.models(directory / "models")
    url = databases.copy("sqlite")
    database = Database(settings_for(url))
    key = await make_key(database)
    await database.close()
    environment = {"DATABASE_URL": url, "MODEL_DIR": str(models), "MODEL_POLL_SECONDS": "0.2", "RATE_LIMIT": "0"}
    with (
        serving(directory / "log", **environment) as server,
        exporting() as kuma,
        prometheus(directory, {"api": server.url.removeprefix("http://"), "kuma": kuma}, KEY) as asked,
    ):
        assert sent_to(asked) == []
        (directory / "alertmanagers" / "ours.yml").write_text(OURS.replace(EXAMPLE, alertmanager.address), "utf-8")
        for _ in range(2):
            await traffic.send(server.url, key)
            await traffic.reload(server.url, models)
            await looked_again(asked)
        yield asked
    databases.drop(url)


async def looked_again(asked: Prometheus) -> None:
    """Wait until what was done is seen, and the rules were evaluated with it."""
    done = await asyncio.to_thread(asked.now, "time()")
    seen = f"min(timestamp(job:graphql_requests_slow:ratio_rate6h)) > {done[0].values[0] + 1}"
    await until(lambda: bool(asked.now(seen)))


def test_all_targets_are_up(scraped: Prometheus) -> None:
    assert {series.labels["job"]: series.values for series in scraped.now("up")} == {
        "api": [1.0],
        "kuma": [1.0],
        "prometheus": [1.0],
    }


# One test for all of a kind: spread over several workers, each would start a Prometheus of its own.
def test_every_query_of_every_panel_has_data(scraped: Prometheus) -> None:
    found = {target["expr"]: scraped.now(expression(target["expr"])) for target in TARGETS}
    assert [each for each, series in found.items() if not finite(series)] == []
    for target in TARGETS:
        for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
            assert all(label in series.labels for series in found[target["expr"]]), (target, label)


def test_every_recording_rule_has_data(scraped: Prometheus) -> None:
    expressions = [rule[part] for rule in rules("record") for part in ("expr", "record")]
    assert [each for each in expressions if not finite(scraped.now(each))] == []


def test_every_alert_looks_at_what_is_there(scraped: Prometheus) -> None:
    for rule in rules("alert"):
        scraped.now(rule["expr"])
        selectors = re.findall(r"[a-z_:0-9]+\{[^}]*\}", rule["expr"])
        looked_at = [*selectors, *metrics_in(rule["expr"])]
        assert [each for each in looked_at if not finite(scraped.now(each))] == []


def test_only_what_went_wrong_here_alerts(scraped: Prometheus) -> None:
    firing = {series.labels["alertname"] for series in scraped.now('ALERTS{alertstate="firing"}')}
    assert "ModelReloadFailed" in firing
    assert firing.isdisjoint({"NoChampion", "ServiceDown", "KumaUnreachable", "PoolExhausted"})


async def test_an_alert_goes_to_whom_a_file_named_without_a_restart(
    scraped: Prometheus, alertmanager: Alertmanager
) -> None:
    await until(lambda: "ModelReloadFailed" in alertmanager.names())
    assert sent_to(scraped) == [f"http://{alertmanager.address}/api/v2/alerts"]
    (told, *_) = [each for each in alertmanager.alerts if each["labels"]["alertname"] == "ModelReloadFailed"]
    assert told["labels"]["severity"] == "ticket"
    assert told["annotations"]["runbook_url"] == "docs/runbook.md#modelreloadfailed"


def test_every_metric_that_is_named_anywhere_is_exported(scraped: Prometheus) -> None:
    expressions = [target["expr"] for target in TARGETS]
    expressions += [rule["expr"] for kind in ("alert", "record") for rule in rules(kind)]
    named = set[str]().union(*map(metrics_in, expressions))
    assert {"graphql_requests_total", "monitor_status", "job:graphql_requests_failed:ratio_rate1h"} <= named
    assert named - scraped.names() == set()


def test_each_dashboard_is_drawn_with_all_its_panels(scraped: Prometheus, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["pictures", "--prometheus", scraped.url, "--minutes", "1", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.iterdir()} == {f"dashboard-{name}.png" for name in BOARDS}
    for path in tmp_path.iterdir():
        picture = Image.open(path)
        assert len(picture.getcolors() or ()) > 10, path
        assert path.stat().st_size < 200_000


def test_a_prometheus_that_is_away_is_said_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["pictures", "--prometheus", "http://127.0.0.1:9", str(tmp_path)])
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "http://127.0.0.1:9 does not answer" in result.output


@pytest.mark.parametrize("command", ["dashboards", "pictures"])
def test_a_command_s_help_has_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert (result.exit_code, f"Example: python -m monitoring {command}" in result.output) == (0, True)
