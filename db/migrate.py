"""Migrations, run from code: no alembic.ini, no second place for the database's address."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from db.engine import Database, one_at_a_time


def alembic_config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The revision of the newest migration."""
    return str(ScriptDirectory.from_config(alembic_config()).get_current_head())


async def current(database: Database) -> str | None:
    """The revision that the database is at, None before the first migration."""
    return await database.read(lambda connection: MigrationContext.configure(connection).get_current_revision())


async def schema_fault(database: Database) -> str | None:
    """What is wrong with the schema and what to run, None where it is the newest.

    Raises:
        DatabaseUnavailableError: the database cannot be reached.
    """
    if (revision := await current(database)) == head():
        return None
    return f"the schema is at migration {revision or 'none'}, not {head()}: run `python -m db upgrade`"


async def upgrade(database: Database, revision: str = "head") -> tuple[str | None, str | None]:
    """Migrate forward in one transaction; returns the revisions before and after."""
    before = await current(database)
    async with database.transaction() as connection:
        await one_at_a_time(connection, "migrate")
        await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), revision))
    return before, await current(database)


async def downgrade(database: Database, revision: str = "base") -> None:
    """Migrate backward in one transaction, to an empty database by default."""
    async with database.transaction() as connection:
        await connection.run_sync(lambda sync: command.downgrade(alembic_config(sync), revision))
