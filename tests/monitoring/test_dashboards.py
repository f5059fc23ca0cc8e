"""The dashboards are those that the generator writes, and every panel says what it shows."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from monitoring.dashboards.classic import BOARDS, DIRECTORY, text_of

GRAFANA = DIRECTORY.parent
FILES = sorted(DIRECTORY.glob("*.json"))
PANELS = [
    pytest.param(panel, id=f"{path.stem}-{panel['title']}")
    for path in FILES
    for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
]


def test_the_committed_dashboards_are_those_that_python_dash_m_monitoring_dashboards_writes() -> None:
    written = {board.name: text_of(board) for board in BOARDS}
    assert {path.stem: path.read_text(encoding="utf-8") for path in FILES} == written


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_grafana_s_own_types_read_a_dashboard_and_write_the_same(path: Path) -> None:
    """They take wrong types without a word, but do not give them back as they were."""
    register_default_plugins()
    given = json.loads(path.read_text(encoding="utf-8"))
    assert json.loads(JSONEncoder().encode(Dashboard.from_json(given))) == given


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows_in_which_unit_and_leaves_the_datasource_open(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    for source in (panel, *panel["targets"]):
        assert source["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert all(target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_panels_fill_their_rows_and_lie_side_by_side(path: Path) -> None:
    board = json.loads(path.read_text(encoding="utf-8"))
    cells = [
        (x, y)
        for panel in board["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    bottom = max(y for _, y in cells) + 1
    assert sorted(cells) == [(x, y) for x in range(24) for y in range(bottom)]
    titles = [panel["title"] for panel in board["panels"]]
    assert len(set(titles)) == len(titles)
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource"]


def test_grafana_is_told_where_the_metrics_and_the_dashboards_are() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text("utf-8"))["datasources"]
    assert (source["type"], source["isDefault"], source["url"]) == ("prometheus", True, "http://prometheus:9090")
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/m7b0.yml").read_text("utf-8"))["providers"]
    assert provider["type"] == "file"
    assert provider["options"]["path"].endswith(f"/{DIRECTORY.name}")
