import asyncio
import shutil
from dataclasses import fields
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from db.engine import Database
from db.migrate import upgrade
from ml.columns import Columns
from ml.dataset import Dataset, DatasetError, load
from ml.source import SourceError


def rewrite(processed: Path, directory: Path, *columns: pl.Expr) -> Path:
    """A copy of the processed flights with columns changed."""
    pl.read_parquet(processed / "flights.parquet").with_columns(*columns).write_parquet(directory / "flights.parquet")
    for name in ("airports", "aircraft", "weather"):
        shutil.copy(processed / f"{name}.parquet", directory)
    return directory


def test_a_flight_is_delayed_from_15_minutes_or_when_it_never_arrives(dataset: Dataset, processed: Path) -> None:
    flights = pl.read_parquet(processed / "flights.parquet")
    late = pl.col("arrival_delay_minutes") >= 15
    never = pl.col("status").is_in(["CANCELLED", "DIVERTED"])

    assert dataset.never.sum() == flights.filter(never).height > 0
    assert dataset.delayed.sum() == flights.filter(late | never).height
    assert np.array_equal(np.isnan(dataset.arrival_delay), dataset.never)


def test_a_diverted_flight_never_arrives_even_with_a_delay_on_file(processed: Path, tmp_path: Path) -> None:
    delay = pl.lit(-5, pl.Int32).alias("arrival_delay_minutes")
    directory = rewrite(processed, tmp_path, pl.lit("DIVERTED").alias("status"), delay)

    assert load(directory).never.all()
    assert np.isnan(load(directory).arrival_delay).all()


def test_flights_that_are_not_over_are_left_out(processed: Path, tmp_path: Path, dataset: Dataset) -> None:
    first_thousand = pl.int_range(pl.len()) < 1000
    status = pl.when(first_thousand).then(pl.lit("SCHEDULED")).otherwise("status").alias("status")

    assert len(load(rewrite(processed, tmp_path, status))) == len(dataset) - 1000


def test_the_order_of_the_file_does_not_matter(processed: Path, tmp_path: Path, dataset: Dataset) -> None:
    directory = rewrite(processed, tmp_path, pl.all().reverse())

    assert load(directory).columns.departure_minute.tolist() == dataset.columns.departure_minute.tolist()
    assert load(directory).arrival_delay.tobytes() == dataset.arrival_delay.tobytes()


def test_months_and_window_are_those_of_the_origin_s_calendar(dataset: Dataset) -> None:
    assert dataset.window == (date(2013, 1, 1), date(2013, 12, 31))
    assert np.unique(dataset.month).tolist() == [2013 * 12 + month for month in range(12)]


def test_an_airport_without_a_zone_leaves_its_clock_unknown(processed: Path, tmp_path: Path) -> None:
    directory = rewrite(processed, tmp_path, pl.lit("nowhere").alias("destination_code"))
    columns = load(directory).columns

    assert np.isnan(columns.arrival_minute).all()
    assert np.isnan(columns.destination_latitude).all()
    assert not np.isnan(columns.departure_minute).any()


def test_a_selection_keeps_columns_and_labels_together(dataset: Dataset) -> None:
    december = dataset.where(dataset.month == 2013 * 12 + 11)

    assert december.window == (date(2013, 12, 1), date(2013, 12, 31))
    assert december.arrival_delay.tobytes() == dataset.arrival_delay[-len(december) :].tobytes()


def test_a_database_gives_what_the_files_give_that_it_was_seeded_from(dataset: Dataset, processed_url: str) -> None:
    found = load(processed_url)

    for field in fields(Columns):
        expected, read = getattr(dataset.columns, field.name), getattr(found.columns, field.name)
        assert (read.dtype, read.shape) == (expected.dtype, expected.shape), field.name
        np.testing.assert_array_equal(read, expected, field.name)
    np.testing.assert_array_equal(found.arrival_delay, dataset.arrival_delay)
    np.testing.assert_array_equal(found.never, dataset.never)
    np.testing.assert_array_equal(found.month, dataset.month)


async def test_a_database_without_flights_says_how_to_load_some(empty_url: str, empty_database: Database) -> None:
    await upgrade(empty_database)

    with pytest.raises(DatasetError, match="holds no flights; load some with `python -m db seed`"):
        await asyncio.to_thread(load, empty_url)


def test_flights_without_any_weather_are_learnt_from_all_the_same(processed: Path, tmp_path: Path) -> None:
    directory = rewrite(processed, tmp_path)
    pl.read_parquet(processed / "weather.parquet").clear().write_parquet(directory / "weather.parquet")

    assert np.isnan(load(directory).columns.weather).all()


def test_a_directory_without_the_files_names_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="python -m db prepare"):
        load(tmp_path)


def test_a_damaged_file_is_refused(processed: Path, tmp_path: Path) -> None:
    (tmp_path / "flights.parquet").write_bytes((processed / "flights.parquet").read_bytes()[:5000])

    with pytest.raises(SourceError, match="python -m db prepare"):
        load(tmp_path)


def test_flights_of_which_none_is_over_are_refused(processed: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="none is over"):
        load(rewrite(processed, tmp_path, pl.lit("SCHEDULED").alias("status")))
