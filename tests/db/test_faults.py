"""One set of rules with two readers: what a client may write and what a file may hold is the same."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from db.faults import delay_minutes, faults_of
from db.frames import file_columns
from db.rules import RULES
from db.tables import STATUSES, Base
from db.validate import split
from db.writes.tables import WRITTEN

DEPARTURE = datetime(2030, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TIMES = [
    None,
    *(
        DEPARTURE + minutes * MINUTE
        for minutes in (-1441, -1440, -1, 0, 1, 240, 241, 1440, 1441, 10_080, 10_081, 10_320)
    ),
    DEPARTURE + timedelta(seconds=-90),
    DEPARTURE + timedelta(seconds=90),
    datetime(1913, 12, 31, 23, 59, tzinfo=UTC),
    datetime(2200, 1, 1, tzinfo=UTC),
]
NUMBERS = [None, -(2**31), -1, 0, 1, 2, 12, 13, 1000, 1001, 1440, 1441, 1903, 9999, 10_000, 12_500, 12_501, 2**31 - 1]
REALS = [None, -1e9, -181.0, -180.0, -90.0, -0.5, 0.0, 0.5, 100.0, 100.5, 360.0, 1e9]
TEXTS = [
    None,
    "",
    " ",
    "a",
    "UA",
    "ua",
    "EWR",
    "ABCD",
    "ABCDE",
    "N14228",
    "G-XWBA",
    "N\0",
    "x" * 200,
    "x" * 201,
    "É",
    "N1\n",
]
CODES = ["UA", "EWR", "IAH"]
ZONES = [None, "", "UTC", "America/New_York", "localtime", "Mars/Phobos"]


def values_for(table: str, column: str) -> list[Any]:
    """What a column is tried with. What only refers to other rows is always a code that they have."""
    if column in RULES[table].references and column not in RULES[table].texts:
        return [None, *CODES]
    if column == "status":
        return [None, *STATUSES, "LOST"]
    if column == "timezone":
        return ZONES
    values: dict[type, list[Any]] = {datetime: TIMES, int: NUMBERS, float: REALS, str: TEXTS}
    return values[type(SOUND[table][column])]


SOUND: dict[str, dict[str, Any]] = {
    "airlines": {"code": "UA", "name": "United"},
    "airports": {
        "code": "EWR",
        "name": "Newark",
        "latitude": 40.7,
        "longitude": -74.2,
        "altitude_ft": 18,
        "timezone": "America/New_York",
    },
    "aircraft": {
        "tail_number": "N1",
        "manufacturer": "BOEING",
        "model": "737",
        "year": 2000,
        "seats": 100,
        "engines": 2,
        "engine_type": "Turbo-fan",
    },
    "flights": {
        "carrier_code": "UA",
        "flight_number": 1,
        "origin_code": "EWR",
        "destination_code": "IAH",
        "tail_number": "N1",
        "scheduled_departure": DEPARTURE,
        "scheduled_arrival": DEPARTURE + 240 * MINUTE,
        "actual_departure": DEPARTURE + MINUTE,
        "actual_arrival": DEPARTURE + 241 * MINUTE,
        "status": "LANDED",
        "air_time_minutes": 200,
        "distance_miles": 1400,
    },
    "weather": {"airport_code": "EWR", "observed_at": DEPARTURE}
    | {column: 1.0 if column != "pressure_hpa" else 1000.0 for column in RULES["weather"].ranges},
}


def rows_of(table: str, count: int) -> list[dict[str, Any]]:
    """Sound rows with up to three of their values replaced."""
    chance = random.Random(table)  # noqa: S311 — so that a failure can be repeated.
    written = WRITTEN[table]
    rows = []
    for _ in range(count):
        row = dict(SOUND[table])
        for column in chance.sample(sorted(row), k=chance.randint(0, min(3, len(row)))):
            row[column] = chance.choice(values_for(table, column))
        rows.append(written.complete(row, {}))
    return rows


@pytest.mark.parametrize("table", RULES)
def test_both_readers_of_the_rules_judge_every_row_alike(table: str) -> None:
    rows = rows_of(table, 500)
    kinds: dict[type, pl.DataType] = {
        datetime: pl.Datetime("us", "UTC"),
        int: pl.Int32(),
        float: pl.Float64(),
        str: pl.String(),
    }
    complete = WRITTEN[table].complete(SOUND[table], {})
    in_files = [column.name for column in file_columns(Base.metadata.tables[table])]
    schema = pl.Schema({name: kinds[type(complete[name])] for name in in_files})
    known = {name: {*CODES, "N1", *filter(None, TEXTS), ""} for name in RULES}
    by_file = []
    for row in rows:
        _, rejected = split(
            table, pl.DataFrame([{name: row[name] for name in in_files}], schema), known, file="", first_line=1
        )
        by_file.append(bool(rejected))
    by_client = [any(faults_of(table, row)) for row in rows]
    differing = [row for row, file, client in zip(rows, by_file, by_client, strict=True) if file != client]
    assert differing == []
    assert {True, False} == set(by_client)


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(0, 0), (59, 0), (60, 1), (119, 1), (-1, 0), (-59, 0), (-60, -1), (-119, -1), (-120, -2)]
)
def test_a_delay_is_the_full_minutes(seconds: int, minutes: int) -> None:
    assert delay_minutes(DEPARTURE, DEPARTURE + timedelta(seconds=seconds)) == minutes


@pytest.mark.parametrize(
    ("code", "sound"),
    [("UA", True), ("ASQ", True), ("PA (1)", True), ("PA(1)", True), ("U", False), ("UALX", False), ("PA (x)", False)],
)
def test_an_airline_has_the_codes_of_the_sources_and_no_others(code: str, *, sound: bool) -> None:
    assert (not list(faults_of("airlines", {"code": code, "name": "x"}))) is sound


def test_a_sound_row_of_every_table_has_no_fault() -> None:
    for table, row in SOUND.items():
        assert list(faults_of(table, WRITTEN[table].complete(row, {}))) == []
