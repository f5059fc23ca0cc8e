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


def test_a_field_that_does_not_exist_does_not_compile(client: Client) -> None:
    wrong = client.directory / "src" / "wrong.ts"
    wrong.write_text(
        'import type { FlightRowFragment } from "./gql/graphql.js";\n'
        "export const delay = (flight: FlightRowFragment): number => flight.arrivalDelayMinutes;\n",
        encoding="utf-8",
    )
    with pytest.raises(AssertionError, match="TS2322"):  # It may be null.
        client.run("npm", "run", "--silent", "check")
    wrong.unlink()
