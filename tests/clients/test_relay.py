"""Relay's compiler takes the fragments that page, and its store joins the pages."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import Client, Served, check_flights

pytestmark = pytest.mark.needs("npm")


def test_relay_pages_through_flights(served: Served, copied: Callable[..., Path]) -> None:
    client = Client(copied("relay", ["node_modules"]), served.environment)
    client.run("npm", "run", "--silent", "generate")
    compiled = {path.name.removesuffix(".graphql.ts") for path in (client.directory / "src/__generated__").iterdir()}
    assert {"FlightListPageQuery", "DeparturesPageQuery"} <= compiled, "what @refetchable asks for"
    client.run("npm", "run", "--silent", "check")
    client.run("npm", "run", "--silent", "build")
    check_flights(served, client.received("npm", "run", "--silent", "example"))
