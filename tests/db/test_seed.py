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

import db.seed
from db.check import check
from db.engine import Database, index_names
from db.migrate import upgrade
from db.progress import Silent
from db.seed import SeedError, seed
from db.tables import Flight, Load
from tests.databases import PROCESSED, settings_for
from tests.db.interrupted import IN_SMALL_PARTS, INTERRUPTED_ROWS, SMALL_PART_ROWS

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


class FailingAt(Silent):
    """A progress that breaks off once so many flights are loaded."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def advance(self, table: str, rows: int) -> None:
        self.rows -= rows if table == "flights" else 0
        if self.rows <= 0:
            raise RuntimeError("power cut")


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


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"departure_delay_minutes": None}, "departure_delay_minutes is missing, actual_departure is not"),
        ({"status": "DIVERTED"}, "status is DIVERTED, yet arrival_delay_minutes is given"),
        (
            {"actual_departure": None, "departure_delay_minutes": None},
            "status is LANDED, yet actual_departure is missing",
        ),
        ({"arrival_delay_minutes": None}, "arrival_delay_minutes is missing, actual_arrival is not"),
        ({"status": "CANCELLED"}, "status is CANCELLED, yet actual_departure is given"),
        ({"status": "DEPARTED"}, "status is DEPARTED, yet actual_arrival is given"),
        ({"arrival_delay_minutes": 12}, "arrival_delay_minutes is not actual_arrival minus scheduled_arrival"),
        ({"distance_miles": -7}, "distance_miles is not between 1 and 12500"),
    ],
)
async def test_what_the_check_would_find_broken_is_not_loaded(
    empty_database: Database, sample: Path, values: dict[str, object], reason: str
) -> None:
    await upgrade(empty_database)
    alter(sample, "flights", 0, **values)
    reports = {report.table: report for report in await seed(empty_database, sample, Silent())}
    assert [str(row) for row in reports["flights"].rejected] == [f"flights.parquet:1: {reason}"]
    assert all(invariant.holds for invariant in (await check(empty_database)).invariants)


async def test_a_faulty_row_does_not_take_the_place_of_a_sound_one(empty_database: Database, sample: Path) -> None:
    await upgrade(empty_database)
    frame = pl.read_parquet(sample / "flights.parquet")
    faulty = frame.head(1).with_columns(status=pl.lit("LOST"))
    pl.concat([faulty, frame]).write_parquet(sample / "flights.parquet")
    reports = {report.table: report for report in await seed(empty_database, sample, Silent())}
    assert [str(row) for row in reports["flights"].rejected] == ["flights.parquet:1: status LOST is unknown"]
    assert await count(empty_database) == frame.height


async def test_rejected_rows_are_still_told_of_when_the_file_is_seeded_again(
    empty_database: Database, sample: Path
) -> None:
    await upgrade(empty_database)
    alter(sample, "flights", 0, status="LOST")
    await seed(empty_database, sample, Silent())
    again = {report.table: report for report in await seed(empty_database, sample, Silent())}
    assert (again["flights"].already_loaded, again["flights"].rejected_before) == (True, 1)


async def test_nothing_is_touched_when_one_of_the_files_is_missing(empty_database: Database, sample: Path) -> None:
    await upgrade(empty_database)
    before = await index_names(empty_database)
    (sample / "weather.parquet").unlink()
    with pytest.raises(SeedError, match=r"weather\.parquet is missing: run `python -m db prepare`"):
        await seed(empty_database, sample, Silent())
    assert await index_names(empty_database) == before
    assert await count(empty_database) == 0


async def test_seeding_before_migrating_says_what_to_run(empty_database: Database, sample: Path) -> None:
    with pytest.raises(SeedError, match="run `python -m db upgrade`"):
        await seed(empty_database, sample, Silent())


async def test_two_seeds_at_once_load_every_row_once(empty_database: Database, empty_url: str, sample: Path) -> None:
    await upgrade(empty_database)
    other = Database(settings_for(empty_url), maintenance=True)
    both = (seed(empty_database, sample, Silent()), seed(other, sample, Silent()))
    results = await asyncio.gather(*both, return_exceptions=True)
    await other.close()
    assert all(isinstance(result, list | SeedError) for result in results), results
    await seed(empty_database, sample, Silent())
    assert await count(empty_database) == 1_000
    assert all(invariant.holds for invariant in (await check(empty_database)).invariants)


async def test_a_row_that_repeats_a_key_of_the_file_is_rejected(empty_database: Database, sample: Path) -> None:
    await upgrade(empty_database)
    frame = pl.read_parquet(sample / "flights.parquet")
    pl.concat([frame, frame.head(1)]).write_parquet(sample / "flights.parquet")
    reports = {report.table: report for report in await seed(empty_database, sample, Silent())}
    assert [str(row) for row in reports["flights"].rejected] == [
        "flights.parquet:1001: the same key stands in an earlier row"
    ]


async def test_a_row_that_repeats_a_key_of_an_earlier_part_is_rejected_also_after_an_interruption(
    empty_database: Database, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upgrade(empty_database)
    monkeypatch.setattr(db.seed, "PART_ROWS", 300)
    frame = pl.read_parquet(sample / "flights.parquet")
    pl.concat([frame, frame.head(2)]).write_parquet(sample / "flights.parquet")
    with pytest.raises(RuntimeError, match="power cut"):
        await seed(empty_database, sample, FailingAt(600))
    assert await count(empty_database) == 600
    flights = {report.table: report for report in await seed(empty_database, sample, Silent())}["flights"]
    assert (flights.resumed_at, flights.inserted, flights.known) == (600, 400, 0)
    assert [str(row) for row in flights.rejected] == [
        "flights.parquet:1001: the same key stands in an earlier row",
        "flights.parquet:1002: the same key stands in an earlier row",
    ]
    noted = select(Load.rows_read, Load.rows_rejected).where(Load.source == "flights")
    assert [tuple(row) for row in await empty_database.fetch("test", noted)] == [(1_002, 2)]


async def test_a_load_interrupted_by_a_version_with_other_parts_goes_on(
    empty_database: Database, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upgrade(empty_database)
    monkeypatch.setattr(db.seed, "PART_ROWS", 300)
    with pytest.raises(RuntimeError, match="power cut"):
        await seed(empty_database, sample, FailingAt(300))
    monkeypatch.setattr(db.seed, "PART_ROWS", 700)
    flights = {report.table: report for report in await seed(empty_database, sample, Silent())}["flights"]
    assert (flights.resumed_at, flights.inserted) == (300, 700)


async def test_a_file_without_rows_is_loaded(empty_database: Database, sample: Path) -> None:
    await upgrade(empty_database)
    pl.read_parquet(sample / "flights.parquet").clear().write_parquet(sample / "flights.parquet")
    for already in (False, True):
        flights = {report.table: report for report in await seed(empty_database, sample, Silent())}["flights"]
        assert (flights.rows, flights.inserted, flights.already_loaded) == (0, 0, already)
    assert all(invariant.holds for invariant in (await check(empty_database)).invariants)


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
        frame.head(INTERRUPTED_ROWS).write_parquet(data / "processed" / f"{table}.parquet")
    environment = {**os.environ, "DATABASE_URL": empty_url, "DATA_DIR": str(data)}
    command, pipe = (sys.executable, "-c", IN_SMALL_PARTS, "seed"), asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=pipe, stderr=pipe)
    while await count(empty_database) < SMALL_PART_ROWS:
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
    assert await count(empty_database) == INTERRUPTED_ROWS
    assert all(invariant.holds for invariant in (await check(empty_database)).invariants)
