"""Reading the tables back as the files they were loaded from."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import text

from db import frames
from db.engine import Database
from db.frames import FramesError, read_frames
from db.migrate import upgrade
from db.progress import Silent
from db.seed import seed
from tests.databases import PROCESSED, Databases, settings_for

TABLES = ("flights", "airlines", "airports", "aircraft", "weather")
KEYS = {
    "flights": ("carrier_code", "flight_number", "origin_code", "scheduled_departure"),
    "airlines": ("code",),
    "airports": ("code",),
    "aircraft": ("tail_number",),
    "weather": ("airport_code", "observed_at"),
}


class Counting:
    """A progress that writes down what it was told."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[int, int]] = {}
        self.read: dict[str, list[int]] = {}

    def start(self, table: str, rows: int, done: int) -> None:
        self.rows[table] = (rows, done)

    def advance(self, table: str, rows: int) -> None:
        self.read.setdefault(table, []).append(rows)


async def test_a_seeded_database_gives_back_every_file(empty_database: Database, tmp_path: Path) -> None:
    files = {table: pl.read_parquet(PROCESSED / f"{table}.parquet") for table in TABLES}
    files["flights"] = files["flights"].gather_every(200)  # Of the whole year, with all that can be missing.
    for table, frame in files.items():
        frame.write_parquet(tmp_path / f"{table}.parquet")
    await upgrade(empty_database)
    await seed(empty_database, tmp_path, Silent())

    found = await read_frames(empty_database, TABLES, Silent())

    for table, expected in files.items():
        assert_frame_equal(found[table].sort(KEYS[table]), expected.sort(KEYS[table]), check_exact=True)
    assert files["flights"].null_count().row(0, named=True)["tail_number"] > 0


async def test_rows_are_read_in_parts_and_each_part_is_told(
    flights_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "PART_ROWS", 500)
    progress = Counting()

    found = await read_frames(flights_database, ["airports"], progress)

    assert progress.rows == {"airports": (1462, 0)}
    assert progress.read == {"airports": [500, 500, 462]}
    assert found["airports"]["code"].n_unique() == 1462


async def test_a_part_may_end_with_the_table(flights_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "PART_ROWS", 8)
    progress = Counting()

    found = await read_frames(flights_database, ["airlines"], progress)

    assert progress.read == {"airlines": [8, 8, 0]}
    assert found["airlines"].height == 16


async def test_an_empty_table_has_its_columns_and_types(empty_database: Database) -> None:
    await upgrade(empty_database)
    found = await read_frames(empty_database, TABLES, Silent())

    for table in TABLES:
        assert found[table].schema == pl.read_parquet_schema(PROCESSED / f"{table}.parquet")
        assert found[table].is_empty()


async def test_a_database_that_is_not_migrated_says_what_to_run(empty_database: Database) -> None:
    with pytest.raises(FramesError, match="run `python -m db upgrade`"):
        await read_frames(empty_database, TABLES, Silent())


async def test_a_value_that_is_not_of_its_column_s_type_is_named(databases: Databases) -> None:
    """SQLite takes any value for a column; PostgreSQL would have refused it."""
    url = databases.empty("sqlite")
    database = Database(settings_for(url), maintenance=True)
    await upgrade(database)
    async with database.transaction() as connection:
        await connection.execute(text("INSERT INTO aircraft (tail_number, seats) VALUES ('N1', 'many')"))

    with pytest.raises(FramesError, match=r"^aircraft\.seats holds a value that is not of its type"):
        await read_frames(database, ["aircraft"], Silent())

    await database.close()
    databases.drop(url)
