"""The shapes in the names of PostGraphile's own schema, and its answers in the service's terms."""

import re
from base64 import b64decode
from datetime import datetime
from typing import Any

from benchmarks.shapes import Shape

_AIRPORT = "{ code name latitude longitude timezone }"
_ROW = f"""id carrierCode flightNumber scheduledDeparture scheduledArrival
    departureDelayMinutes arrivalDelayMinutes status distanceMiles airline: airlineByCarrierCode {{ code name }}
    origin: airportByOriginCode {_AIRPORT} destination: airportByDestinationCode {_AIRPORT}"""
_POINT = f"""query Point(
  $carrierCode: String!, $flightNumber: Int!, $originCode: String!, $scheduledDeparture: Datetime!
) {{
  flightByKey: flightByCarrierCodeAndFlightNumberAndOriginCodeAndScheduledDeparture(
    carrierCode: $carrierCode, flightNumber: $flightNumber, originCode: $originCode,
    scheduledDeparture: $scheduledDeparture
  ) {{
    {_ROW}
  }}
}}
"""
_PAGE = """query Page($first: Int!, $since: Datetime!) {
  flights: allFlights(
    first: $first, condition: { scheduledDepartureFrom: $since }, orderBy: [SCHEDULED_DEPARTURE_ASC, PRIMARY_KEY_ASC]
  ) {
    nodes {
      %s
    }
  }
}
"""
_WITH_AIRCRAFT = f"{_ROW}\n      aircraft: aircraftByTailNumber {{ tailNumber manufacturer model year seats }}"
_WIDE = """id carrierCode flightNumber originCode destinationCode scheduledDeparture scheduledArrival
      departureDelayMinutes arrivalDelayMinutes status"""
DOCUMENTS = {
    "point": _POINT,
    "page20": _PAGE % _WITH_AIRCRAFT,
    "page100": _PAGE % _WITH_AIRCRAFT,
    "wide1000": _PAGE % _WIDE,
}
"""What asks for the same as the shape of that name. Aliases give both answers the same keys."""
_INSTANTS = frozenset({"scheduledDeparture", "scheduledArrival"})


def asked(shape: Shape) -> Shape:
    """The same shape as PostGraphile is asked for it: a flight's key is four arguments there, not one input."""
    variables = [each.get("key", each) for each in shape.variables]
    return Shape(shape.name, DOCUMENTS[shape.name], variables, connections=shape.connections)


def comparable(answer: Any) -> Any:
    """An answer without what may differ: a flight's global ID becomes the number in it, a text of an instant that.

    Both write instants in ISO 8601, one with `Z`, one with microseconds and `+00:00`; both encode the row's number.
    """
    if isinstance(answer, dict):
        return {key: _value(key, value) for key, value in answer.items()}
    return [comparable(each) for each in answer] if isinstance(answer, list) else answer


def _value(key: str, value: Any) -> Any:
    if isinstance(value, str) and key == "id":
        return [int(digits) for digits in re.findall(rb"\d+", b64decode(value))]
    if isinstance(value, str) and key in _INSTANTS:
        return datetime.fromisoformat(value)
    return comparable(value)
