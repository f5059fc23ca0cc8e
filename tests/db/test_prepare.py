"""From the raw tables to the processed ones: nothing lost, instants and units right."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from db.prepare import prepare
from db.raw import RAW_TABLES, RawDataError, read_raw
from db.validate import split

ROOT = Path(__file__).parents[2]
RAW = ROOT / "data" / "raw"


@pytest.fixture(scope="module")
def raw() -> dict[str, pl.DataFrame]:
    return read_raw(RAW)


@pytest.fixture(scope="module")
def processed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    directory = tmp_path_factory.mktemp("processed")
    counts = prepare(RAW, directory)
    tables = {name: pl.read_parquet(directory / f"{name}.parquet") for name in counts}
    assert {name: frame.height for name, frame in tables.items()} == counts
    return tables


def test_every_row_of_the_source_is_there(processed: dict[str, pl.DataFrame], raw: dict[str, pl.DataFrame]) -> None:
    flights = processed["flights"]
    assert flights.height == raw["flights"].height == 336_776
    assert flights["status"].value_counts().sort("status").rows() == [
        ("CANCELLED", 8_255),
        ("DIVERTED", 1_175),
        ("LANDED", 327_346),
    ]
    assert flights["tail_number"].null_count() == 2_512
    assert processed["weather"].height == raw["weather"].height == 26_115
    assert processed["airlines"].height == 16


def test_airports_and_aircraft_that_only_flights_name_are_there(
    processed: dict[str, pl.DataFrame], raw: dict[str, pl.DataFrame]
) -> None:
    airports = processed["airports"]
    added = set(airports["code"]) - set(raw["airports"]["faa"])
    assert added == {"BQN", "PSE", "SJU", "STT"}
    assert airports.filter(pl.col("code").is_in(sorted(added)))["timezone"].null_count() == 0
    bare = processed["aircraft"].filter(~pl.col("tail_number").is_in(raw["planes"]["tailnum"].to_list()))
    assert bare.height == 721
    assert bare["model"].null_count() == bare.height
    assert processed["flights"].join(bare, on="tail_number").height == 50_094


def test_scheduled_departures_agree_with_the_source_s_own_utc_hours(
    processed: dict[str, pl.DataFrame], raw: dict[str, pl.DataFrame]
) -> None:
    hours = (
        raw["flights"]["time_hour"]
        .str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")
        .cast(pl.Datetime("us", "UTC"))
    )
    assert (processed["flights"]["scheduled_departure"].dt.truncate("1h") == hours).all()


def test_actual_times_show_on_the_clock_what_the_source_says(
    processed: dict[str, pl.DataFrame], raw: dict[str, pl.DataFrame]
) -> None:
    """All but one: a flight to Palm Beach on the night of 9 March, whose source clock was not put forward."""
    zones = dict(processed["airports"].select("code", "timezone").iter_rows())
    frame = processed["flights"].with_columns(
        zone=pl.col("destination_code").replace_strict(zones), clock=raw["flights"]["arr_time"] % 2400
    )
    wrong = []
    for (zone,), rows in frame.drop_nulls(["actual_arrival", "clock"]).group_by("zone"):
        local = pl.col("actual_arrival").dt.convert_time_zone(str(zone))
        shown = local.dt.hour().cast(pl.Int64) * 100 + local.dt.minute().cast(pl.Int64)
        wrong += (
            rows.filter(shown != pl.col("clock")).select("carrier_code", "flight_number", "destination_code").rows()
        )
    assert wrong == [("B6", 35, "PBI")]


def test_a_flight_over_the_night_of_the_clock_change_arrives_as_late_as_the_source_says(
    processed: dict[str, pl.DataFrame],
) -> None:
    flight = processed["flights"].filter(
        (pl.col("flight_number") == 35)
        & (pl.col("destination_code") == "PBI")
        & (pl.col("scheduled_departure") == datetime(2013, 3, 10, 2, 45, tzinfo=UTC))
    )
    assert flight["scheduled_arrival"].item() == datetime(2013, 3, 10, 5, 34, tzinfo=UTC)
    assert flight["actual_arrival"].item() == datetime(2013, 3, 10, 7, 3, tzinfo=UTC)


def test_717_diverted_flights_keep_their_arrival_and_none_has_an_arrival_delay(
    processed: dict[str, pl.DataFrame],
) -> None:
    diverted = processed["flights"].filter(status="DIVERTED")
    assert diverted["actual_arrival"].is_not_null().sum() == 717
    assert diverted["arrival_delay_minutes"].null_count() == diverted.height
    assert (diverted["actual_arrival"] > diverted["actual_departure"]).sum() == 717


def test_weather_is_in_metric_units_and_the_impossible_wind_is_missing(
    processed: dict[str, pl.DataFrame], raw: dict[str, pl.DataFrame]
) -> None:
    first = processed["weather"].row(0, named=True)
    assert first["observed_at"] == datetime(2013, 1, 1, 6, tzinfo=UTC)
    assert first["temperature_c"] == pytest.approx((39.02 - 32) / 1.8, abs=0.005)
    assert first["wind_speed_kt"] == pytest.approx(9.0, abs=0.005)
    assert first["visibility_km"] == pytest.approx(16.093, abs=0.001)
    assert raw["weather"]["wind_speed"].max() == pytest.approx(1048.36, abs=0.01)
    source, result = raw["weather"]["wind_speed"], processed["weather"]["wind_speed_kt"]
    assert result.null_count() == source.null_count() + 1
    for before, after in (("temp", "temperature_c"), ("wind_gust", "wind_gust_kt"), ("pressure", "pressure_hpa")):
        assert processed["weather"][after].null_count() == raw["weather"][before].null_count()


def test_the_airport_with_swapped_coordinates_is_put_right(processed: dict[str, pl.DataFrame]) -> None:
    keene = processed["airports"].filter(code="EEN").row(0, named=True)
    assert (round(keene["latitude"]), round(keene["longitude"])) == (43, -72)
    assert keene["timezone"] == "America/New_York"


def test_the_real_tables_have_no_row_that_the_database_would_refuse(processed: dict[str, pl.DataFrame]) -> None:
    known = {
        "airlines": set(processed["airlines"]["code"]),
        "airports": set(processed["airports"]["code"]),
        "aircraft": set(processed["aircraft"]["tail_number"]),
    }
    for name, frame in processed.items():
        accepted, rejected = split(name, frame, known, file=name, first_line=1)
        assert (rejected, accepted.height) == ([], frame.height)


@pytest.mark.parametrize("fault", ["changed", "missing", "no checksums"])
def test_raw_files_that_are_not_those_on_record_are_refused(tmp_path: Path, fault: str) -> None:
    for path in RAW.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if fault == "changed":
        path = tmp_path / "airlines.parquet"
        path.write_bytes(path.read_bytes()[:-1] + b"\0")
    else:
        (tmp_path / ("airlines.parquet" if fault == "missing" else "SHA256SUMS")).unlink()
    with pytest.raises(RawDataError, match="`make data`"):
        prepare(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_readme_of_the_data_gives_the_checksums_on_record() -> None:
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    for line in (RAW / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, name = line.split()
        assert f"`{name}`" in readme
        assert digest in readme
    assert len(RAW_TABLES) == 5
