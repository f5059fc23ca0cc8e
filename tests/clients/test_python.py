"""The Python client passes mypy, and does what it is for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import Client, Served, check_example
from tests.servers import ROOT

ENVIRONMENT = ROOT / ".venv-clients" / "bin"


@pytest.fixture(scope="module")
def client(served: Served, copied: Callable[..., Path]) -> Client:
    assert (ENVIRONMENT / "ariadne-codegen").exists(), "make test makes it"
    client = Client(copied("python"), served.environment)
    client.run(str(ENVIRONMENT / "ariadne-codegen"))
    return client


def test_the_client_reads_writes_and_follows(client: Client, served: Served) -> None:
    check_example(served, client.received(str(ENVIRONMENT / "python"), "-W", "error", "example.py"))


def test_the_client_passes_mypy_and_a_wrong_use_of_it_does_not(client: Client) -> None:
    mypy = str(ENVIRONMENT / "mypy")
    assert "no issues" in client.run(mypy)
    (client.directory / "wrong.py").write_text(
        "from flights.fragments import FlightRow\n\n"
        "def delay(flight: FlightRow) -> int:\n    return flight.arrival_delay_minutes\n",
        encoding="utf-8",
    )
    with pytest.raises(AssertionError, match=r"\[return-value\]"):  # It may be None.
        client.run(mypy, "wrong.py")


def test_an_instant_without_an_offset_is_not_sent(client: Client) -> None:
    program = (
        "from datetime import datetime; from flights.input_types import DateTimeFilter; "
        "DateTimeFilter(gt=datetime(2013, 1, 1)).model_dump()"
    )
    with pytest.raises(AssertionError, match="has no offset"):
        client.run(str(ENVIRONMENT / "python"), "-c", program)
