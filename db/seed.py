"""Load the processed tables: idempotent, and resumed where it was killed.

Each part of a file and the note of how far the file was read are one transaction. A file that was loaded is known by
its checksum and not read again, so that what was deleted since stays deleted.
"""

from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import polars as pl
from sqlalchemy import ColumnElement, CursorResult, Index, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateIndex, DropIndex

from db.engine import Database, index_names, insert_new, renew_statistics
from db.local_clock import LocalClock, zones_by_airport
from db.local_time import with_local_clock
from db.migrate import current, head
from db.raw import sha256
from db.tables import Aircraft, Airline, Airport, Base, Flight, Load
from db.validate import RejectedRow, split

TABLES = ("airlines", "airports", "aircraft", "flights", "weather")
PART_ROWS = 20_000


class SeedError(Exception):
    """A file that cannot be loaded as a whole."""


class Progress(Protocol):
    """What the loading reports to: `start` once a table, `advance` once a part."""

    def start(self, table: str, rows: int, done: int) -> None: ...

    def advance(self, table: str, rows: int) -> None: ...


class Silent:
    """A progress that is not shown."""

    def start(self, table: str, rows: int, done: int) -> None:
        pass

    def advance(self, table: str, rows: int) -> None:
        pass


@dataclass(slots=True)
class TableReport:
    """What became of one file. `known` rows were there before, by their key; `rejected_before` in an earlier run."""

    table: str
    rows: int
    inserted: int = 0
    known: int = 0
    resumed_at: int = 0
    already_loaded: bool = False
    rejected_before: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)


class _Source(NamedTuple):
    """A file that was read whole: loading begins only when all of them are there."""

    table: str
    name: str
    sha256: str
    rows: pl.DataFrame


async def seed(database: Database, processed_dir: Path, progress: Progress) -> list[TableReport]:
    """Load every processed table, references first.

    Raises:
        SeedError: the schema is not there, a file is missing or lacks a column (nothing was loaded), or another process
            is loading the same file.
    """
    if (revision := await current(database)) != head():
        raise SeedError(f"the schema is at migration {revision or 'none'}, not {head()}: run `python -m db upgrade`")
    sources = [_read(table, processed_dir / f"{table}.parquet") for table in TABLES]
    await _drop_indexes_of_empty_tables(database)
    try:
        reports = [await _load(database, source, progress) for source in sources]
    finally:
        built = await _create_missing_indexes(database)
    if built or any(report.inserted for report in reports):
        await renew_statistics(database, TABLES)
    return reports


def _indexes() -> list[Index]:
    return [index for table in TABLES for index in Base.metadata.tables[table].indexes]


async def _drop_indexes_of_empty_tables(database: Database) -> None:
    """An index built once over all rows takes a fraction of the time that keeping it up row by row takes."""
    for index in _indexes():
        table = Base.metadata.tables[index.table.name] if index.table is not None else None
        if table is None or await database.fetch("table_is_empty", select(1).select_from(table).limit(1)):
            continue
        async with database.transaction() as connection:
            await connection.execute(DropIndex(index, if_exists=True))


async def _create_missing_indexes(database: Database) -> bool:
    """Build whatever a run dropped, this one or one that was killed; False where nothing was missing."""
    present = await index_names(database)
    missing = [index for index in _indexes() if index.name not in present]
    for index in missing:
        async with database.transaction() as connection:
            await connection.execute(CreateIndex(index, if_not_exists=True))
    return bool(missing)


async def _load(database: Database, source: _Source, progress: Progress) -> TableReport:
    table, frame = source.table, source.rows
    report = TableReport(table, frame.height)
    noted = await database.fetch(
        "load_progress",
        select(Load.rows_read, Load.rows_rejected, Load.finished_at).where(*_note_of(source)),
    )
    if noted and noted[0].finished_at is not None:
        report.already_loaded, report.rejected_before = True, noted[0].rows_rejected
        return report
    if not noted:
        async with database.transaction() as connection:
            note = {"source": table, "sha256": source.sha256, "rows_read": 0, "rows_rejected": 0}
            await _only_one(connection.execute(insert(Load).values(note)), source)
    report.resumed_at = int(noted[0].rows_read) if noted else 0
    progress.start(table, frame.height, report.resumed_at)
    # Duplicates inside the file are found over the whole of it, so it is checked whole and loaded in parts.
    known = await _known_codes(database)
    accepted, report.rejected = split(table, frame.with_row_index("_row"), known, file=source.name, first_line=1)
    for start, end in _parts(report.resumed_at, frame.height):
        rows = accepted.filter((pl.col("_row") >= start) & (pl.col("_row") < end)).drop("_row")
        await _load_part(database, source, report, (start, end), rows)
        progress.advance(table, end - start)
    return report


def _parts(done: int, total: int) -> Iterator[tuple[int, int]]:
    """The ranges of rows that are still to be read; a single empty one where only the end is to be noted."""
    for start in range(done, total, PART_ROWS) if total > done else [done]:
        yield start, min(start + PART_ROWS, total)


async def _load_part(
    database: Database, source: _Source, report: TableReport, part: tuple[int, int], rows: pl.DataFrame
) -> None:
    table, (start, end) = Base.metadata.tables[source.table], part
    rejected = sum(start < row.line <= end for row in report.rejected)
    async with database.transaction() as connection:
        progressed = (
            update(Load)
            .where(*_note_of(source), Load.rows_read == start, Load.finished_at.is_(None))
            .values(
                rows_read=end,
                rows_rejected=Load.rows_rejected + rejected,
                finished_at=datetime.now(UTC) if end == source.rows.height else None,
            )
        )
        await _only_one(connection.execute(progressed), source)
        if source.table == Flight.__tablename__:
            rows = await _with_local_clock(connection, rows)
        inserted = await insert_new(connection, table, rows.columns, rows.iter_rows())
    report.inserted += inserted
    report.known += rows.height - inserted


async def _with_local_clock(connection: AsyncConnection, flights: pl.DataFrame) -> pl.DataFrame:
    """The flights with their origins' clocks, in the time zones that the database has for them."""
    zones = await connection.execute(zones_by_airport(flights["origin_code"].unique()))
    return with_local_clock(flights, {row.code: row.timezone for row in zones})


async def _only_one(noting: Awaitable[CursorResult[Any]], source: _Source) -> None:
    """Note the progress, unless another process noted it first: then the transaction ends without a change."""
    message = f"another process is loading {source.name}; wait for it, or stop it and run this again"
    try:
        result = await noting
    except IntegrityError as error:
        raise SeedError(message) from error
    if result.rowcount != 1:
        raise SeedError(message)


def _note_of(source: _Source) -> tuple[ColumnElement[bool], ...]:
    return Load.source == source.table, Load.sha256 == source.sha256


def _read(table: str, path: Path) -> _Source:
    try:
        frame = pl.read_parquet(path)
    except FileNotFoundError as error:
        raise SeedError(f"{path} is missing: run `python -m db prepare`") from error
    except pl.exceptions.PolarsError as error:
        raise SeedError(f"{path} is not a Parquet file ({error}): run `python -m db prepare` again") from error
    columns = Base.metadata.tables[table].columns
    # What the database fills in by itself need not be in the file, nor what follows from the origin's time zone.
    given = {column.name for column in columns if column.server_default is None and column.autoincrement is not True}
    given -= set(LocalClock._fields)
    if missing := given - set(frame.columns):
        raise SeedError(f"{path} lacks the column {min(missing)}: run `python -m db prepare` again")
    return _Source(table, path.name, sha256(path), frame.select(sorted(given)))


async def _known_codes(database: Database) -> dict[str, set[str]]:
    keys = {"airlines": Airline.code, "airports": Airport.code, "aircraft": Aircraft.tail_number}
    return {
        table: {str(value) for (value,) in await database.fetch("known_codes", select(column))}
        for table, column in keys.items()
    }
