"""Where flights come from: the directory that `python -m db prepare` writes, or a database.

A source is one text: a directory, or a URL as `DATABASE_URL` takes it. Whatever reads flights takes either.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import polars as pl
from pydantic import SecretStr

from db.engine import Database, DatabaseUnavailableError, database_url, without_password
from db.frames import FramesError, read_frames
from db.progress import Progress
from ml.errors import ModelError
from ml.settings import read_settings


class SourceError(ModelError):
    """The source cannot be read. The message says why, and what to do."""


def is_database(source: str | Path) -> bool:
    return "://" in str(source)


def shown(source: str | Path) -> str:
    """The source as it may be written down: a directory in full, a URL without its password.

    Raises:
        SourceError: it is a URL that no database has.
    """
    if not is_database(source):
        return str(Path(source).absolute())
    try:
        return without_password(database_url(str(source), named="the source"))
    except ValueError as error:
        raise SourceError(str(error)) from error


def open_database(source: str) -> Database:
    """The database of a source, for reading. Whoever opens it closes it.

    Raises:
        SourceError: the URL names none, or a file that is not there.
    """
    try:
        database_url(source, named="the source", must_exist=True)
    except ValueError as error:
        raise SourceError(str(error)) from error
    return Database(read_settings().model_copy(update={"database_url": SecretStr(source)}))


def unusable(source: str, error: DatabaseUnavailableError) -> SourceError:
    """The error of a database that did not answer, in one line."""
    hint = "is the address right, does it run, and is no other program holding it?"
    return SourceError(f"the database {shown(source)} cannot be used: {error}; {hint}")


def read_tables(source: str | Path, tables: Iterable[str], progress: Progress) -> dict[str, pl.DataFrame]:
    """Tables by name, with the columns and types of the processed files wherever they come from.

    Raises:
        SourceError: a file is missing or damaged, or the database cannot be reached or is not migrated.
    """
    if is_database(source):
        return asyncio.run(_read(str(source), tables, progress))
    try:
        return {name: pl.read_parquet(Path(source) / f"{name}.parquet") for name in tables}
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"{source} cannot be read; run `python -m db prepare` ({error})") from error


async def _read(source: str, tables: Iterable[str], progress: Progress) -> dict[str, pl.DataFrame]:
    database = open_database(source)
    try:
        return await read_frames(database, tables, progress)
    except DatabaseUnavailableError as error:
        raise unusable(source, error) from error
    except FramesError as error:
        raise SourceError(f"the database {shown(source)} cannot be read: {error}") from error
    finally:
        await database.close()
