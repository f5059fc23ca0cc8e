"""The text of an on-time file: what is understood, and what is said of the rest."""

import datetime

import polars as pl
import pytest

from db.bts.columns import FIELDS, find_fields
from db.bts.fields import parse
from tests.db.bts.files import HEADER, row


def fields(*rows: dict[str, str]) -> pl.DataFrame:
    names = {key: HEADER[place] for key, place in find_fields(HEADER).items()}
    values = [{key: values.get(name, "") for key, name in names.items()} for values in rows]
    return pl.DataFrame(values, schema=dict.fromkeys(FIELDS, pl.String)).with_row_index("_record")


@pytest.mark.parametrize("written", ["2021-07-01", "7/1/2021 12:00:00 AM", "07/01/2021", "20210701"])
def test_a_date_is_understood_however_the_bureau_writes_it(written: str) -> None:
    parsed, faults = parse(fields(row(FlightDate=written)))
    assert faults.is_empty()
    assert parsed["flight_date"].item() == datetime.date(2021, 7, 1)


def test_clock_readings_flags_and_decimals_are_numbers_and_empty_fields_are_missing() -> None:
    parsed, _ = parse(fields(row(CRSDepTime="2400", DepTime="0005", DepDelay="-3.00", Tail_Number="", Diverted="")))
    found = parsed.row(0, named=True)
    assert (found["crs_dep"], found["dep"], found["dep_delay"], found["tail"]) == (2400, 5, -3, None)
    assert (found["cancelled"], found["diverted"], found["div_reached"]) == (False, False, None)


def test_what_is_no_tail_number_is_missing_and_no_reason_to_lose_the_flight() -> None:
    written = ["N104NN", "C-FABC", "UNKNOW", "N1\ufffd", "?", "n104nn"]
    parsed, faults = parse(fields(*(row(Tail_Number=tail) for tail in written)))
    assert parsed["tail"].to_list() == ["N104NN", "C-FABC", None, None, None, None]
    assert faults.is_empty()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"FlightDate": "2025-02-30"}, "FlightDate 2025-02-30 is not a date"),
        ({"FlightDate": ""}, "FlightDate is missing"),
        ({"CRSDepTime": "0660"}, "CRSDepTime 0660 is not a time of day"),
        ({"ArrTime": "2401"}, "ArrTime 2401 is not a time of day"),
        ({"CRSDepTime": ""}, "CRSDepTime is missing"),
        ({"DepDelay": "late"}, "DepDelay late is not a whole number"),
        ({"ArrDelay": "1.5"}, "ArrDelay 1.5 is not a whole number"),
        ({"Distance": "nan"}, "Distance nan is not a whole number"),
        ({"AirTime": "99999999999"}, "AirTime 99999999999 is not a whole number"),
        ({"Flight_Number_Reporting_Airline": "12A"}, "Flight_Number_Reporting_Airline 12A is not a whole number"),
        ({"Cancelled": "2.00"}, "Cancelled 2.00 is neither 0 nor 1"),
        ({"Reporting_Airline": "?"}, "Reporting_Airline ? is not a code"),
        ({"Origin": "jfk"}, "Origin jfk is not a code"),
        ({"Dest": ""}, "Dest is missing"),
    ],
)
def test_a_row_that_cannot_be_understood_is_left_out_with_the_reason(values: dict[str, str], reason: str) -> None:
    parsed, faults = parse(fields(row(1), row(2, **values)))
    assert faults.rows() == [(1, reason)]
    assert parsed["number"].to_list() == [1]


def test_a_carrier_whose_code_was_given_away_is_understood() -> None:
    parsed, faults = parse(fields(row(Reporting_Airline="PA (1)")))
    assert (faults.height, parsed["carrier"].to_list()) == (0, ["PA (1)"])
