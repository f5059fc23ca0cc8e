"""Load the processed tables: idempotent, and resumed where it stopped when it was killed.

Each chunk of rows and the note of how far the file was read are one transaction. A file that was loaded is known by its
checksum and not read again, so that what was deleted since stays deleted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import polars as pl
from sqlalchemy import Index, insert, select, update

from db.engine import Database, index_names, insert_new, refresh_statistics
from db.raw import sha256
from db.tables import Aircraft, Airline, Airport, Base, Load
from db.validate import RejectedRow, split

TABLES = ("airlines", "airports", "aircraft", "flights", "weather")
CHUNK_ROWS = 20_000


class SeedError(Exception):
    """A file that cannot be loaded as a whole."""


class Progress(Protocol):
    """What the loading reports to: `start` once a table, `advance` once a chunk."""

    def start(self, table: str, rows: int, done: int) -> None: ...

    def advance(self, table: str, rows: int) -> None: ...


@dataclass(slots=True)
class TableReport:
    """What became of one file. `known` rows were there before, by their key."""

    table: str
    rows: int
    inserted: int = 0
    known: int = 0
    resumed_at: int = 0
    already_loaded: bool = False
    rejected: list[RejectedRow] = field(default_factory=list)


async def seed(database: Database, processed_dir: Path, progress: Progress) -> list[TableReport]:
    """Load every processed table, references first.

    Raises:
        SeedError: a file is missing or lacks a column; nothing of it was loaded.
    """
    await _drop_indexes_of_empty_tables(database)
    reports = [await _load(database, table, processed_dir / f"{table}.parquet", progress) for table in TABLES]
    await _create_missing_indexes(database)
    if any(report.inserted for report in reports):
        async with database.transaction() as connection:
            await refresh_statistics(connection)
    return reports


def _indexes() -> list[Index]:
    return [index for table in TABLES for index in Base.metadata.tables[table].indexes]


async def _drop_indexes_of_empty_tables(database: Database) -> None:
    """An index built once over all rows takes a fraction of the time that keeping it up row by row takes."""
    async with database.transaction() as connection:
        present = await index_names(connection)
        for index in _indexes():
            table = index.table
            if table is None or index.name not in present:
                continue
            if (await connection.execute(select(1).select_from(table).limit(1))).first() is None:
                await connection.run_sync(index.drop)


async def _create_missing_indexes(database: Database) -> None:
    """Whatever a run dropped, this one or one that was killed, is there again when a run ends."""
    async with database.transaction() as connection:
        present = await index_names(connection)
        for index in _indexes():
            if index.name not in present:
                await connection.run_sync(index.create)


async def _load(database: Database, table: str, path: Path, progress: Progress) -> TableReport:
    frame = _read(table, path)
    report = TableReport(table, frame.height)
    digest = sha256(path)
    noted = await database.fetch(
        "load_progress",
        select(Load.rows_read, Load.finished_at).where(Load.source == table, Load.sha256 == digest),
    )
    if noted and noted[0].finished_at is not None:
        report.already_loaded = True
        return report
    if not noted:
        async with database.transaction() as connection:
            await connection.execute(
                insert(Load).values(source=table, sha256=digest, rows_read=0, rows_rejected=0, finished_at=None)
            )
    report.resumed_at = int(noted[0].rows_read) if noted else 0
    progress.start(table, frame.height, report.resumed_at)
    known = await _known_codes(database)
    # Duplicates inside the file are found over the whole of it, so it is checked whole and loaded in parts.
    accepted, rejected = split(table, frame.with_row_index("_row"), known, file=path.name, first_line=1)
    report.rejected = [row for row in rejected if row.line > report.resumed_at]
    for start, end, rows in _chunks(accepted, report.resumed_at, frame.height):
        await _load_chunk(database, report, (digest, start, end, frame.height), rows)
        progress.advance(table, end - start)
    return report


def _read(table: str, path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except FileNotFoundError as error:
        raise SeedError(f"{path} is missing: run `python -m db prepare`") from error
    except pl.exceptions.PolarsError as error:
        raise SeedError(f"{path} is not a Parquet file ({error}): run `python -m db prepare` again") from error
    columns = {column.name for column in Base.metadata.tables[table].columns}
    if missing := _required(table) - set(frame.columns):
        raise SeedError(f"{path} lacks the column {min(missing)}: run `python -m db prepare` again")
    return frame.select(name for name in frame.columns if name in columns)


def _required(table: str) -> set[str]:
    columns = Base.metadata.tables[table].columns
    given = {column.name for column in columns if column.server_default is not None or column.autoincrement is True}
    return {column.name for column in columns if not column.nullable} - given


def _chunks(accepted: pl.DataFrame, done: int, total: int) -> Iterator[tuple[int, int, pl.DataFrame]]:
    for start in range(done, total, CHUNK_ROWS) if total > done else [done]:
        end = min(start + CHUNK_ROWS, total)
        rows = accepted.filter((pl.col("_row") >= start) & (pl.col("_row") < end)).drop("_row")
        yield start, end, rows


async def _load_chunk(
    database: Database, report: TableReport, part: tuple[str, int, int, int], rows: pl.DataFrame
) -> None:
    digest, start, end, total = part
    table = Base.metadata.tables[report.table]
    rejected = sum(start < row.line <= end for row in report.rejected)
    async with database.transaction() as connection:
        inserted = await insert_new(connection, table, rows.columns, rows.iter_rows())
        await connection.execute(
            update(Load)
            .where(Load.source == report.table, Load.sha256 == digest)
            .values(
                rows_read=end,
                rows_rejected=Load.rows_rejected + rejected,
                finished_at=datetime.now(UTC) if end == total else None,
            )
        )
    report.inserted += inserted
    report.known += rows.height - inserted


async def _known_codes(database: Database) -> dict[str, set[str]]:
    keys = {"airlines": Airline.code, "airports": Airport.code, "aircraft": Aircraft.tail_number}
    return {
        table: {str(value) for (value,) in await database.fetch("known_codes", select(column))}
        for table, column in keys.items()
    }
