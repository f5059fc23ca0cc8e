"""What the double enforces beyond the contract, since the database of the real one does, or the facts say so."""

from typing import Any

import httpx2
import pytest

from tests.monitoring.conftest import Clock
from tests.monitoring.kuma_columns import MonitorRefusedError
from tests.monitoring.kuma_double import SILENT, KumaDouble
from tests.monitoring.test_contract import MONITOR

QUERY = {"type": "json-query", "jsonPath": "a", "jsonPathOperator": "==", "expectedValue": "1"}
PUSH = {"type": "push", "pushToken": "token"}


@pytest.fixture
def double() -> KumaDouble:
    return KumaDouble(Clock())


@pytest.mark.parametrize(
    "fields",
    [
        {**QUERY, "jsonPath": None},
        {**QUERY, "jsonPathOperator": None},
        {**QUERY, "jsonPathOperator": "equals"},
        {**QUERY, "expectedValue": None},
        {**QUERY, "url": None},
        {"type": "postgres"},
        {**PUSH, "pushToken": "t" * 33},
        {**PUSH, "pushToken": None},
        {"interval": 2_073_601},
        {"retryInterval": 5},
        {"name": None},
        {"notificationIDList": [1]},
    ],
    ids=str,
)
def test_it_refuses_what_cannot_work(double: KumaDouble, fields: dict[str, Any]) -> None:
    with pytest.raises(MonitorRefusedError):
        double.add({**MONITOR, "name": "monitor", **fields})
    assert double.monitors == {}


def test_an_edit_that_leaves_out_what_is_required_is_refused(double: KumaDouble) -> None:
    number = double.add({**MONITOR, "name": "monitor", **QUERY})
    with pytest.raises(MonitorRefusedError):
        double.edit({**MONITOR, "id": number, "name": "monitor", "type": "json-query"})
    assert double.monitors[number]["jsonPath"] == "a"


def test_silence_is_down_and_a_paused_monitor_is_not_found(double: KumaDouble) -> None:
    number = double.add({**MONITOR, "name": "agent", **PUSH})
    double.clock.seconds += 61  # type: ignore[attr-defined]  # The clock of the fixture.
    double.watch()
    assert [beat["msg"] for beat in double.beats[number]] == [SILENT]
    assert double.push("token", {})
    double.monitors[number]["active"] = False
    assert not double.push("token", {})


def test_it_is_reached_on_the_loopback_interface_alone(kuma: Any) -> None:
    assert httpx2.URL(kuma.url).host == "127.0.0.1"
