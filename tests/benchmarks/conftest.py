"""The service with the limits of the benchmarks, and the handwritten application on the same database."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import httpx2
import orjson
import pytest

from benchmarks.handwritten import create_app
from benchmarks.shapes import LIMITS, Shape, shapes
from tests.graphql_api.conftest import Graph, graph_on

ROOT = Path(__file__).parents[2]
ByHand: TypeAlias = Callable[[str, Any], Awaitable[bytes]]
"""The bytes of `data` that a path of the handwritten application answers with."""


@pytest.fixture(scope="session")
async def benchmarked(flights_url: str) -> AsyncIterator[Graph]:
    async with graph_on(flights_url, **{name.lower(): int(value) for name, value in LIMITS.items()}) as asked:
        yield asked


@pytest.fixture(scope="session")
async def by_hand(flights_url: str) -> AsyncIterator[ByHand]:
    app = create_app(flights_url, ROOT / "mlruns")
    async with app.router.lifespan_context(app):
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://yardstick")

        async def ask(path: str, variables: Any) -> bytes:
            response = await client.post(path, content=orjson.dumps(variables))
            return orjson.dumps(response.raise_for_status().json()["data"])

        async with client:
            yield ask


@pytest.fixture(scope="session")
async def measured_shapes(benchmarked: Graph) -> dict[str, Shape]:
    return {shape.name: shape for shape in await shapes(benchmarked.data)}
