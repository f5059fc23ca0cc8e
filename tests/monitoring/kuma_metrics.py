"""What Uptime Kuma shows at /metrics: its series in their format, behind the same lock."""

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from tests.monitoring.listening import Answer, Asked, listening

KEY = "uk1_abcdefgh"
_HEAD = {
    "monitor_uptime_ratio": "Uptime ratio calculated over sliding window specified by the 'window' label. (0.0 - 1.0)",
    "monitor_response_time": "Monitor Response Time (ms)",
    "monitor_status": "Monitor Status (1 = UP, 0= DOWN, 2= PENDING, 3= MAINTENANCE)",
}


class Monitor(NamedTuple):
    """A monitor as its metrics show it. `status` is 1 up, 0 down, 2 pending, 3 maintenance."""

    name: str
    type: str
    url: str
    status: int = 1
    milliseconds: int = 12


MONITORS = (
    Monitor("m7b0 live", "http", "http://api:8000/health/live"),
    Monitor("m7b0 ready", "http", "http://api:8000/health/ready", milliseconds=18),
    Monitor("m7b0 prediction", "json-query", "http://proxy:8080/graphql", milliseconds=31),
    Monitor("PostgreSQL", "postgres", "https://"),
    Monitor("MLflow", "http", "http://mlflow:5000/health", status=3, milliseconds=0),
    Monitor("m7b0 agent", "push", "https://", milliseconds=42),
)


def text(monitors: Sequence[Monitor]) -> str:
    """The text format, as its client writes it."""
    samples: dict[str, list[str]] = {name: [] for name in _HEAD}
    for number, monitor in enumerate(monitors, start=1):
        labels = (
            f'monitor_id="{number}",monitor_name="{monitor.name}",monitor_type="{monitor.type}",'
            f'monitor_url="{monitor.url}",monitor_hostname="null",monitor_port="null"'
        )
        samples["monitor_status"].append(f"monitor_status{{{labels}}} {monitor.status}")
        samples["monitor_response_time"].append(f"monitor_response_time{{{labels}}} {monitor.milliseconds}")
        for window in ("1d", "30d", "365d"):
            ratio = 1 if monitor.status == 1 else 0.75
            samples["monitor_uptime_ratio"].append(f'monitor_uptime_ratio{{{labels},window="{window}"}} {ratio}')
    lines = [
        line
        for name, help_ in _HEAD.items()
        for line in (f"# HELP {name} {help_}", f"# TYPE {name} gauge", *samples[name], "")
    ]
    return "\n".join(lines)


@contextmanager
def exporting(monitors: Sequence[Monitor] = MONITORS) -> Iterator[str]:
    """The address at which the metrics are until the block ends: any user, and the API key as password."""

    def show(asked: Asked) -> Answer:
        scheme, _, given = asked.headers.get("Authorization", "").partition(" ")
        known = scheme == "Basic" and base64.b64decode(given).decode().endswith(f":{KEY}")
        body = text(monitors).encode() if known and asked.path == "/metrics" else b""
        return Answer(200 if body else 401, body, "text/plain; version=0.0.4; charset=utf-8")

    with listening(show) as address:
        yield address
