"""Writing flights to a file, in the columns and types of `data/processed/flights.parquet`, in constant memory."""

import os
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

import polars as pl
from sqlalchemy import select

from db.engine import Database
from db.filters import Filter, to_sql
from db.formats import Format
from db.processed import FLIGHTS
from db.progress import Progress
from db.queries.pages import FlightSet, count_flights
from db.tables import Flight

_PART_ROWS = 20_000
# Polars reads a row group at a time; this is the size of those that it writes by itself.
_ROW_GROUP_ROWS = 262_144
_NAME = "flights"


class ExportError(Exception):
    """A file that cannot be written."""


async def export_to_file(
    database: Database, where: Filter, path: Path, form: Format, progress: Progress, *, force: bool = False
) -> int:
    """Write the flights that match, by id, beside the file and rename it at the end; returns how many there are.

    Raises:
        ExportError: the file exists and is not to be replaced, or its directory cannot be written to.
        DatabaseUnavailableError: the database did not answer.
    """
    _check(path, force=force)
    write: Callable[[Path], Awaitable[int]] = (
        (lambda beside: _write_parquet(database, where, beside, progress))
        if form is Format.PARQUET
        else (lambda beside: _write_text(database, where, beside, form, progress))
    )
    try:
        # A directory, so that whatever becomes of the writing nothing stays behind.
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as beside:
            written = Path(beside) / path.name
            rows = await write(written)
            os.replace(written, path)  # noqa: PTH105 — the same, and says that it replaces.
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}") from error
    return rows


async def export_to_stream(database: Database, where: Filter, out: BinaryIO, form: Format, progress: Progress) -> int:
    """Write the flights that match, by id, as CSV or JSON Lines; returns how many there are.

    Raises:
        ExportError: Parquet, whose end points at its beginning, cannot be streamed.
        DatabaseUnavailableError: the database did not answer.
        BrokenPipeError: nobody reads on.
    """
    if form is Format.PARQUET:
        raise ExportError("Parquet cannot be written to the standard output; write csv or jsonl, or name a file")
    rows = 0
    if form is Format.CSV:
        out.write(pl.DataFrame(schema=FLIGHTS).write_csv().encode())
    async with aclosing(_frames(database, where, progress)) as frames:
        async for frame in frames:
            text = frame.with_columns(pl.col(pl.Datetime).dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ"))
            lines = text.write_csv(include_header=False) if form is Format.CSV else text.write_ndjson()
            out.write(lines.encode())
            rows += frame.height
    return rows


def _check(path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise ExportError(f"{path} is a directory; name a file")
    if path.exists() and not force:
        raise ExportError(f"{path} exists; --force replaces it")


async def _write_text(database: Database, where: Filter, path: Path, form: Format, progress: Progress) -> int:
    with path.open("wb") as out:
        return await export_to_stream(database, where, out, form, progress)


async def _write_parquet(database: Database, where: Filter, path: Path, progress: Progress) -> int:
    """As parts that are joined at the end: a Parquet file cannot be appended to."""
    rows = 0
    parts = path.with_suffix(".parts")
    parts.mkdir()
    pl.DataFrame(schema=FLIGHTS).write_parquet(parts / "00000000.parquet")
    async with aclosing(_frames(database, where, progress)) as frames:
        async for frame in frames:
            rows += frame.height
            frame.write_parquet(parts / f"{rows:08d}.parquet", compression="lz4")
    pl.scan_parquet(parts / "*.parquet").sink_parquet(path, compression="zstd", row_group_size=_ROW_GROUP_ROWS)
    return rows


async def _frames(database: Database, where: Filter, progress: Progress) -> AsyncGenerator[pl.DataFrame]:
    (total,) = await count_flights(database, FlightSet(where), [None])
    progress.start(_NAME, total, 0)
    table = Flight.__table__
    statement = select(*(table.c[name] for name in FLIGHTS)).where(to_sql(where)).order_by(table.c.id)
    async with aclosing(database.stream("flights_export", statement, _PART_ROWS)) as parts:
        async for rows in parts:
            progress.advance(_NAME, len(rows))
            yield pl.DataFrame([tuple(row) for row in rows], schema=dict(FLIGHTS), orient="row")
