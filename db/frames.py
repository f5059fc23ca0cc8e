"""The tables as Polars frames, with the columns and the types of the files in `data/processed/`."""

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl
from sqlalchemy import Column, Float, Integer, Select, Table, func, literal, select, tuple_

from db.dialects import Instant
from db.engine import Database, Row
from db.local_clock import LocalClock
from db.local_time import INSTANT
from db.migrate import schema_fault
from db.progress import Progress
from db.tables import Base

PART_ROWS = 20_000


class FramesError(Exception):
    """A table that cannot be read as the processed file of its name. The message says what to do."""


def file_columns(table: Table) -> list[Column[Any]]:
    """The columns that a processed file of the table has.

    All but those that the database fills in by itself, and the local clock, which follows from the origin's time zone.
    """
    return [
        column
        for column in table.columns
        if column.server_default is None and column.autoincrement is not True and column.name not in LocalClock._fields
    ]


async def read_frames(database: Database, tables: Iterable[str], progress: Progress) -> dict[str, pl.DataFrame]:
    """Each table as a frame with the columns, types and order of its processed file, its rows by primary key.

    Rows are read in parts, so that beside the frames only `PART_ROWS` of them are in memory. Name a table before those
    that it refers to: rows that are added meanwhile then still find what they refer to.

    Raises:
        FramesError: the schema is not the newest, or a value is not of its column's type.
        DatabaseUnavailableError: the database cannot be reached, or did not answer in time.
    """
    if fault := await schema_fault(database):
        raise FramesError(fault)
    return {name: await _read(database, Base.metadata.tables[name], progress) for name in tables}


async def _read(database: Database, table: Table, progress: Progress) -> pl.DataFrame:
    columns = file_columns(table)
    counted = await database.fetch("frame_rows", select(func.count()).select_from(table))
    progress.start(table.name, int(counted[0][0]), 0)
    parts = [_frame(table.name, columns, [])]
    last: Row | None = None
    while True:
        rows = await database.fetch("frame_part", _part(table, columns, last))
        parts.append(_frame(table.name, columns, rows))
        progress.advance(table.name, len(rows))
        if len(rows) < PART_ROWS:
            return pl.concat(parts, rechunk=True)
        last = rows[-1]


def _part(table: Table, columns: Sequence[Column[Any]], last: Row | None) -> Select[Any]:
    """The rows that follow the last one read, by primary key, which stands after the columns in each row."""
    key = list(table.primary_key.columns)
    statement = select(*columns, *(column.label(f"key_{column.name}") for column in key)).order_by(*key)
    if last is not None:
        place = (literal(value, column.type) for value, column in zip(last[len(columns) :], key, strict=True))
        statement = statement.where(tuple_(*key) > tuple_(*place))
    return statement.limit(PART_ROWS)


def _frame(name: str, columns: Sequence[Column[Any]], rows: Sequence[Row]) -> pl.DataFrame:
    series = []
    for index, column in enumerate(columns):
        try:
            series.append(pl.Series(column.name, [row[index] for row in rows], _dtype(column)))
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
            raise FramesError(f"{name}.{column.name} holds a value that is not of its type: {error}") from error
    return pl.DataFrame(series)


def _dtype(column: Column[Any]) -> pl.DataType | type[pl.DataType]:
    if isinstance(column.type, Instant):
        return INSTANT
    if isinstance(column.type, Integer):
        return pl.Int32
    return pl.Float64 if isinstance(column.type, Float) else pl.String
