"""Migrations and models say the same."""

import re
from typing import Any

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from db.engine import Database
from db.migrate import current, downgrade, head, upgrade
from db.tables import Base


async def described(database: Database) -> dict[str, Any]:
    """The schema as the database itself writes it down: tables, columns, constraints and indexes."""
    async with database.transaction() as connection:
        if database.dialect == "sqlite":
            rows = await connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
            return {name: sorted(re.sub(r"\s+", " ", sql).replace("( ", "(").split(", ")) for name, sql in rows}
        catalogue = {
            "columns": "SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default "
            "FROM information_schema.columns WHERE table_schema = 'public'",
            "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace",
            "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        }
        return {name: sorted(map(tuple, await connection.execute(text(sql)))) for name, sql in catalogue.items()}


def without_alembic(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, str) else [part for part in value if "alembic_version" not in str(part)]
        for name, value in schema.items()
        if name != "alembic_version" and not name.startswith("sqlite_")
    }


async def test_migrations_make_the_schema_that_the_models_declare(empty_database: Database) -> None:
    await upgrade(empty_database)
    migrated = without_alembic(await described(empty_database))
    await downgrade(empty_database)
    async with empty_database.transaction() as connection:
        await connection.run_sync(Base.metadata.create_all)
    declared = without_alembic(await described(empty_database))
    assert migrated == declared
    assert "flights" in str(migrated)


async def test_upgrading_twice_is_upgrading_once(empty_database: Database) -> None:
    assert await current(empty_database) is None
    assert await upgrade(empty_database) == (None, head())
    assert await upgrade(empty_database) == (head(), head())


async def test_downgrading_leaves_no_table_behind(empty_database: Database) -> None:
    await upgrade(empty_database)
    await downgrade(empty_database)

    def tables(connection: Connection) -> list[str]:
        return inspect(connection).get_table_names()

    async with empty_database.transaction() as connection:
        assert set(await connection.run_sync(tables)) <= {"alembic_version", "sqlite_sequence"}


@pytest.mark.parametrize("table", ["flights", "api_keys", "predictions"])
async def test_ids_are_never_given_out_twice(empty_database: Database, table: str) -> None:
    await upgrade(empty_database)
    async with empty_database.transaction() as connection:
        if empty_database.dialect == "sqlite":
            sql = await connection.execute(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": table})
            assert "AUTOINCREMENT" in sql.scalar_one()
        else:
            default = await connection.execute(
                text(
                    "SELECT column_default FROM information_schema.columns "
                    "WHERE table_name = :name AND column_name = 'id'"
                ),
                {"name": table},
            )
            assert "nextval" in default.scalar_one()
