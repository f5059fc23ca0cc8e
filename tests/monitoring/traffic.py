"""Traffic that touches everything that is measured: the examples of GraphiQL, and what goes wrong."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from tests.bundles import COMMITTED, add_version, damage, remove_version
from tests.keys import bearer
from tests.servers import ROOT
from tests.subscribers import subscriber

_EXAMPLES = ROOT / "graphiql" / "examples"
FOLLOWED = "subscription FlightChanged { flightChanged { kind flight { flightNumber } } }"
WRONG = (
    '{ flight(id: "nonsense") { id } }',
    "{ airline { code } }",
    "{ nothing }",
    'mutation { deleteFlight(id: "x", expectedVersion: 1) { __typename } }',
    "query Unknown { airlines { flights(first: 2) { totalCount nodes { origin { name } weather { windSpeedKt } } } } }",
    """{ flights(first: 3) { pageInfo { hasNextPage } nodes { airline { name } predictDelay { ... on DelayPrediction {
        factors(first: 2) { feature } } } again: predictDelay { __typename } } }
        a: airport(code: "EWR") { name } b: airport(code: "EWR") { name } }""",
    """{ predictDelay(input: { carrierCode: "??", originCode: "EWR", destinationCode: "ORD",
        scheduledDeparture: "2013-06-01T12:00:00Z" }) { __typename } }""",
)
"""What is refused or fails, and what asks for the same twice."""


def examples() -> Iterator[dict[str, Any]]:
    """The requests that GraphiQL offers, but for the subscription."""
    for path in sorted(_EXAMPLES.glob("*.graphql")):
        query = path.read_text(encoding="utf-8")
        if "subscription" not in query:
            variables = path.with_suffix(".json")
            yield {"query": query, "variables": json.loads(variables.read_text("utf-8")) if variables.exists() else {}}


async def send(url: str, key: str) -> None:
    """Every request once, and with a subscriber who hears of a flight."""
    async with httpx2.AsyncClient(timeout=30) as client, subscriber(url) as follower:
        await (await follower.initialise()).subscribe(FOLLOWED)
        for body in (*examples(), *({"query": query} for query in WRONG)):
            response = await client.post(f"{url}/graphql", json=body, headers=bearer(key))
            assert response.status_code < 500, response.text
        refused = await client.post(f"{url}/graphql", json={"query": "{ airlines { code } }"}, headers=bearer("wrong"))
        assert refused.status_code == 401


async def reload(url: str, models: Path) -> None:
    """Put a new version beside the models, one that is damaged too, and take both away."""
    async with httpx2.AsyncClient(timeout=30) as client:
        for name, spoil, told in (("model_v8", None, "versions"), ("model_v9", damage, "refused")):
            added = add_version(models / "model_v1", models / name, spoil)
            await _until_told(client, url, told, name)
            remove_version(added)


async def _until_told(client: httpx2.AsyncClient, url: str, what: str, version: str) -> None:
    """Wait until the service says of a version that it is among the `versions` that serve, or was `refused`."""
    for _ in range(400):
        told = (await client.get(f"{url}/health/model")).json()
        if version in {"versions": [model["version"] for model in told["models"]], **told}[what]:
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"{version} is not among {what}")


def models(directory: Path) -> Path:
    """The committed models, to be changed."""
    directory.mkdir()
    for version in ("model_v1", "model_v2"):
        shutil.copytree(COMMITTED / version, directory / version)
    shutil.copy(COMMITTED / "aliases.json", directory)
    return directory
