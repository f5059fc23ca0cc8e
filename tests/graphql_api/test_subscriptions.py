"""Subscriptions from end to end: the running service, real connections, one process and two."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.graphql_api.conftest import operation
from tests.servers import serving
from tests.subscribers import subscriber, subscriptions_of

DOCUMENT = operation("FlightChanged")
CREATE = """mutation($input: CreateFlightInput!) { createFlight(input: $input) {
    ... on FlightCreated { flight { id version } } ... on Problem { message } } }"""
INPUT = {
    "carrierCode": "UA",
    "flightNumber": 4242,
    "originCode": "EWR",
    "destinationCode": "IAH",
    "scheduledDeparture": "2030-01-01T10:15:00Z",
}


async def asked(url: str, query: str, variables: dict[str, Any]) -> Any:
    async with httpx2.AsyncClient() as client:
        response = await client.post(f"{url}/graphql", json={"query": query, "variables": variables})
        return response.json()["data"]


async def test_a_subscriber_is_told_of_a_change(small_database: Any, small_url: str, tmp_path: Path) -> None:
    with serving(tmp_path / "log", DATABASE_URL=small_url) as server:
        async with subscriber(server.url) as client:
            await client.initialise()
            await client.subscribe(DOCUMENT, {"where": {"carrierCode": {"eq": "UA"}}})
            await subscriptions_of(server.url, 1)
            created = (await asked(server.url, CREATE, {"input": INPUT}))["createFlight"]["flight"]
            change = (await client.next())["data"]["flightChanged"]
            assert (change["kind"], change["id"]) == ("CREATED", created["id"])
            assert change["flight"]["flightNumber"] == 4242
            server.process.terminate()
            assert await client.receive() == {"id": "1", "type": "complete"}
            with pytest.raises(Exception) as closed:
                await client.receive()
            print(closed.value)
        server.stop()
    print((tmp_path / "log").read_text())
