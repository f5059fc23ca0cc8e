"""The service that clients are tried against, and copies of their directories as a user makes them."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from db.engine import Database
from db.tables import Flight
from graphql_api.ids import decode_id, encode_id
from tests.databases import Databases, settings_for
from tests.keys import make_key
from tests.servers import ROOT, serving

NOT_COPIED = shutil.ignore_patterns("node_modules", "dist", "gql", "__generated__", "flights", ".mypy_cache")


@dataclass(frozen=True)
class Served:
    """A service that nobody may read or write without a key, its key, and the database behind it."""

    url: str
    key: str
    database_url: str

    @property
    def environment(self) -> dict[str, str]:
        """What an example program is told."""
        return {"M7B0_URL": f"{self.url}/graphql", "M7B0_KEY": self.key}

    def rows(self) -> list[tuple[Any, ...]]:
        """What the example programs read: the six flights out of JFK that arrived latest, by ID, number and delay."""
        statement = (
            select(Flight.id, Flight.carrier_code, Flight.flight_number, Flight.arrival_delay_minutes)
            .where(Flight.origin_code == "JFK")
            .order_by(Flight.arrival_delay_minutes.desc().nulls_last(), Flight.id)
            .limit(6)
        )
        return [(encode_id("Flight", row[0]), *row[1:]) for row in self._fetch(statement)]

    def has(self, flight_id: str) -> bool:
        statement = select(Flight.id).where(Flight.id == int(decode_id(flight_id).key))
        return bool(self._fetch(statement))

    def _fetch(self, statement: Any) -> list[Any]:
        async def fetch() -> list[Any]:
            database = Database(settings_for(self.database_url))
            try:
                return list(await database.fetch("test", statement))
            finally:
                await database.close()

        return asyncio.run(fetch())


@pytest.fixture(scope="session")
def served(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    url = databases.copy("sqlite")  # The examples write.

    async def key() -> str:
        database = Database(settings_for(url))
        try:
            return await make_key(database)
        finally:
            await database.close()

    text = asyncio.run(key())
    log = tmp_path_factory.mktemp("served") / "log"
    with serving(log, DATABASE_URL=url, READS="keys", WRITES="keys", INTROSPECTION="keys") as server:
        yield Served(server.url, text, url)
    databases.drop(url)


@dataclass(frozen=True)
class Client:
    """A copy of a client's directory. Beside it lies the schema, as in the repository, and no line of the service."""

    directory: Path
    environment: dict[str, str]

    def run(self, *command: str) -> str:
        """Run a command of its README; what it prints.

        Raises:
            AssertionError: it failed; says what it printed.
        """
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory), "CI": "true", **self.environment}
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=60, cwd=self.directory, env=environment
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def received(self, *command: str) -> list[tuple[str, Any]]:
        """What an example program printed: what it did and what came of it, a line each."""
        lines = self.run(*command).splitlines()
        return [item for line in lines for item in orjson.loads(line).items()]


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Sequence[str]], Path]:
    """Copy the directory of a client and link what is installed there."""

    def copy(name: str, installed: Sequence[str] = ()) -> Path:
        root = tmp_path_factory.mktemp(name)
        directory = root / "clients" / name
        shutil.copytree(ROOT / "clients" / name, directory, ignore=NOT_COPIED)
        shutil.copy(ROOT / "schema.graphql", root)
        for path in installed:
            assert (ROOT / "clients" / name / path).is_dir(), "make test installs it"
            (directory / path).symlink_to(ROOT / "clients" / name / path)
        return directory

    return copy


def check_flights(served: Served, received: list[tuple[str, Any]]) -> None:
    """The two pages are what the database has, each with a prediction."""
    flights = [flight for what, flight in received if what == "flight"]
    shown = [(row["id"], row["carrierCode"], row["flightNumber"], row["arrivalDelayMinutes"]) for row in flights]
    assert shown == served.rows()
    assert all(0 < row["probability"] < 1 for row in flights)


def check_example(served: Served, received: list[tuple[str, Any]]) -> None:
    """It read, added a flight once, heard of its change, and removed it."""
    check_flights(served, received)
    assert [what for what, _ in received[6:]] == ["added", "changed", "removed"]
    added, changed, removed = (value for _, value in received[6:])
    assert added["again"]
    assert (changed["kind"], changed["id"], removed["id"]) == ("UPDATED", added["id"], added["id"])
    assert (added["version"], changed["flight"]["version"] > 1) == (1, True)
    assert removed["__typename"] == "FlightDeleted"
    assert not served.has(added["id"])
