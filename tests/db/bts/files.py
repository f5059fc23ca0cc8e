"""On-time files as the Bureau writes them: all columns, a trailing comma, quoted text, decimals for whole numbers.

The header is that of the archive of January 2025 (see `db.bts.columns` for its address), and values are written as in
it: text quoted, empty text as two quotation marks, empty numbers as nothing, clock times as four quoted digits.
"""

import csv
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

_DIVERSION = "Airport,AirportID,AirportSeqID,WheelsOn,TotalGTime,LongestGTime,WheelsOff,TailNum"
_PLAIN = (
    "Year,Quarter,Month,DayofMonth,DayOfWeek,FlightDate,Reporting_Airline,DOT_ID_Reporting_Airline,"
    "IATA_CODE_Reporting_Airline,Tail_Number,Flight_Number_Reporting_Airline,OriginAirportID,OriginAirportSeqID,"
    "OriginCityMarketID,Origin,OriginCityName,OriginState,OriginStateFips,OriginStateName,OriginWac,DestAirportID,"
    "DestAirportSeqID,DestCityMarketID,Dest,DestCityName,DestState,DestStateFips,DestStateName,DestWac,CRSDepTime,"
    "DepTime,DepDelay,DepDelayMinutes,DepDel15,DepartureDelayGroups,DepTimeBlk,TaxiOut,WheelsOff,WheelsOn,TaxiIn,"
    "CRSArrTime,ArrTime,ArrDelay,ArrDelayMinutes,ArrDel15,ArrivalDelayGroups,ArrTimeBlk,Cancelled,CancellationCode,"
    "Diverted,CRSElapsedTime,ActualElapsedTime,AirTime,Flights,Distance,DistanceGroup,CarrierDelay,WeatherDelay,"
    "NASDelay,SecurityDelay,LateAircraftDelay,FirstDepTime,TotalAddGTime,LongestAddGTime,DivAirportLandings,"
    "DivReachedDest,DivActualElapsedTime,DivArrDelay,DivDistance"
)
_TEXT = (
    "Reporting_Airline,IATA_CODE_Reporting_Airline,Tail_Number,Flight_Number_Reporting_Airline,Origin,OriginCityName,"
    "OriginState,OriginStateFips,OriginStateName,Dest,DestCityName,DestState,DestStateFips,DestStateName,CRSDepTime,"
    "DepTime,DepTimeBlk,WheelsOff,WheelsOn,CRSArrTime,ArrTime,ArrTimeBlk,CancellationCode,FirstDepTime"
)


def _names(line: str) -> list[str]:
    return next(csv.reader([line]))


HEADER = [*_names(_PLAIN), *(f"Div{number}{name}" for number in range(1, 6) for name in _names(_DIVERSION))]
TEXT = {
    *_names(_TEXT),
    *(f"Div{number}{name}" for number in range(1, 6) for name in ("Airport", "WheelsOn", "WheelsOff", "TailNum")),
}
# The first row of the archive of January 2025, as far as its columns are loaded.
FIRST = {
    "Year": "2025",
    "FlightDate": "2025-01-01",
    "Reporting_Airline": "AA",
    "IATA_CODE_Reporting_Airline": "AA",
    "Tail_Number": "N104NN",
    "Flight_Number_Reporting_Airline": "1",
    "Origin": "JFK",
    "OriginCityName": "New York, NY",
    "OriginStateName": "New York",
    "Dest": "LAX",
    "DestCityName": "Los Angeles, CA",
    "DestStateName": "California",
    "CRSDepTime": "0659",
    "DepTime": "0656",
    "DepDelay": "-3.00",
    "CRSArrTime": "1020",
    "ArrTime": "1013",
    "ArrDelay": "-7.00",
    "Cancelled": "0.00",
    "Diverted": "0.00",
    "CRSElapsedTime": "381.00",
    "ActualElapsedTime": "377.00",
    "AirTime": "345.00",
    "Flights": "1.00",
    "Distance": "2475.00",
    "DivAirportLandings": "0",
}
NOT_FLOWN = dict.fromkeys(["DepTime", "DepDelay", "ArrTime", "ArrDelay", "ActualElapsedTime", "AirTime"], "")
CANCELLED = {**NOT_FLOWN, "Tail_Number": "", "Cancelled": "1.00", "CancellationCode": "B"}
# Landed elsewhere, then at its destination 200 minutes late.
DIVERTED = {
    **dict.fromkeys(["ArrDelay", "ActualElapsedTime", "AirTime"], ""),
    "ArrTime": "1340",
    "Diverted": "1.00",
    "DivAirportLandings": "1",
    "DivReachedDest": "1.00",
    "DivActualElapsedTime": "584.00",
    "DivArrDelay": "200.00",
    "Div1Airport": "ONT",
}
NEVER_REACHED = {
    **DIVERTED,
    **dict.fromkeys(["ArrTime", "DivActualElapsedTime", "DivArrDelay"], ""),
    "DivReachedDest": "0.00",
}


def row(number: int = 1, **values: str) -> dict[str, str]:
    """The first flight of the archive under another number, with other values."""
    return {**FIRST, "Flight_Number_Reporting_Airline": str(number), **values}


def line(values: Mapping[str, str]) -> str:
    fields = [f'"{values.get(name, "")}"' if name in TEXT else values.get(name, "") for name in HEADER]
    return ",".join(fields) + ","


def text(rows: Iterable[Mapping[str, str]]) -> str:
    header = ",".join(f'"{name}"' for name in HEADER) + ","
    return "\r\n".join([header, *map(line, rows)]) + "\r\n"


def write(path: Path, *rows: Mapping[str, str]) -> Path:
    """A CSV, or for a name that ends in .zip the archive that users download."""
    content = text(rows)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("On_Time_Reporting_Carrier_On_Time_Performance_(1987_present)_2025_1.csv", content)
            archive.writestr("readme.html", "<html>BACKGROUND</html>")
    else:
        path.write_bytes(content.encode())
    return path
