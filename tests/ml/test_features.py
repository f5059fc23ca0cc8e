from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ml.columns import columns_of
from ml.dataset import Dataset
from ml.features import BASES, FEATURES, STEPS_OF_ONE, haversine_miles, known_up_to, matrix, value_text
from ml.fit import Fitted
from ml.leg import WEATHER_FIELDS, WEATHER_HOURS, Leg, Place, Weather
from tests.ml.conftest import FLIGHT_KEY

NAMES = [feature.name for feature in FEATURES]
POSITIONS = {"carrier": {"AA": 0, "UA": 1}, "origin": {"EWR": 0}, "destination": {"MIA": 0, "BOS": 1, "IAH": 2}}


def inputs(leg: Leg) -> dict[str, float]:
    return dict(zip(NAMES, matrix(columns_of([leg]), NAMES, POSITIONS)[0].tolist(), strict=True))


def served_legs(processed: Path, rows: list[int]) -> list[Leg]:
    """Legs as serving would build them, each from a search of its own through the tables."""
    tables = {name: pl.read_parquet(processed / f"{name}.parquet") for name in ("airports", "aircraft", "weather")}
    flights = pl.read_parquet(processed / "flights.parquet").sort(*FLIGHT_KEY)
    airports = {
        row["code"]: Place(row["latitude"], row["longitude"], row["timezone"]) for row in tables["airports"].to_dicts()
    }
    aircraft = {row["tail_number"]: row for row in tables["aircraft"].to_dicts()}
    weather = {(row["airport_code"], row["observed_at"]): row for row in tables["weather"].to_dicts()}
    return [
        Leg(
            carrier_code=row["carrier_code"],
            origin_code=row["origin_code"],
            destination_code=row["destination_code"],
            scheduled_departure=row["scheduled_departure"],
            scheduled_arrival=row["scheduled_arrival"],
            origin=airports[row["origin_code"]],
            destination=airports[row["destination_code"]],
            aircraft_seats=aircraft[row["tail_number"]]["seats"],
            aircraft_year=aircraft[row["tail_number"]]["year"],
            weather=weather_before(weather, row),
            **around(flights, row),
        )
        for row in flights[rows].to_dicts()
    ]


def weather_before(observed: dict[Any, dict[str, Any]], row: dict[str, Any]) -> tuple[Weather, ...]:
    hour = row["scheduled_departure"].replace(minute=0)
    hours = [observed.get((row["origin_code"], hour - timedelta(hours=back)), {}) for back in range(1 + WEATHER_HOURS)]
    return tuple(Weather(**{name: readings.get(name) for name in WEATHER_FIELDS}) for readings in hours)


def around(flights: pl.DataFrame, row: dict[str, Any]) -> dict[str, Any]:
    departure, at = row["scheduled_departure"], row["scheduled_departure"] - timedelta(hours=2)
    half = timedelta(minutes=30)
    origin = flights.filter(pl.col("origin_code") == row["origin_code"])
    near = origin.filter(pl.col("scheduled_departure").is_between(departure - half, departure + half))
    before = origin.filter(pl.col("scheduled_departure").is_between(at - timedelta(hours=3), at))
    bound = flights.filter(
        pl.col("destination_code") == row["destination_code"],
        pl.col("scheduled_departure").is_between(at - timedelta(hours=6), at),
    )
    return {
        "origin_flights": near.height,
        "carrier_flights": near.filter(carrier_code=row["carrier_code"]).height,
        "origin_delay_minutes": mean_known(before, at),
        "carrier_delay_minutes": mean_known(before.filter(carrier_code=row["carrier_code"]), at),
        "destination_delay_minutes": mean_known(bound, at),
        "origin_block_delay_minutes": mean_lost(origin, at, hours=6),
        "destination_block_delay_minutes": mean_lost(
            flights.filter(pl.col("destination_code") == row["destination_code"]), at, hours=24
        ),
    }


def mean_known(flights: pl.DataFrame, at: datetime) -> float | None:
    known = [
        row["departure_delay_minutes"]
        if row["actual_departure"] is not None and row["actual_departure"] <= at
        else (at - row["scheduled_departure"]).total_seconds() / 60
        for row in flights.to_dicts()
    ]
    return sum(known) / len(known) if known else None


def mean_lost(flights: pl.DataFrame, at: datetime, hours: int) -> float | None:
    lost = [
        row["arrival_delay_minutes"] - row["departure_delay_minutes"]
        for row in flights.filter(pl.col("scheduled_departure").is_between(at - timedelta(hours=hours), at)).to_dicts()
        if row["arrival_delay_minutes"] is not None and row["actual_arrival"] <= at
    ]
    return sum(lost) / len(lost) if lost else None


def test_training_and_serving_compute_equal_features_for_real_flights(
    processed: Path, dataset: Dataset, fitted: Fitted
) -> None:
    tails = pl.read_parquet(processed / "flights.parquet").sort(*FLIGHT_KEY)["tail_number"]
    # A flight without a tail number is given a random aircraft for training, which serving does not do.
    rows = [row for row in range(0, len(dataset), 60) if tails[row] is not None]
    trained = fitted.inputs(dataset.where(np.array(rows)).columns)
    positions = {name: {code: at for at, code in enumerate(codes)} for name, codes in fitted.vocabularies.items()}
    served = matrix(columns_of(served_legs(processed, rows)), NAMES, positions)

    assert served.shape == (len(rows), len(FEATURES))
    assert served.dtype == trained.dtype == np.float32
    np.testing.assert_allclose(served, trained, rtol=0, atol=1 / STEPS_OF_ONE, equal_nan=True)
    assert not np.isnan(served).all(axis=0).any()
    assert all(len(np.unique(served[:, index])) > 1 for index in range(len(FEATURES)))


def test_a_leg_gives_what_its_clocks_and_map_show(leg: Leg) -> None:
    found = inputs(leg)

    assert found.pop("distance_miles") == pytest.approx(1400, abs=3)
    assert found == {
        "carrier": 1,
        "origin": 0,
        "destination": 2,
        "departure_minute": 5 * 60 + 15,
        "arrival_minute": 8 * 60 + 19,
        "duration_minutes": 244,
        "weekday": 2,
        "holiday_days": 0,
        "origin_flights": 20,
        "carrier_flights": 7,
        "aircraft_seats": 149,
        "aircraft_age": 14,
        "temperature_c": pytest.approx(3.9, abs=1 / 128),
        "dew_point_c": pytest.approx(-3.3, abs=1 / 128),
        "relative_humidity_pct": 59,
        "wind_direction_deg": 260,
        "wind_speed_kt": 11,
        "wind_gust_kt": 17,
        "precipitation_mm": 0.5,
        "pressure_hpa": pytest.approx(1011.9, abs=1 / 128),
        "visibility_km": pytest.approx(16.1, abs=1 / 128),
        "rain_3h_mm": 1.5,
        "rain_6h_mm": 3,
        "rain_12h_mm": 6,
        "lowest_visibility_3h_km": pytest.approx(16.1, abs=1 / 128),
        "lowest_visibility_6h_km": pytest.approx(16.1, abs=1 / 128),
        "highest_wind_3h_kt": 17,
        "highest_wind_6h_kt": 17,
        "pressure_change_3h_hpa": 0,
        "pressure_change_6h_hpa": 0,
        "origin_delay_minutes": 1,
        "carrier_delay_minutes": 2,
        "destination_delay_minutes": 3,
        "origin_block_delay_minutes": 4,
        "destination_block_delay_minutes": 5,
    }


def test_a_late_evening_departure_keeps_its_local_weekday(leg: Leg) -> None:
    # 03:30 UTC on Saturday 6 July is 23:30 on Friday in Newark.
    late = replace(leg, scheduled_departure=datetime(2013, 7, 6, 3, 30, tzinfo=UTC))

    assert inputs(late)["weekday"] == 5
    assert inputs(late)["departure_minute"] == 23 * 60 + 30
    assert inputs(late)["holiday_days"] == 1


@pytest.mark.parametrize("field", ["carrier_code", "origin_code", "destination_code"])
def test_an_unseen_code_is_unknown_and_nothing_else_changes(leg: Leg, field: str) -> None:
    seen, unseen = inputs(leg), inputs(replace(leg, **{field: "ZZ"}))  # type: ignore[arg-type]
    name = field.removesuffix("_code")

    assert np.isnan(unseen.pop(name))
    assert seen.pop(name) >= 0
    assert unseen == seen


@pytest.mark.parametrize(
    ("changes", "unknown"),
    [
        ({"scheduled_arrival": None}, {"arrival_minute", "duration_minutes"}),
        ({"destination": Place(29.98, -95.34, None)}, {"arrival_minute"}),
        ({"destination": Place(29.98, -95.34, "Nowhere/City")}, {"arrival_minute"}),
        ({"destination": Place(29.98, -95.34, "America")}, {"arrival_minute"}),
        ({"destination": Place(None, -95.34, "America/Chicago")}, {"distance_miles"}),
        ({"origin": Place()}, {"departure_minute", "weekday", "holiday_days", "distance_miles"}),
        (
            {"scheduled_departure": datetime.min.replace(tzinfo=UTC), "scheduled_arrival": None},
            {"departure_minute", "weekday", "holiday_days", "arrival_minute", "duration_minutes", "aircraft_age"},
        ),
        ({"aircraft_year": 2014}, {"aircraft_age"}),
    ],
)
def test_what_is_not_known_is_nan(leg: Leg, changes: dict[str, object], unknown: set[str]) -> None:
    changed = replace(leg, **changes)  # type: ignore[arg-type]

    assert {name for name, value in inputs(changed).items() if np.isnan(value)} == unknown


def test_a_matrix_has_the_named_columns_in_the_named_order(leg: Leg) -> None:
    assert matrix(columns_of([leg, leg]), ["weekday", "carrier"], POSITIONS).tolist() == [[2, 1], [2, 1]]


def test_no_legs_give_no_rows() -> None:
    assert matrix(columns_of([]), NAMES, POSITIONS).shape == (0, len(FEATURES))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("carrier", np.nan, "UA"),
        ("origin", 0, "EWR"),
        ("destination", 2, "IAH"),
        ("departure_minute", 315, "05:15"),
        ("arrival_minute", 0, "00:00"),
        ("duration_minutes", 244, "244 min"),
        ("distance_miles", 1399.6, "1400 mi"),
        ("weekday", 7, "Sunday"),
        ("holiday_days", 0, "0 days"),
        ("arrival_minute", np.nan, None),
    ],
)
def test_a_value_reads_as_people_say_it(leg: Leg, name: str, value: float, text: str | None) -> None:
    assert value_text(FEATURES[NAMES.index(name)], leg, value) == text


def test_distances_are_those_of_the_great_circle() -> None:
    # A quarter of the meridian, half of the equator, and New York JFK to Los Angeles, on the ellipsoid 2,475 miles.
    distance = haversine_miles(*np.array([[0, 0, 40.6398], [0, 0, -73.7789], [90, 0, 33.9425], [0, 180, -118.4081]]))

    assert distance == pytest.approx([3958.7613 * np.pi / 2, 3958.7613 * np.pi, 2475], rel=3e-3)


def hourly(**readings: Sequence[float | None]) -> tuple[Weather, ...]:
    """Weather hour by hour, the hour of departure first."""
    return tuple(Weather(**dict(zip(readings, hour, strict=True))) for hour in zip(*readings.values(), strict=True))


def test_weather_of_the_hours_before_is_summed_and_compared(leg: Leg) -> None:
    rain, pressure = [1.0, 2.0, 4.0, 8.0, 0, 0, 16.0], [1000.0, 0, 0, 1006.0, 0, 0, 1010.0]
    wind, gust = [10.0, 12.0, 5.0, 5.0, 5.0, 5.0, 5.0], [None, None, None, 40.0, None, None, None]
    seen = [10.0, 3.0, 10.0, 1.0, 10.0, 10.0, 10.0]
    weather = hourly(
        precipitation_mm=rain, pressure_hpa=pressure, wind_speed_kt=wind, wind_gust_kt=gust, visibility_km=seen
    )
    found = inputs(replace(leg, weather=weather))

    assert (found["rain_3h_mm"], found["rain_6h_mm"]) == (7, 15)
    assert np.isnan(found["rain_12h_mm"]), "only seven hours are known"
    assert (found["highest_wind_3h_kt"], found["highest_wind_6h_kt"]) == (12, 40)
    assert (found["lowest_visibility_3h_km"], found["lowest_visibility_6h_km"]) == (3, 1)
    assert (found["pressure_change_3h_hpa"], found["pressure_change_6h_hpa"]) == (-6, -10)


def test_one_unknown_hour_makes_what_is_derived_from_it_unknown(leg: Leg) -> None:
    weather = hourly(precipitation_mm=[1.0, None, 0, 0, 0, 0])
    found = inputs(replace(leg, weather=weather))

    assert found["precipitation_mm"] == 1
    assert np.isnan(found["rain_3h_mm"])
    assert np.isnan(found["wind_speed_kt"])


def test_a_basis_knows_its_groups_and_nothing_beyond_them(dataset: Dataset, fitted: Fitted) -> None:
    known = fitted.inputs(dataset.columns)
    groups = np.array([feature.group for feature in FEATURES])
    for basis, groups_known in BASES.items():
        beyond = set(groups) - set(groups_known)
        shown = known_up_to(basis, known)
        hidden = np.isin(groups, list(beyond))
        assert np.isnan(shown[:, hidden]).all()
        np.testing.assert_array_equal(shown[:, ~hidden], known[:, ~hidden])


def test_inputs_lie_on_a_grid_on_which_thresholds_between_them_are_exact(dataset: Dataset, fitted: Fitted) -> None:
    known = fitted.inputs(dataset.columns).astype(np.float64)
    steps = known[~np.isnan(known)] * STEPS_OF_ONE
    assert np.array_equal(steps, np.rint(steps))
    halfway = (known + 1 / (2 * STEPS_OF_ONE))[~np.isnan(known)]
    assert np.array_equal(halfway.astype(np.float32).astype(np.float64), halfway)
