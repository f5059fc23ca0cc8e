"""What an Alertmanager hears: https://prometheus.io/docs/alerting/latest/alerts_api/."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.monitoring.listening import Answer, Asked, listening


class Alertmanager(NamedTuple):
    """HOST:PORT of one that listens, and the alerts that it was sent, the latest last."""

    address: str
    alerts: list[dict[str, Any]]

    def names(self) -> set[str]:
        """Of all alerts that it was ever sent."""
        return {alert["labels"]["alertname"] for alert in self.alerts}


@contextmanager
def hearing() -> Iterator[Alertmanager]:
    """One that listens until the block ends."""
    alerts: list[dict[str, Any]] = []

    def hear(asked: Asked) -> Answer:
        if asked.path != "/api/v2/alerts":
            return Answer(404)
        alerts.extend(json.loads(asked.body))
        return Answer(200)

    with listening(hear) as address:
        yield Alertmanager(address, alerts)
