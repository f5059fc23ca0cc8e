"""What the commands share: where they print, which database they use, and how they fail."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer
from alembic.util.exc import CommandError
from pydantic import ValidationError
from rich.console import Console

from db.engine import Database, DatabaseUnavailableError, database_url
from db.settings import DatabaseSettings, fault_of

out = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)
Result = TypeVar("Result")


def settings() -> DatabaseSettings:
    try:
        return DatabaseSettings()
    except ValidationError as error:
        raise failure(f"settings: {fault_of(error)}") from error


def run(work: Callable[[Database], Awaitable[Result]], *, maintenance: bool = True) -> Result:
    """Run `work` on the configured database and turn what an operator can mend into one clear line."""
    used = settings()
    try:
        database_url(used.database_url.get_secret_value(), must_exist=not maintenance)
    except ValueError as error:
        raise failure(str(error)) from error

    async def with_database() -> Result:
        database = Database(used, maintenance=maintenance)
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(with_database())
    except DatabaseUnavailableError as error:
        hint = "Does DATABASE_URL name the right database, is it reachable, and is no other program holding it?"
        raise failure(f"the database cannot be used: {error}\n{hint}") from error
    except CommandError as error:
        raise failure(f"the schema is not one that this version knows: {error}") from error


def failure(message: str) -> typer.Exit:
    errors.print("[red]error:[/]", end=" ")
    errors.print(message, markup=False)
    return typer.Exit(1)
