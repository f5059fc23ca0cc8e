from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ml.dataset import Dataset
from ml.features import FEATURES, Leg, Place, columns_of, haversine_miles, matrix, value_text
from ml.fit import Fitted
from tests.ml.conftest import FLIGHT_KEY

NAMES = [feature.name for feature in FEATURES]
POSITIONS = {"carrier": {"AA": 0, "UA": 1}, "origin": {"EWR": 0}, "destination": {"MIA": 0, "BOS": 1, "IAH": 2}}


def inputs(leg: Leg) -> dict[str, float]:
    return dict(zip(NAMES, matrix(columns_of([leg]), NAMES, POSITIONS)[0].tolist(), strict=True))


def served_legs(processed: Path) -> list[Leg]:
    airports = {
        row["code"]: Place(row["latitude"], row["longitude"], row["timezone"])
        for row in pl.read_parquet(processed / "airports.parquet").to_dicts()
    }
    return [
        Leg(
            carrier_code=row["carrier_code"],
            origin_code=row["origin_code"],
            destination_code=row["destination_code"],
            scheduled_departure=row["scheduled_departure"],
            scheduled_arrival=row["scheduled_arrival"],
            origin=airports[row["origin_code"]],
            destination=airports[row["destination_code"]],
        )
        for row in pl.read_parquet(processed / "flights.parquet").sort(*FLIGHT_KEY).to_dicts()
    ]


def test_training_and_serving_compute_equal_features_for_real_flights(
    processed: Path, dataset: Dataset, fitted: Fitted
) -> None:
    trained = fitted.inputs(dataset.columns)
    positions = {name: {code: at for at, code in enumerate(codes)} for name, codes in fitted.vocabularies.items()}
    served = matrix(columns_of(served_legs(processed)), NAMES, positions)

    assert served.shape == (12_028, len(FEATURES))
    assert served.dtype == trained.dtype == np.float32
    assert np.array_equal(served, trained, equal_nan=True)
    assert not np.isnan(served).any()
    assert all(len(np.unique(served[:, index])) > 2 for index in range(len(FEATURES)))


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
            {"departure_minute", "weekday", "holiday_days", "arrival_minute", "duration_minutes"},
        ),
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
