"""Load the processed tables: idempotent, and resumed where it was killed.

Files are read and checked part by part, in constant memory. Each part of a file and the note of how far the file was
read are one transaction. A file that was loaded is known by its checksum and not read again, so that what was deleted
since stays deleted.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import polars as pl
from sqlalchemy import ColumnElement, CursorResult, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.corrections import correct_rows
from db.engine import Database, insert_new, renew_statistics
from db.frames import file_columns
from db.indexes import create_missing_indexes, drop_indexes_of_empty_tables
from db.local_clock import zones_by_airport
from db.local_time import with_local_clock
from db.migrate import schema_fault
from db.progress import Progress
from db.queries.reference import known_codes
from db.raw import sha256
from db.tables import Base, Flight, Load
from db.validate import KEYS, RejectedRow, SeenKeys, split

TABLES = ("airlines", "airports", "aircraft", "flights", "weather")
PART_ROWS = 20_000
# How much of a Parquet file is decoded at once: about a row group of those that Polars writes.
_DECODED_ROWS = 12 * PART_ROWS


class SeedError(Exception):
    """A file that cannot be loaded as a whole."""


@dataclass(slots=True)
class TableReport:
    """What became of one file. `known` rows were there before, by their key; `rejected_before` in an earlier run."""

    table: str
    rows: int
    inserted: int = 0
    known: int = 0
    updated: int = 0
    resumed_at: int = 0
    already_loaded: bool = False
    rejected_before: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)


Report = TypeVar("Report", bound=TableReport)


class Source(NamedTuple):
    """A file that rows of a table come from. Its progress is noted under `noted_as` and the checksum of the file."""

    table: str
    name: str
    noted_as: str
    sha256: str


class Part(NamedTuple):
    """Rows of a file that can be loaded, from all that it holds between two numbers of rows.

    `references` are rows of other tables that they name and that the database lacks, by table.
    """

    start: int
    end: int
    last: bool
    rows: pl.DataFrame
    rejected: int
    references: Mapping[str, pl.DataFrame] = {}


class _Processed(NamedTuple):
    """A processed file that has the columns of its table: loading begins only when all of them are there."""

    source: Source
    path: Path
    columns: list[str]
    rows: int


async def seed(database: Database, processed_dir: Path, progress: Progress) -> list[TableReport]:
    """Load every processed table, references first.

    Raises:
        SeedError: the schema is not there, a file is missing or lacks a column (nothing was loaded), a file is damaged,
            or another process is loading the same file.
    """
    files = [_open(table, processed_dir / f"{table}.parquet") for table in TABLES]

    async def load() -> list[TableReport]:
        return [await _load(database, file, progress) for file in files]

    return await in_bulk(database, load)


async def in_bulk(database: Database, load: Callable[[], Awaitable[list[Report]]]) -> list[Report]:
    """What `load` reports. The indexes of empty tables are built after it, and the planner's statistics renewed.

    Raises:
        SeedError: the schema is not there, or what `load` raises.
    """
    if fault := await schema_fault(database):
        raise SeedError(fault)
    await drop_indexes_of_empty_tables(database, TABLES)
    try:
        reports = await load()
    except Exception:
        # Not for a cancellation: who presses Ctrl-C does not want to wait, and the next run makes up for it.
        await create_missing_indexes(database, TABLES)
        raise
    built = await create_missing_indexes(database, TABLES)
    if built or any(report.inserted or report.updated for report in reports):
        await renew_statistics(database, TABLES)
    return reports


async def _load(database: Database, file: _Processed, progress: Progress) -> TableReport:
    table = file.source.table
    report = TableReport(table, file.rows)
    if not await begin(database, file.source, report):
        return report
    progress.start(table, file.rows, report.resumed_at)
    # What was loaded before is checked again: a later row may repeat a key of it, and its rejected rows are told again.
    known, seen = await known_codes(database), SeenKeys(table)
    for start, rows in _parts(file, report.resumed_at):
        accepted, rejected = split(table, rows, known, file=file.source.name, first_line=start + 1, seen=seen)
        report.rejected += rejected
        end = start + rows.height
        if end > report.resumed_at or not file.rows:
            await load_part(database, file.source, report, Part(start, end, end == file.rows, accepted, len(rejected)))
            progress.advance(table, rows.height)
    return report


def _parts(file: _Processed, resumed_at: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """The parts of a file with the number of rows before each; one of them begins at `resumed_at`."""
    for first in range(0, max(file.rows, 1), _DECODED_ROWS):
        try:
            decoded = pl.scan_parquet(file.path).select(file.columns).slice(first, _DECODED_ROWS).collect()
        except pl.exceptions.PolarsError as error:
            raise SeedError(f"{file.path} is damaged ({error}): run `python -m db prepare` again") from error
        for start, end in part_bounds(first, first + decoded.height, resumed_at):
            yield start, decoded.slice(start - first, end - start)


def part_bounds(first: int, last: int, resumed_at: int) -> Iterator[tuple[int, int]]:
    """Numbers of rows between which a file is read in parts; an empty file has one part."""
    start = first
    while start < last or start == first:
        end = min(start + PART_ROWS, last)
        if start < resumed_at < end:  # It was loaded by a version with parts of another size.
            end = resumed_at
        yield start, end
        if end == start:
            return
        start = end


async def begin(database: Database, source: Source, report: TableReport) -> bool:
    """Note that a file is being loaded and fill in what is known of earlier runs; False where it was loaded to its end.

    Raises:
        SeedError: another process began with it at the same time.
    """
    noted = await database.fetch(
        "load_progress",
        select(Load.rows_read, Load.rows_rejected, Load.finished_at).where(*_note_of(source)),
    )
    if noted and noted[0].finished_at is not None:
        report.already_loaded, report.rejected_before = True, noted[0].rows_rejected
        report.rows = noted[0].rows_read
        return False
    if not noted:
        async with database.transaction() as connection:
            note = {"source": source.noted_as, "sha256": source.sha256, "rows_read": 0, "rows_rejected": 0}
            await _only_one(connection.execute(insert(Load).values(note)), source)
    report.resumed_at = int(noted[0].rows_read) if noted else 0
    return True


async def load_part(
    database: Database, source: Source, report: TableReport, part: Part, *, correct: bool = False
) -> None:
    """Load rows, those that they refer to and the note of them in one transaction: the one way into the tables.

    Where `correct` is set, a row whose key exists replaces the one that has it, if it differs.

    Raises:
        SeedError: another process loaded this part.
    """
    table, rows = Base.metadata.tables[source.table], part.rows
    updated = 0
    async with database.transaction() as connection:
        progressed = (
            update(Load)
            .where(*_note_of(source), Load.rows_read == part.start, Load.finished_at.is_(None))
            .values(
                rows_read=part.end,
                rows_rejected=Load.rows_rejected + part.rejected,
                finished_at=datetime.now(UTC) if part.last else None,
            )
        )
        await _only_one(connection.execute(progressed), source)
        for name, named in part.references.items():
            await insert_new(connection, Base.metadata.tables[name], named.columns, named.iter_rows())
        new = await _with_local_clock(connection, rows) if source.table == Flight.__tablename__ else rows
        inserted = await insert_new(connection, table, new.columns, new.iter_rows())
        if correct and inserted < rows.height:
            # Without the local clock: all that it follows from is the key, and the origin's time zone.
            updated = await correct_rows(connection, table, KEYS[source.table], rows.columns, rows.iter_rows())
    report.inserted += inserted
    report.updated += updated
    report.known += rows.height - inserted - updated


async def _with_local_clock(connection: AsyncConnection, flights: pl.DataFrame) -> pl.DataFrame:
    """The flights with their origins' clocks, in the time zones that the database has for them."""
    zones = await connection.execute(zones_by_airport(flights["origin_code"].unique()))
    return with_local_clock(flights, {row.code: row.timezone for row in zones})


async def _only_one(noting: Awaitable[CursorResult[Any]], source: Source) -> None:
    """Note the progress, unless another process noted it first: then the transaction ends without a change."""
    message = f"another process is loading {source.name}; wait for it, or stop it and run this again"
    try:
        result = await noting
    except IntegrityError as error:
        raise SeedError(message) from error
    if result.rowcount != 1:
        raise SeedError(message)


def _note_of(source: Source) -> tuple[ColumnElement[bool], ...]:
    return Load.source == source.noted_as, Load.sha256 == source.sha256


def _open(table: str, path: Path) -> _Processed:
    try:
        found = pl.read_parquet_schema(path)
        rows = int(pl.scan_parquet(path).select(pl.len()).collect().item())
    except FileNotFoundError as error:
        raise SeedError(f"{path} is missing: run `python -m db prepare`") from error
    except pl.exceptions.PolarsError as error:
        raise SeedError(f"{path} is not a Parquet file ({error}): run `python -m db prepare` again") from error
    given = [column.name for column in file_columns(Base.metadata.tables[table])]
    if missing := set(given) - set(found):
        raise SeedError(f"{path} lacks the column {min(missing)}: run `python -m db prepare` again")
    return _Processed(Source(table, path.name, table, sha256(path)), path, given, rows)
