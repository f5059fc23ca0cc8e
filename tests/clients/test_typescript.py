"""The TypeScript client compiles strictly, and Apollo, urql and fetch do with it what it is for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import Client, Served, check_example

pytestmark = pytest.mark.needs("npm")


@pytest.fixture(scope="module")
def client(served: Served, copied: Callable[..., Path]) -> Client:
    client = Client(copied("typescript", ["node_modules"]), served.environment)
    client.run("npm", "run", "--silent", "generate")
    client.run("npm", "run", "--silent", "build")
    return client


@pytest.mark.parametrize("program", ["apollo", "urql", "sse"])
def test_a_client_reads_writes_and_follows(client: Client, served: Served, program: str) -> None:
    check_example(served, client.received("npm", "run", "--silent", program))


def test_apollo_names_a_document_by_its_hash_in_a_get_once_the_service_knows_it(client: Client) -> None:
    received = client.received("npm", "run", "--silent", "persisted")
    by_get = {"method": "GET", "document": False}
    assert received == [
        ("asked", {**by_get, "status": 400}),
        ("asked", {"method": "POST", "document": True, "status": 200}),
        ("flights", 1),
        ("asked", {**by_get, "status": 200}),
        ("flights", 2),
    ]


def test_a_field_that_may_be_null_does_not_compile_as_one_that_may_not(client: Client) -> None:
    wrong = client.directory / "src" / "wrong.ts"
    wrong.write_text(
        'import type { FlightRowFragment } from "./gql/graphql.js";\n'
        "export const delay = (flight: FlightRowFragment): number => flight.arrivalDelayMinutes;\n",
        encoding="utf-8",
    )
    with pytest.raises(AssertionError, match="TS2322"):
        client.run("npm", "run", "--silent", "check")
    wrong.unlink()
