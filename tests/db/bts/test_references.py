"""What a file names and the database lacks."""

import polars as pl

from db.bts.fields import parse
from db.bts.flights import convert
from db.bts.references import References
from tests.db.bts.files import row
from tests.db.bts.test_fields import fields

CODES = {"airlines": {"UA"}, "airports": {"JFK"}, "aircraft": {"N1"}}


def met(*rows: dict[str, str]) -> tuple[References, pl.DataFrame]:
    """What is known after these rows, and their flights."""
    references = References(CODES, {"JFK": "America/New_York"})
    parsed, _ = parse(fields(*rows))
    references.meet(parsed)
    return references, convert(parsed, references.zones)[0]


def test_what_flights_name_is_added_once() -> None:
    references, flights = met(row(1), row(2, Tail_Number="N1", Reporting_Airline="UA"))
    missing = references.missing(flights)
    assert missing["airlines"].rows() == [("AA", "AA")]
    assert missing["aircraft"]["tail_number"].to_list() == ["N104NN"]
    airport = missing["airports"].row(0, named=True)
    assert (airport["code"], airport["timezone"], round(airport["latitude"])) == ("LAX", "America/Los_Angeles", 34)
    references.add(missing)
    assert references.missing(flights) == {}


def test_an_airport_that_nobody_knows_has_its_citys_name_and_its_states_zone() -> None:
    references, flights = met(row(Origin="ISN", OriginCityName="Williston, ND", OriginStateName="North Dakota"))
    airport = references.missing(flights)["airports"].filter(code="ISN").row(0, named=True)
    assert (airport["name"], airport["timezone"]) == ("Williston, ND", "America/Chicago")
    assert (airport["latitude"], airport["longitude"], airport["altitude_ft"]) == (None, None, None)


def test_an_airport_of_which_nothing_is_known_is_a_destination_but_no_origin() -> None:
    nowhere = {"DestCityName": "", "DestStateName": ""}
    references, flights = met(row(1, Dest="QQ1", **nowhere), row(2, Origin="QQ2", OriginStateName=""))
    assert flights["flight_number"].to_list() == [1]
    airport = references.missing(flights)["airports"].row(0, named=True)
    assert (airport["code"], airport["name"], airport["timezone"]) == ("QQ1", "QQ1", None)


def test_codes_of_rows_that_are_not_loaded_are_not_added() -> None:
    references, flights = met(row(1, Reporting_Airline="ZZ", Tail_Number="N9", CRSDepTime=""), row(2))
    assert references.missing(flights)["airlines"]["code"].to_list() == ["AA"]
    assert references.codes_with(flights)["airlines"] == {"AA", "UA"}
