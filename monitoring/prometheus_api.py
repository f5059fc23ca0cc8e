"""What a Prometheus answers: https://prometheus.io/docs/prometheus/latest/querying/api/."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx2

SECONDS = 30.0
"""How long to wait for an answer."""


class PrometheusError(Exception):
    """A Prometheus cannot be reached, or refuses what it is asked."""


class Series(NamedTuple):
    """A series that an expression gives: its labels, and its values at their times, in seconds since 1970."""

    labels: Mapping[str, str]
    times: list[float]
    values: list[float]


class Prometheus:
    """Asks one Prometheus. Close it, or use it as a context."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._client = httpx2.Client(timeout=SECONDS)

    def __enter__(self) -> "Prometheus":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def now(self, expression: str, at: float | None = None) -> list[Series]:
        """The value of each series at one time, now when left out.

        Raises:
            PrometheusError: it cannot be reached, or the expression is not one.
        """
        answer = self._ask("query", {"query": expression} | ({} if at is None else {"time": str(at)}))
        samples = (
            [({}, answer["result"])]
            if answer["resultType"] == "scalar"
            else [(each["metric"], each["value"]) for each in answer["result"]]
        )
        return [Series(labels, [float(time)], [float(value)]) for labels, (time, value) in samples]

    def over(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """The values of each series from one time to another, all in seconds.

        Raises:
            PrometheusError: as of `now`.
        """
        times = {"start": str(start), "end": str(end), "step": str(step)}
        answer = self._ask("query_range", {"query": expression} | times)
        return [
            Series(
                each["metric"],
                [float(time) for time, _ in each["values"]],
                [float(value) for _, value in each["values"]],
            )
            for each in answer["result"]
        ]

    def names(self) -> set[str]:
        """The names of all metrics that it has.

        Raises:
            PrometheusError: it cannot be reached.
        """
        return set(self._ask("label/__name__/values", {}))

    def _ask(self, what: str, parameters: Mapping[str, str]) -> Any:
        try:
            response = self._client.get(f"{self.url}/api/v1/{what}", params=dict(parameters))
        except httpx2.HTTPError as error:
            raise PrometheusError(f"{self.url} does not answer: {error}") from error
        try:
            body = response.json()
        except ValueError:
            body = {"error": f"{response.status_code}, which is no answer of a Prometheus's"}
        if body.get("status") != "success":
            raise PrometheusError(f"{self.url}: {body.get('error')}")
        return body["data"]
