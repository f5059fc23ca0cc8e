"""The configuration of Prometheus is right, each rule does what it says, and each alert has its page in the runbook."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.documents import read_document
from monitoring.kuma.config import CONFIG_FILE, Config, PushMonitor
from tests.monitoring.conftest import SECRETS

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "monitoring" / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
RUNBOOK = "docs/runbook.md"


def promtool(*arguments: str | Path) -> str:
    """What promtool says, which is content."""
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output


def rules(kind: str) -> list[dict[str, Any]]:
    """All rules that are an `alert` or a `record`."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


ALERTS = {rule["alert"]: rule for rule in rules("alert")}


@pytest.mark.needs("promtool")
def test_promtool_finds_no_fault_in_the_configuration_and_the_rules() -> None:
    assert f"{len(RULES)} rule files found" in promtool("check", "config", PROMETHEUS / "prometheus.yml")
    assert str(len(ALERTS)) in promtool("check", "rules", *RULES)


@pytest.mark.needs("promtool")
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_rules_fire_and_are_quiet_where_they_should(path: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", path)


def test_each_alert_is_tried_where_it_fires_and_where_it_is_quiet() -> None:
    tests = [test for path in TESTS for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]]
    asked = [each for test in tests for each in test.get("promql_expr_test", [])]
    shown = [
        (test["alertname"], bool(test["exp_alerts"])) for each in tests for test in each.get("alert_rule_test", [])
    ]
    fired = {
        name for each in asked for sample in each["exp_samples"] for name in re.findall(r'"(\w+)"', sample["labels"])
    }
    fired |= {name for name, fires in shown if fires}
    assert fired == ALERTS.keys()
    # Where nothing is expected to fire, nothing may: of the budgets, and of all alerts there are.
    assert {each["expr"] for each in asked if not each["exp_samples"]} == {
        'count by (alertname) (ALERTS{alertstate="firing", alertname=~".*Budget.*"})',
        'count by (alertname) (ALERTS{alertstate="firing"})',
    }


def test_the_names_by_which_a_monitor_pages_are_those_of_the_service_and_its_database() -> None:
    config = read_document(CONFIG_FILE, Config, SECRETS)
    groups = {group.name: group.monitors for group in config.status_page.groups}
    (names,) = re.findall(r'monitor_name=~"(.*?)"', ALERTS["KumaMonitorDown"]["expr"])
    assert f'monitor_name!~"{names}"' in ALERTS["KumaOtherMonitorDown"]["expr"]
    paging = [monitor.name for monitor in config.monitors if re.fullmatch(names, monitor.name)]
    assert paging == [*groups["Service"], *groups["What it stands on"]]
    asked = [monitor.name for monitor in config.monitors if not isinstance(monitor, PushMonitor)]
    for each in names.split("|"):
        assert any(re.fullmatch(each, name) for name in asked), each


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_grave_it_is_and_what_to_do(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["runbook_url"] == f"{RUNBOOK}#{name.lower()}"


def test_the_runbook_has_a_section_for_each_alert_in_their_order_and_no_other() -> None:
    text = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n\n(.*?)(?=\n## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert sections.keys() == ALERTS.keys()
    for name, section in sections.items():
        assert section.startswith(f"**{ALERTS[name]['labels']['severity']}.** ")
        assert re.search(r"^\*Look(:\*| and do\*| as|\*)", section, re.MULTILINE), name
        for anchor in re.findall(r"\(#(\w+)\)", section):
            assert anchor in {alert.lower() for alert in ALERTS}
