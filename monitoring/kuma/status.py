"""How the monitors are, as Uptime Kuma last saw them."""

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from uptime_kuma_api import UptimeKumaApi

from monitoring.kuma.config import Config
from monitoring.kuma.server import refusals

_PATIENCE_SECONDS = 3.0
_PAUSE_SECONDS = 0.02


class Condition(StrEnum):
    UP = "up"
    DOWN = "down"
    PENDING = "pending"
    MAINTENANCE = "maintenance"
    PAUSED = "paused"
    UNKNOWN = "not yet known"
    MISSING = "missing"
    """The file has it, Uptime Kuma does not."""


_CONDITIONS = (Condition.DOWN, Condition.UP, Condition.PENDING, Condition.MAINTENANCE)
"""In the order of Uptime Kuma's numbers."""


@dataclass(frozen=True, slots=True)
class MonitorStatus:
    """One monitor: `ping` in milliseconds, `at` the moment of its last check in UTC, as Uptime Kuma writes it."""

    name: str
    type: str
    condition: Condition
    message: str = ""
    ping: float | None = None
    at: str = ""


def read_status(api: UptimeKumaApi, config: Config) -> list[MonitorStatus]:
    """Every monitor that Uptime Kuma has, in the order of the file, and those of the file that it has not."""
    with refusals("how its monitors are"):
        monitors = {monitor["name"]: monitor for monitor in api.get_monitors()}
        beats = _beats(api, {monitor["id"] for monitor in monitors.values()})
    order = [monitor.name for monitor in config.monitors]
    kinds = {monitor.name: monitor.type for monitor in config.monitors}
    names = [*order, *sorted(monitors.keys() - set(order))]
    return [
        _status(monitors[name], beats.get(monitors[name]["id"], []))
        if name in monitors
        else MonitorStatus(name, kinds[name], Condition.MISSING)
        for name in names
    ]


def _beats(api: UptimeKumaApi, ids: set[int]) -> dict[int, list[dict[str, Any]]]:
    """After a login Uptime Kuma sends the heartbeats of each monitor in a message of its own."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while ids:
        beats = dict(api.get_heartbeats())
        if ids <= beats.keys() or time.monotonic() > deadline:
            return beats
        time.sleep(_PAUSE_SECONDS)
    return {}


def _status(monitor: dict[str, Any], beats: list[dict[str, Any]]) -> MonitorStatus:
    name, kind = monitor["name"], str(getattr(monitor["type"], "value", monitor["type"]))
    if not monitor["active"]:
        return MonitorStatus(name, kind, Condition.PAUSED)
    if not beats:
        return MonitorStatus(name, kind, Condition.UNKNOWN)
    last = beats[-1]
    return MonitorStatus(
        name, kind, _CONDITIONS[int(last["status"])], last["msg"] or "", last["ping"], str(last["time"])
    )
