"""Loading the processed tables."""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import delete, func, select

from db.check import check
from db.engine import Database
from db.migrate import upgrade
from db.seed import CHUNK_ROWS, SeedError, seed
from db.tables import Flight, Load
from tests.databases import PROCESSED, Silent

TABLES = ("airlines", "airports", "aircraft", "flights", "weather")


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The processed tables with the flights and weather of the first days."""
    for table in TABLES:
        frame = pl.read_parquet(PROCESSED / f"{table}.parquet")
        frame = frame.head(1_000) if table in ("flights", "weather") else frame
        frame.write_parquet(tmp_path / f"{table}.parquet")
    return tmp_path


def alter(directory: Path, table: str, row: int, **values: object) -> None:
    path = directory / f"{table}.parquet"
    frame = pl.read_parquet(path).with_row_index("_row")
    changed = [
        pl.when(pl.col("_row") == row).then(pl.lit(value, frame.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    ]
    frame.with_columns(changed).drop("_row").write_parquet(path)


async def count(database: Database) -> int:
    return int((await database.fetch("test", select(func.count()).select_from(Flight)))[0][0])


async def test_every_flight_of_the_source_is_loaded_and_every_invariant_holds(flights_database: Database) -> None:
    report = await check(flights_database)
    assert report.counts == {
        "airlines": 16,
        "airports": 1462,
        "aircraft": 4043,
        "flights": 336_776,
        "weather": 26_115,
    }
    assert report.statuses == {"CANCELLED": 8_255, "DIVERTED": 1_175, "LANDED": 327_346}
    assert [invariant for invariant in report.invariants if not invariant.holds] == []


async def test_seeding_again_changes_nothing_and_brings_nothing_back(empty_database: Database, sample: Path) -> None:
    await upgrade(empty_database)
    first = await seed(empty_database, sample, Silent())
    assert {report.table: report.inserted for report in first}["flights"] == 1_000
    async with empty_database.transaction() as connection:
        await connection.execute(delete(Flight).where(Flight.flight_number == 1545))
    kept = await count(empty_database)
    assert kept < 1_000
    again = await seed(empty_database, sample, Silent())
    assert all(report.already_loaded for report in again)
    assert await count(empty_database) == kept


async def test_a_file_with_some_known_rows_adds_only_the_others(empty_database: Database, sample: Path) -> None:
    await upgrade(empty_database)
    await seed(empty_database, sample, Silent())
    more = pl.read_parquet(PROCESSED / "flights.parquet").slice(900, 300)
    more.write_parquet(sample / "flights.parquet")
    flights = {report.table: report for report in await seed(empty_database, sample, Silent())}["flights"]
    assert (flights.inserted, flights.known) == (200, 100)
    assert await count(empty_database) == 1_200


async def test_bad_rows_are_named_with_file_line_and_reason_and_the_rest_is_loaded(
    empty_database: Database, sample: Path
) -> None:
    await upgrade(empty_database)
    departure = pl.read_parquet(sample / "flights.parquet")["scheduled_departure"][6]
    alter(sample, "flights", 2, carrier_code="??")
    alter(sample, "flights", 4, flight_number=None)
    alter(sample, "flights", 6, scheduled_arrival=departure - timedelta(minutes=1))
    alter(sample, "flights", 8, status="LOST")
    alter(sample, "weather", 0, pressure_hpa=3.0)
    reports = {report.table: report for report in await seed(empty_database, sample, Silent())}
    assert [str(row) for row in reports["flights"].rejected] == [
        "flights.parquet:3: carrier_code ?? is not in airlines",
        "flights.parquet:5: flight_number is missing",
        "flights.parquet:7: scheduled_arrival is not after scheduled_departure",
        "flights.parquet:9: status LOST is unknown",
    ]
    assert [str(row) for row in reports["weather"].rejected] == [
        "weather.parquet:1: pressure_hpa is not between 850 and 1100"
    ]
    assert await count(empty_database) == 996


async def test_a_row_that_repeats_a_key_of_the_file_is_rejected(empty_database: Database, sample: Path) -> None:
    await upgrade(empty_database)
    frame = pl.read_parquet(sample / "flights.parquet")
    pl.concat([frame, frame.head(1)]).write_parquet(sample / "flights.parquet")
    reports = {report.table: report for report in await seed(empty_database, sample, Silent())}
    assert [str(row) for row in reports["flights"].rejected] == [
        "flights.parquet:1001: the same key stands in an earlier row"
    ]


async def test_a_file_without_a_needed_column_loads_nothing_of_it(empty_database: Database, sample: Path) -> None:
    await upgrade(empty_database)
    pl.read_parquet(sample / "flights.parquet").drop("origin_code").write_parquet(sample / "flights.parquet")
    with pytest.raises(SeedError, match=r"flights\.parquet lacks the column origin_code"):
        await seed(empty_database, sample, Silent())
    assert await count(empty_database) == 0


async def test_a_file_that_is_not_parquet_is_refused(empty_database: Database, sample: Path) -> None:
    await upgrade(empty_database)
    (sample / "airlines.parquet").write_text("code,name\n")
    with pytest.raises(SeedError, match=r"airlines\.parquet is not a Parquet file"):
        await seed(empty_database, sample, Silent())


async def test_a_killed_seed_goes_on_where_it_stopped(empty_url: str, empty_database: Database, tmp_path: Path) -> None:
    await upgrade(empty_database)
    data = tmp_path / "data"
    (data / "processed").mkdir(parents=True)
    for table in TABLES:
        frame = pl.read_parquet(PROCESSED / f"{table}.parquet")
        frame.head(4 * CHUNK_ROWS).write_parquet(data / "processed" / f"{table}.parquet")
    environment = {**os.environ, "DATABASE_URL": empty_url, "DATA_DIR": str(data)}
    command, pipe = (sys.executable, "-m", "db", "seed"), asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=pipe, stderr=pipe)
    while await count(empty_database) < CHUNK_ROWS:
        assert process.returncode is None, "it ended before it could be killed"
        await asyncio.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    noted = select(Load.rows_read, Load.finished_at).where(Load.source == "flights")
    progress = await empty_database.fetch("test", noted)
    loaded = await count(empty_database)
    assert progress[0].rows_read == loaded, "rows and progress are committed together"
    assert progress[0].finished_at is None, "it was killed too late to show anything"
    reports = {report.table: report for report in await seed(empty_database, data / "processed", Silent())}
    assert reports["flights"].resumed_at == loaded
    assert await count(empty_database) == 4 * CHUNK_ROWS
    assert all(invariant.holds for invariant in (await check(empty_database)).invariants)
