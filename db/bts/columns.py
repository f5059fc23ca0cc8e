"""The columns that are read of an on-time file, under each of the names that the Bureau has given them.

Sources: the header and the record layout (`readme.html`) of the archives that
https://transtats.bts.gov/PREZIP/On_Time_Reporting_Carrier_On_Time_Performance_1987_present_2025_1.zip stands for: 109
quoted names and a trailing comma, hence an unnamed empty column. Before 2018 the same files were called
On_Time_On_Time_Performance and named five of the columns otherwise (UniqueCarrier, AirlineID, Carrier, TailNum,
FlightNum). A download of chosen columns (https://www.transtats.bts.gov/DL_SelectFields.asp?Table_ID=236) has names in
capitals: FL_DATE, OP_UNIQUE_CARRIER, OP_CARRIER_FL_NUM, TAIL_NUM, CRS_DEP_TIME and so on, until 2018 without OP_.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Field(NamedTuple):
    """A column by its present name, which messages use, and its other names."""

    name: str
    also: tuple[str, ...] = ()
    required: bool = False


# What the code calls a column: the Bureau's word for it, in short. CRS is the reservation system, hence the schedule.
FIELDS: Mapping[str, Field] = {
    "flight_date": Field("FlightDate", ("FL_DATE",), required=True),
    "carrier": Field("Reporting_Airline", ("UniqueCarrier", "OP_UNIQUE_CARRIER"), required=True),
    "number": Field("Flight_Number_Reporting_Airline", ("FlightNum", "OP_CARRIER_FL_NUM", "FL_NUM"), required=True),
    "tail": Field("Tail_Number", ("TailNum",)),
    "origin": Field("Origin", required=True),
    "origin_city": Field("OriginCityName"),
    "origin_state": Field("OriginStateName", ("ORIGIN_STATE_NM",)),
    "destination": Field("Dest", required=True),
    "destination_city": Field("DestCityName"),
    "destination_state": Field("DestStateName", ("DEST_STATE_NM",)),
    "crs_dep": Field("CRSDepTime", required=True),
    "dep": Field("DepTime"),
    "dep_delay": Field("DepDelay", required=True),
    "crs_arr": Field("CRSArrTime", required=True),
    "arr": Field("ArrTime"),
    "arr_delay": Field("ArrDelay", required=True),
    "cancelled": Field("Cancelled", required=True),
    "diverted": Field("Diverted", required=True),
    "crs_elapsed": Field("CRSElapsedTime"),
    "air_time": Field("AirTime"),
    "distance": Field("Distance"),
    # Since October 2008: what became of a diverted flight.
    "div_reached": Field("DivReachedDest"),
    "div_elapsed": Field("DivActualElapsedTime"),
    "div_arr_delay": Field("DivArrDelay"),
}


def find_fields(header: Sequence[str]) -> dict[str, int]:
    """Where in the header each field stands that is there; capitals and underscores make no difference."""
    places = {_plain(name): place for place, name in reversed(list(enumerate(header)))}
    found: dict[str, int] = {}
    for key, field in FIELDS.items():
        for name in (field.name, *field.also):
            if _plain(name) in places:
                found[key] = places[_plain(name)]
                break
    return found


def missing_columns(found: Mapping[str, int]) -> list[str]:
    """The names of the columns without which a file cannot be loaded."""
    return [field.name for key, field in FIELDS.items() if field.required and key not in found]


def _plain(name: str) -> str:
    return name.strip().replace("_", "").lower()
