import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from db.validate import RejectedRow
from ml.predict.flights import AskedFlight, FlightsFile, FlightsFileError
from tests.databases import PROCESSED

HEADER = "carrier_code,origin_code,destination_code,scheduled_departure"
FLIGHT = "UA,EWR,IAH,2013-01-01T10:15:00Z"
DEPARTURE = datetime(2013, 1, 1, 10, 15, tzinfo=UTC)


def read(path: Path) -> list[AskedFlight | RejectedRow]:
    return [row for _, row in FlightsFile(path).rows()]


def csv_of(tmp_path: Path, *lines: str, header: str = HEADER) -> Path:
    path = tmp_path / "flights.csv"
    path.write_text("\n".join((header, *lines, "")), encoding="utf-8")
    return path


def one(tmp_path: Path, **more: str) -> AskedFlight | RejectedRow:
    """The flight of a file with columns more than the required ones, or in their place."""
    values = dict(zip(HEADER.split(","), FLIGHT.split(","), strict=True)) | more
    (row,) = read(csv_of(tmp_path, ",".join(values.values()), header=",".join(values)))
    return row


def reason(tmp_path: Path, **more: str) -> str:
    row = one(tmp_path, **more)
    assert isinstance(row, RejectedRow)
    assert (row.file, row.line) == ("flights.csv", 2)
    return row.reason


def asked(tmp_path: Path, **more: str) -> AskedFlight:
    row = one(tmp_path, **more)
    assert isinstance(row, AskedFlight)
    return row


def test_the_required_columns_are_enough(tmp_path: Path) -> None:
    assert asked(tmp_path) == AskedFlight(
        file="flights.csv",
        line=2,
        carrier_code="UA",
        origin_code="EWR",
        destination_code="IAH",
        scheduled_departure=DEPARTURE,
        scheduled_arrival=None,
        flight_number=None,
        tail_number=None,
        given={},
    )


@pytest.mark.parametrize("missing", HEADER.split(","))
def test_a_file_without_a_required_column_is_refused(tmp_path: Path, missing: str) -> None:
    path = csv_of(tmp_path, header=HEADER.replace(missing, "something"))

    with pytest.raises(FlightsFileError, match=f"lacks the column {missing}; it has .*something"):
        FlightsFile(path)


def test_columns_may_stand_in_any_order_between_others(tmp_path: Path) -> None:
    header = "note,scheduled_departure,origin_code,destination_code,visibility_km,carrier_code"
    path = csv_of(tmp_path, '"a, b",2013-01-01T10:15:00Z,EWR,IAH,16.1,UA', header=header)

    (flight,) = read(path)

    assert isinstance(flight, AskedFlight)
    assert (flight.carrier_code, flight.given) == ("UA", {"visibility_km": 16.1})
    assert FlightsFile(path).ignored == ("note",)
    assert FlightsFile(path).columns == tuple(header.split(",")[1:])


@pytest.mark.parametrize(
    "text",
    [
        "2013-01-01T10:15:00Z",
        "2013-01-01T05:15:00-05:00",
        "2013-01-01 10:15:00+00:00",
        "2013-01-01T10:15:00.000000+0000",
        " 2013-01-01T10:15Z ",
    ],
)
def test_instants_are_read_with_their_offset(tmp_path: Path, text: str) -> None:
    assert asked(tmp_path, scheduled_departure=text).scheduled_departure == DEPARTURE


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"scheduled_departure": ""}, "scheduled_departure is missing"),
        (
            {"scheduled_departure": "tomorrow"},
            "scheduled_departure 'tomorrow' is not a time as in 2013-01-01",
        ),
        (
            {"scheduled_departure": "2013-01-01T10:15"},
            "scheduled_departure 2013-01-01T10:15:00 has no offset; write 2013-01-01T10:15:00Z if it is in UTC",
        ),
        ({"scheduled_departure": "0001-01-01T00:00+14:00"}, "scheduled_departure .* is beyond the calendar"),
        ({"scheduled_arrival": "soon"}, "scheduled_arrival 'soon' is not a time"),
        ({"scheduled_arrival": "2013-01-01T10:15:00Z"}, "scheduled_arrival is not after scheduled_departure"),
        ({"scheduled_arrival": "2013-01-02T10:16:00Z"}, "scheduled_arrival is more than 24 hours after"),
        ({"carrier_code": ""}, "carrier_code is missing"),
        ({"origin_code": "IAH"}, "destination_code IAH is the origin too"),
        ({"origin_code": "E\0R"}, "origin_code holds characters that no code has"),
        ({"flight_number": "0"}, "flight_number 0 is not a positive integer of 32 bits"),
        ({"flight_number": "1.5"}, "flight_number 1.5 is not a positive integer"),
        ({"flight_number": "2147483648"}, "flight_number .* is not a positive integer of 32 bits"),
        ({"temperature_c": "warm"}, "temperature_c 'warm' is not a number"),
        ({"temperature_c": "61"}, "temperature_c 61 is not between -90 and 60"),
        ({"origin_delay_minutes": "5000"}, "origin_delay_minutes 5000 is not between -1440 and 2880"),
        ({"rain_3h_mm": "inf"}, "rain_3h_mm is not finite"),
    ],
)
def test_a_row_that_cannot_be_is_rejected_with_the_reason(tmp_path: Path, more: dict[str, str], words: str) -> None:
    assert re.match(words, reason(tmp_path, **more))


def test_what_is_empty_or_not_a_number_is_not_given(tmp_path: Path) -> None:
    flight = asked(tmp_path, flight_number="", tail_number=" ", temperature_c="", wind_gust_kt="NaN", wind_speed_kt="3")

    assert (flight.flight_number, flight.tail_number, flight.given) == (None, None, {"wind_speed_kt": 3.0})


def test_distance_and_clock_follow_from_the_flight_and_are_not_read(tmp_path: Path) -> None:
    assert asked(tmp_path, distance_miles="1400", departure_minute="3", carrier="9").given == {}


def test_lines_are_those_that_an_editor_shows(tmp_path: Path) -> None:
    path = csv_of(tmp_path, f'{FLIGHT},"two\nlines"', "", "UA,EWR", f"{FLIGHT},x", header=f"{HEADER},note")

    rows = read(path)

    assert [row.line for row in rows] == [3, 5, 6]
    assert str(rows[1]) == "flights.csv:5: it has 2 fields, the header 5"


def test_a_spreadsheet_s_byte_order_mark_and_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "flights.CSV"
    path.write_bytes(b"\xef\xbb\xbf" + f"{HEADER},note\r\n{FLIGHT},".encode() + b"\xff\r\n")

    (flight,) = read(path)

    assert isinstance(flight, AskedFlight)


def test_a_field_beyond_all_bounds_is_rejected_and_reading_goes_on(tmp_path: Path) -> None:
    rows = read(csv_of(tmp_path, f"{FLIGHT},{'x' * 200_000}", f"{FLIGHT},y", header=f"{HEADER},note"))

    assert isinstance(rows[0], RejectedRow)
    assert isinstance(rows[-1], AskedFlight)


def test_progress_ends_with_the_file(tmp_path: Path) -> None:
    path = csv_of(tmp_path, *[FLIGHT] * 3000)
    done = [at for at, _ in FlightsFile(path).rows()]

    assert done == sorted(done)
    assert done[0] < done[-1] == FlightsFile(path).total


def test_the_processed_flights_can_be_asked_about(tmp_path: Path) -> None:
    flights = pl.read_parquet(PROCESSED / "flights.parquet").head(500)
    flights.write_parquet(tmp_path / "flights.parquet")
    flights.write_csv(tmp_path / "flights.csv")

    of_parquet, of_csv = read(tmp_path / "flights.parquet"), read(tmp_path / "flights.csv")

    assert FlightsFile(tmp_path / "flights.parquet").total == 500
    for number, (one, other, row) in enumerate(zip(of_parquet, of_csv, flights.iter_rows(named=True), strict=True), 1):
        assert isinstance(one, AskedFlight)
        assert isinstance(other, AskedFlight)
        assert (one.line, other.line) == (number, number + 1)
        for name in ("carrier_code", "flight_number", "tail_number", "scheduled_departure", "scheduled_arrival"):
            assert getattr(one, name) == getattr(other, name) == row[name]


def frame(**columns: Any) -> pl.DataFrame:
    values = {"carrier_code": "UA", "origin_code": "EWR", "destination_code": "IAH", "scheduled_departure": DEPARTURE}
    return pl.DataFrame({name: [value] for name, value in (values | columns).items()})


def test_instants_of_a_parquet_file_may_be_in_any_zone_or_text(tmp_path: Path) -> None:
    local = frame().with_columns(pl.col("scheduled_departure").dt.convert_time_zone("America/New_York"))
    for name, content in {"zone": local, "text": frame(scheduled_departure="2013-01-01T10:15:00Z")}.items():
        content.write_parquet(tmp_path / f"{name}.parquet")
        (flight,) = read(tmp_path / f"{name}.parquet")
        assert isinstance(flight, AskedFlight)
        assert flight.scheduled_departure == DEPARTURE


def test_a_parquet_file_with_instants_without_a_zone_is_refused(tmp_path: Path) -> None:
    frame(scheduled_arrival=datetime(2013, 1, 1, 14)).write_parquet(tmp_path / "flights.parquet")  # noqa: DTZ001  meant

    with pytest.raises(FlightsFileError, match="scheduled_arrival has no time zone; give it one, as in"):
        FlightsFile(tmp_path / "flights.parquet")


def test_a_parquet_file_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.predict.flights._ROWS_AT_ONCE", 3)
    pl.concat([frame(flight_number=number) for number in range(1, 8)]).write_parquet(tmp_path / "flights.parquet")

    rows = read(tmp_path / "flights.parquet")

    assert [row.line for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert [row.flight_number for row in rows if isinstance(row, AskedFlight)] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("flights.txt", b"", "neither .csv nor .parquet by its name"),
        ("flights.parquet", b"PAR1 and no more", "cannot be read"),
        ("flights.csv", b"", "lacks the column carrier_code, .*; it has none"),
        ("flights.csv", f"{HEADER},carrier_code\n".encode(), "has the column carrier_code more than once"),
    ],
)
def test_what_is_no_file_of_flights_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(FlightsFileError, match=words) as refusal:
        FlightsFile(tmp_path / name)

    assert "\n" not in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FlightsFileError, match=r"none\.csv cannot be read: .*No such file"):
        FlightsFile(tmp_path / "none.csv")
