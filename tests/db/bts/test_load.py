"""Loading on-time files, on both databases."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

import db.__main__
from db.bts import file as file_module
from db.bts.load import FileReport, RowLog, load_files
from db.check import check
from db.engine import Database
from db.migrate import upgrade
from db.progress import Silent
from db.seed import SeedError
from db.tables import Aircraft, Airline, Airport, Flight, Load
from tests.db.bts.files import CANCELLED, DIVERTED, NEVER_REACHED, row, write
from tests.db.interrupted import IN_SMALL_PARTS, INTERRUPTED_ROWS

VARIED = [
    row(1),
    row(2, CRSDepTime="2400", DepTime="0010", DepDelay="10.00", CRSArrTime="0321", ArrTime="0331", ArrDelay="10.00"),
    row(3, **CANCELLED),
    row(4, **DIVERTED),
    row(5, **NEVER_REACHED),
    row(6, Tail_Number=""),
    row(7, Reporting_Airline="NK", Dest="ISN", DestCityName="Williston, ND", DestStateName="North Dakota"),
    row(8, DepTime="0757"),
]


@pytest.fixture
async def database(empty_database: Database) -> Database:
    await upgrade(empty_database)
    return empty_database


async def load(database: Database, *paths: Path, **options: Any) -> list[FileReport]:
    log = RowLog(paths[0].with_name("log.csv"))
    try:
        return await load_files(database, paths, Silent(), log, **options)
    finally:
        log.close()


async def flights(database: Database) -> dict[int, Any]:
    """The flights that are there, by number."""
    return {found.flight_number: found for found in await database.fetch("test", select(Flight.__table__))}


async def values(database: Database, column: Any) -> list[Any]:
    return sorted(value for (value,) in await database.fetch("test", select(column)))


async def is_sound(database: Database) -> bool:
    return all(invariant.holds for invariant in (await check(database)).invariants)


async def test_an_archive_fills_an_empty_database_with_all_that_its_flights_name(
    database: Database, tmp_path: Path
) -> None:
    (report,) = await load(database, write(tmp_path / "x.zip", *VARIED))
    assert (report.inserted, report.rejected, report.contradictions, report.rows) == (8, [], 2, 8)
    assert report.added == {"airlines": 2, "airports": 3, "aircraft": 1}
    found = await flights(database)
    assert [found[number].status for number in range(1, 9)] == [
        *("LANDED", "LANDED", "CANCELLED", "DIVERTED", "DIVERTED", "LANDED", "LANDED", "LANDED")
    ]
    assert await values(database, Airline.code) == ["AA", "NK"]
    assert await values(database, Airport.code) == ["ISN", "JFK", "LAX"]
    assert await values(database, Aircraft.tail_number) == ["N104NN"]
    assert await is_sound(database)


async def test_flights_have_the_clock_of_their_origin_also_where_the_file_alone_knows_it(
    database: Database, tmp_path: Path
) -> None:
    """The zone of an airport that the database lacks is known by its code, or else by its state."""
    await load(
        database,
        write(
            tmp_path / "x.csv",
            row(1, CRSDepTime="2400", CRSElapsedTime=""),
            row(2, Origin="HNL", CRSDepTime="0010", CRSElapsedTime=""),
            row(3, Origin="QQ1", OriginStateName="Arizona", CRSDepTime="1730", CRSElapsedTime=""),
        ),
    )
    assert await values(database, Airport.timezone) == [
        *("America/Los_Angeles", "America/New_York", "America/Phoenix", "Pacific/Honolulu")
    ]
    found = await flights(database)
    clocks = {number: (each.local_date, each.local_hour, each.local_weekday) for number, each in found.items()}
    assert clocks == {1: ("2025-01-02", 0, 4), 2: ("2025-01-01", 0, 3), 3: ("2025-01-01", 17, 3)}
    assert await is_sound(database)


async def test_rows_that_cannot_be_loaded_are_named_with_file_line_and_reason_and_the_others_are_loaded(
    database: Database, tmp_path: Path
) -> None:
    path = write(
        tmp_path / "x.csv",
        row(1),
        row(2, CRSDepTime="0675"),
        row(3, Origin="QQ1", OriginStateName=""),
        row(4, ArrDelay="-400.00"),
        row(5, DepTime="0757"),
        row(1, Tail_Number="N2"),
    )
    content = path.read_text().splitlines()
    path.write_text("\n".join([*content, "nonsense"]))
    (report,) = await load(database, path, shown=3)
    assert [str(bad) for bad in report.rejected] == [
        "x.csv:3: CRSDepTime 0675 is not a time of day",
        "x.csv:4: the time zone of QQ1 is not known",
        "x.csv:5: actual_arrival is not after actual_departure",
    ]
    assert (report.inserted, report.rejected_rows, report.contradictions) == (2, 5, 1)
    assert (tmp_path / "log.csv").read_text().splitlines() == [
        "file,line,loaded,reason",
        "x.csv,3,no,CRSDepTime 0675 is not a time of day",
        "x.csv,4,no,the time zone of QQ1 is not known",
        "x.csv,5,no,actual_arrival is not after actual_departure",
        "x.csv,7,no,the same key stands in an earlier row",
        'x.csv,8,no,"it has 1 fields, the header 110"',
        "x.csv,6,yes,DepTime 757 is not CRSDepTime 659 plus DepDelay -3",
    ]
    assert sorted(await flights(database)) == [1, 5]
    assert await values(database, Aircraft.tail_number) == ["N104NN"]


async def test_a_file_that_was_read_is_recognised_also_under_another_name(database: Database, tmp_path: Path) -> None:
    await load(database, write(tmp_path / "x.zip", row(1), row(2, CRSDepTime="")))
    copy = tmp_path / "y.zip"
    copy.write_bytes((tmp_path / "x.zip").read_bytes())
    reports = await load(database, tmp_path / "x.zip", copy)
    assert [(report.already_loaded, report.rows, report.rejected_before) for report in reports] == [(True, 2, 1)] * 2
    assert len(await flights(database)) == 1


async def test_what_is_there_is_left_alone_and_what_differs_is_replaced_with_the_next_version(
    database: Database, tmp_path: Path
) -> None:
    await load(database, write(tmp_path / "x.csv", row(1), row(2), row(3, **CANCELLED)))
    before = await flights(database)
    newer = write(tmp_path / "y.csv", row(1), row(2, ArrTime="1030", ArrDelay="10.00"), row(3), row(4))
    (report,) = await load(database, newer)
    assert (report.inserted, report.updated, report.known) == (1, 2, 1)
    after = await flights(database)
    assert after[1] == before[1]
    assert (after[2].version, after[2].arrival_delay_minutes, after[2].id) == (2, 10, before[2].id)
    assert (after[3].status, after[3].tail_number, after[3].version) == ("LANDED", "N104NN", 2)
    assert (after[2].created_at, after[2].updated_at >= before[2].updated_at) == (before[2].created_at, True)
    assert {(flight.local_date, flight.local_hour, flight.local_weekday) for flight in after.values()} == {
        ("2025-01-01", 6, 3)
    }
    assert await is_sound(database)


async def test_what_differs_stays_as_it_is_when_it_is_to_be_kept(database: Database, tmp_path: Path) -> None:
    await load(database, write(tmp_path / "x.csv", row(1)))
    before = await flights(database)
    (report,) = await load(database, write(tmp_path / "y.csv", row(1, **CANCELLED), row(2)), correct=False)
    assert (report.inserted, report.updated, report.known) == (1, 0, 1)
    assert (await flights(database))[1] == before[1]


async def test_several_files_are_loaded_and_none_of_them_if_one_is_none(database: Database, tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.zip", row(1)), write(tmp_path / "b.csv", row(2), row(3))
    (tmp_path / "c.csv").write_text("code,name\n")
    with pytest.raises(SeedError, match=r"c\.csv is not an on-time file"):
        await load(database, first, second, tmp_path / "c.csv")
    assert await flights(database) == {}
    reports = await load(database, first, second)
    assert [report.inserted for report in reports] == [1, 2]


async def test_a_load_in_parts_is_the_same_as_one_in_one(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_module, "PART_ROWS", 2)
    repeated = [*VARIED, row(1), row(9, CRSDepTime=""), row(10)]
    (report,) = await load(database, write(tmp_path / "x.csv", *repeated))
    assert [str(bad) for bad in report.rejected] == [
        "x.csv:10: the same key stands in an earlier row",
        "x.csv:11: CRSDepTime is missing",
    ]
    assert report.added == {"airlines": 2, "airports": 3, "aircraft": 1}
    assert sorted(await flights(database)) == [1, 2, 3, 4, 5, 6, 7, 8, 10]
    assert await is_sound(database)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT], ids=["killed", "Ctrl-C"])
async def test_an_interrupted_load_goes_on_and_doubles_nothing(
    database: Database, empty_url: str, tmp_path: Path, ending: signal.Signals
) -> None:
    # A flight number has four digits at most.
    days = [f"2025-01-{1 + place // 9_999:02}" for place in range(INTERRUPTED_ROWS - 1)]
    rows = [row(1 + place % 9_999, FlightDate=day) for place, day in enumerate(days)]
    rows[4]["CRSDepTime"] = ""
    path = write(tmp_path / "x.zip", *rows, row(7))
    arguments = ("seed", "--source", "bts", str(path), "--report", str(tmp_path / "log.csv"))
    command = (sys.executable, "-c", IN_SMALL_PARTS, *arguments)
    pipe = asyncio.subprocess.PIPE
    environment = {**os.environ, "DATABASE_URL": empty_url}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=pipe, stderr=pipe)
    counted = select(func.count()).select_from(Flight)
    while not (await database.fetch("test", counted))[0][0]:
        assert process.returncode is None, "it ended before it could be killed"
        await asyncio.sleep(0.005)
    process.send_signal(ending)
    _, complained = await process.communicate()
    told = b"error: interrupted; the same command again goes on where it stopped" in complained
    assert told == (ending == signal.SIGINT)
    (noted,) = await database.fetch("test", select(Load.rows_read, Load.rows_rejected, Load.finished_at))
    assert (noted.rows_read, noted.finished_at) == ((await database.fetch("test", counted))[0][0] + 1, None)
    (report,) = await load(database, path)
    assert report.resumed_at == noted.rows_read
    assert [str(bad) for bad in report.rejected] == [
        "x.zip:6: CRSDepTime is missing",
        f"x.zip:{INTERRUPTED_ROWS + 1}: the same key stands in an earlier row",
    ]
    (finished,) = await database.fetch("test", select(Load.rows_read, Load.rows_rejected))
    assert tuple(finished) == (INTERRUPTED_ROWS, 2)
    assert (await database.fetch("test", counted))[0][0] == INTERRUPTED_ROWS - 2
    assert await is_sound(database)


def run(url: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    """Exit status and what the command printed."""
    monkeypatch.setenv("DATABASE_URL", url)
    result = CliRunner().invoke(db.__main__.app, ["seed", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_the_command_tells_what_became_of_each_file(
    databases: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = databases.empty("sqlite")
    monkeypatch.setenv("DATABASE_URL", url)
    assert CliRunner().invoke(db.__main__.app, ["upgrade"]).exit_code == 0
    write(tmp_path / "a_1.zip", *VARIED)
    write(tmp_path / "a_2.zip", row(1, ArrTime="1030", ArrDelay="10.00"), row(9, CRSDepTime="0675"))
    log = str(tmp_path / "log.csv")
    arguments = ("--source", "bts", str(tmp_path / "a_*.zip"), "--report", log)
    status, told, complained = run(url, monkeypatch, *arguments)
    assert status == 1
    assert told.splitlines() == [
        "a_1.zip: 8 rows loaded",
        "  added 1 aircraft, 2 airlines, 3 airports",
        "  2 rows whose clock times contradict their delays: the delays count",
        "a_2.zip: 0 rows loaded, 1 updated",
    ]
    assert "not loaded: a_2.zip:3: CRSDepTime 0675 is not a time of day" in complained
    assert f"{log} lists 3 rows with file, line and reason" in complained
    status, told, _ = run(url, monkeypatch, *arguments)
    assert (status, told.splitlines()) == (
        0,
        [
            "a_1.zip: all 8 rows of the file were read before",
            "a_2.zip: all 2 rows of the file were read before, 1 of them rejected",
        ],
    )
    databases.drop(url)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "bts"], "name the files to load: --source bts FILE…"),
        (["x.zip"], "FILES need --source bts"),
        (["--source", "bts", "nowhere.zip"], "nowhere.zip does not exist"),
        (["--source", "bts", str(Path(__file__)), "--report", "/nowhere/x.csv"], "/nowhere/x.csv cannot be written"),
        (["--source", "bts", str(Path(__file__))], "is not an on-time file of the Bureau of Transportation Statistics"),
    ],
)
def test_what_the_command_cannot_do_it_says_in_one_line(
    databases: Any, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    status, told, complained = run(databases.flights("sqlite"), monkeypatch, *arguments)
    assert (status, told) == (1, "")
    (line,) = complained.strip().splitlines()
    assert line.startswith("error: ")
    assert words in line
