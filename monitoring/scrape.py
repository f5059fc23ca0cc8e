"""Looking at a service from outside: its /metrics and its /health/ready over HTTP."""

from urllib.parse import urlsplit, urlunsplit

import httpx2

from monitoring.agent import Look, UnseenError
from monitoring.samples import Samples


def ready_address(metrics_url: str) -> str:
    """/health/ready beside a /metrics."""
    parts = urlsplit(metrics_url)
    return urlunsplit(parts._replace(path=f"{parts.path.rsplit('/', 1)[0]}/health/ready", query=""))


class Scrape:
    """Looks at a service over HTTP."""

    def __init__(self, client: httpx2.AsyncClient, metrics_url: str, ready_url: str) -> None:
        self._client = client
        self._metrics_url = metrics_url
        self._ready_url = ready_url

    async def __call__(self) -> Look:
        """Read both.

        Raises:
            UnseenError: the metrics cannot be read.
        """
        try:
            response = await self._client.get(self._metrics_url)
            response.raise_for_status()
            samples = Samples.of_text(response.text)
        except httpx2.HTTPStatusError as error:
            raise UnseenError(f"no metrics: status {error.response.status_code}") from error
        except httpx2.HTTPError as error:
            raise UnseenError(f"no metrics: {str(error) or type(error).__name__}") from error
        except ValueError as error:
            raise UnseenError("no metrics: the answer is not in the Prometheus text format") from error
        return Look(samples, await self._faults(), whole=False)

    async def _faults(self) -> list[str]:
        try:
            response = await self._client.get(self._ready_url)
        except httpx2.HTTPError as error:
            return [str(error) or type(error).__name__]
        if response.status_code == httpx2.codes.OK:
            return []
        try:
            body = response.json()
            return [body[part] for part in ("database", "model") if body[part] != "ok"]
        except (ValueError, KeyError, TypeError):
            return [f"status {response.status_code}"]
