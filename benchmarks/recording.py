"""What recording metrics costs: the same request in one process, recorded and not, in turn."""

import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from structlog.contextvars import bound_contextvars

from benchmarks.shapes import Shape, page
from graphql_api.app import open_service
from graphql_api.asking import ask
from graphql_api.encoding import encoded
from graphql_api.execution import Answer, Executor
from graphql_api.metrics import Metrics
from graphql_api.observation import OBSERVED
from graphql_api.persisted import GraphQLRequest
from graphql_api.schema import build_schema
from graphql_api.sender import Sender
from graphql_api.settings import Environment, Settings
from graphql_api.state import Service
from tests.databases import migrate_and_seed

ROUNDS, REQUESTS = 40, 50
_SILENT = ("request", "request_errors", "authentication", "loader_batch", "loader_key", "batched_read")


@dataclass(frozen=True, slots=True)
class Cost:
    """The processor's milliseconds for a request, recorded and not, and the median of the rounds' ratios."""

    recorded_ms: float
    silent_ms: float
    ratio: float


class Silent(Metrics):
    """Records nothing of a request."""

    def __init__(self) -> None:
        super().__init__()
        for name in _SILENT:
            setattr(self, name, _nothing)


def _nothing(*_: Any, **__: Any) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Asked:
    """One of the two that take turns."""

    service: Service
    executor: Executor

    async def seconds(self, requests: Sequence[GraphQLRequest]) -> float:
        """The processor's time for all of the requests, from the parsed request to the bytes of the answer."""
        gc.collect()
        started = time.process_time()
        for request in requests:
            with bound_contextvars(request_id="0123456789abcdef"):
                sender = Sender(self.service, None, {})
                asked = await ask(self.executor, request, sender, self.service, streaming=False)
            if not isinstance(asked.result, Answer) or asked.outcome != "success":
                raise RuntimeError(f"the answer is {asked.result}")
            encoded(asked.result.body)
        return time.process_time() - started


async def _compare(url: str, shape: Shape) -> Cost:
    settings = Settings(
        _env_file=None,
        database_url=SecretStr(url),
        app_env=Environment.PRODUCTION,
        rate_limit=0,
    )
    requests = [GraphQLRequest(query=shape.document, variables=each) for each in shape.variables]
    requests = [requests[number % len(requests)] for number in range(REQUESTS)]
    async with AsyncExitStack() as stack:
        recorded, silent = [
            Asked(await stack.enter_async_context(open_service(settings)), Executor(_schema(observed), settings))
            for observed in (True, False)
        ]
        silent.service.metrics, silent.service.database.observe = Silent(), None
        rounds = [await _round((recorded, silent), requests, number) for number in range(ROUNDS + 2)][2:]
    each = 1000 / REQUESTS
    return Cost(
        statistics.median(one for one, _ in rounds) * each,
        statistics.median(other for _, other in rounds) * each,
        statistics.median(one / other for one, other in rounds),
    )


async def _round(both: tuple[Asked, Asked], requests: Sequence[GraphQLRequest], number: int) -> tuple[float, float]:
    """The seconds of each; who comes first changes from round to round."""
    order: Iterable[int] = (0, 1) if number % 2 else (1, 0)
    seconds = {place: await both[place].seconds(requests) for place in order}
    return seconds[0], seconds[1]


def _schema(observed: bool) -> Any:
    schema = build_schema()
    if not observed:
        for type_ in schema._schema.type_map.values():
            for field in getattr(type_, "fields", {}).values():
                field.extensions.pop(OBSERVED, None)
    return schema


def measure() -> Cost:
    """Load all flights into SQLite, and ask for pages of 100 with their relations."""
    with tempfile.TemporaryDirectory(prefix="m7b0-recording-") as directory:
        url = f"sqlite:///{directory}/flights.db"
        migrate_and_seed(url)
        return asyncio.run(_compare(url, page(100)))
