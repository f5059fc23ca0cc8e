"""Exports: what they hold is what the database holds, in every format."""

import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import db.__main__
from db.engine import Database
from db.export import ExportError, export_to_file, export_to_stream
from db.filters import EVERYTHING, Condition
from db.formats import Format
from db.local_time import INSTANT
from db.processed import FLIGHTS
from db.progress import Silent
from tests.databases import PROCESSED, Databases

UNITED = Condition("carrier_code", "eq", "UA")
NOTHING = Condition("carrier_code", "eq", "??")


def processed(condition: pl.Expr | None = None) -> pl.DataFrame:
    frame = pl.read_parquet(PROCESSED / "flights.parquet")
    return frame if condition is None else frame.filter(condition)


def read_text(content: bytes, form: Format) -> pl.DataFrame:
    """An export as a reader that knows the columns takes it back."""
    as_text = {name: pl.String if dtype == INSTANT else dtype for name, dtype in FLIGHTS.items()}
    frame = (
        pl.read_csv(io.BytesIO(content), schema=as_text)
        if form is Format.CSV
        else pl.read_ndjson(io.BytesIO(content), schema=as_text)
    )
    instants = [name for name, dtype in FLIGHTS.items() if dtype == INSTANT]
    return frame.with_columns(
        pl.col(instants).str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC")
    )


async def test_an_export_of_everything_is_the_processed_file_row_by_row(
    flights_database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "flights.parquet"
    rows = await export_to_file(flights_database, EVERYTHING, path, Format.PARQUET, Silent())
    assert rows == 336_776
    exported = pl.read_parquet(path)
    assert exported.schema == pl.read_parquet_schema(PROCESSED / "flights.parquet")
    assert exported.equals(processed())
    assert [found.name for found in tmp_path.iterdir()] == ["flights.parquet"]


@pytest.mark.parametrize("form", [Format.CSV, Format.JSONL])
async def test_text_says_the_same_as_the_database(flights_database: Database, tmp_path: Path, form: Format) -> None:
    path = tmp_path / f"flights.{form}"
    where = Condition("carrier_code", "in", ("HA", "OO", "YV", "F9"))
    rows = await export_to_file(flights_database, where, path, form, Silent())
    expected = processed(pl.col("carrier_code").is_in(["HA", "OO", "YV", "F9"]))
    assert rows == expected.height
    assert read_text(path.read_bytes(), form).equals(expected)
    streamed = io.BytesIO()
    await export_to_stream(flights_database, where, streamed, form, Silent())
    assert streamed.getvalue() == path.read_bytes()


@pytest.mark.parametrize("form", list(Format))
async def test_an_export_of_nothing_has_the_columns_and_no_rows(
    flights_database: Database, tmp_path: Path, form: Format
) -> None:
    path = tmp_path / "none"
    assert await export_to_file(flights_database, NOTHING, path, form, Silent()) == 0
    frame = pl.read_parquet(path) if form is Format.PARQUET else read_text(path.read_bytes(), form)
    assert (frame.height, dict(frame.schema)) == (0, dict(FLIGHTS))


async def test_a_file_that_exists_is_replaced_only_when_asked_to(flights_database: Database, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("mine")
    with pytest.raises(ExportError, match=r"x\.csv exists; --force replaces it"):
        await export_to_file(flights_database, UNITED, path, Format.CSV, Silent())
    assert path.read_text() == "mine"
    await export_to_file(flights_database, NOTHING, path, Format.CSV, Silent(), force=True)
    assert path.read_text().startswith("carrier_code,flight_number,")


class Failing(Silent):
    """A progress that breaks off after the first part."""

    def advance(self, table: str, rows: int) -> None:
        raise RuntimeError(f"power cut after {rows} rows of {table}")


@pytest.mark.parametrize("form", list(Format))
async def test_an_export_that_breaks_off_leaves_the_file_as_it_was_and_nothing_beside_it(
    flights_database: Database, tmp_path: Path, form: Format
) -> None:
    path = tmp_path / "x"
    path.write_text("mine")
    with pytest.raises(RuntimeError, match="power cut after 20000 rows of flights"):
        await export_to_file(flights_database, UNITED, path, form, Failing(), force=True)
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("x", "mine")]


def run(databases: Databases, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.setenv("DATABASE_URL", databases.flights("sqlite"))
    return CliRunner().invoke(db.__main__.app, ["export", *arguments])


def test_the_command_takes_every_condition_together(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "x.parquet"
    arguments = ["--carrier", "UA", "--carrier", "AA", "--origin", "EWR", "--destination", "MIA", "--status", "LANDED"]
    arguments += ["--from", "2013-07-01", "--to", "2013-07-08T04:00:00-04:00"]
    arguments += ["--where", '{"arrivalDelayMinutes": {"gte": 15}}']
    result = run(databases, monkeypatch, "--out", str(path), *arguments)
    expected = processed(
        pl.col("carrier_code").is_in(["UA", "AA"])
        & (pl.col("origin_code") == "EWR")
        & (pl.col("destination_code") == "MIA")
        & (pl.col("status") == "LANDED")
        & (pl.col("scheduled_departure") >= pl.datetime(2013, 7, 1, time_zone="UTC"))
        & (pl.col("scheduled_departure") < pl.datetime(2013, 7, 8, 8, time_zone="UTC"))
        & (pl.col("arrival_delay_minutes") >= 15)
    )
    assert result.exit_code == 0
    assert expected.height > 5
    assert pl.read_parquet(path).equals(expected)
    assert f"{expected.height} flights written" in result.stderr


def test_the_command_writes_to_the_standard_output(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(databases, monkeypatch, "--out", "-", "--format", "jsonl", "--carrier", "OO")
    assert read_text(result.stdout_bytes, Format.JSONL).equals(processed(pl.col("carrier_code") == "OO"))
    nothing = run(databases, monkeypatch, "--out", "-", "--format", "csv", "--carrier", "??")
    assert nothing.stdout.count("\n") == 1
    assert "no flight matches; what was written has no rows" in nothing.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "-"], "say with --format what to write to the standard output: csv or jsonl"),
        (["--out", "-", "--format", "parquet"], "Parquet cannot be written to the standard output"),
        (["--out", "x.xls"], "x.xls ends in none of .parquet, .csv, .jsonl, .ndjson"),
        (["--out", "/nowhere/x.csv"], "/nowhere/x.csv cannot be written: No such file or directory"),
        (["--out", "/", "--format", "csv"], "/ is a directory; name a file"),
        (["--out", "x.csv", "--from", "July"], "--from: 'July' is neither a date"),
        (["--out", "x.csv", "--to", "2013-07-01T00:00"], "--to: '2013-07-01T00:00' has no offset"),
        (["--out", "x.csv", "--where", '{"a": 1}'], "--where: where.a: there is no such field"),
    ],
)
def test_what_the_command_cannot_do_it_says_in_one_line(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    result = run(databases, monkeypatch, *arguments)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert (result.exit_code, result.stdout) == (1, "")
    assert words in line
