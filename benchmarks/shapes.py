"""The shapes of a request that are measured: a client's document, its variables, and what is to be reached."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

Variables: TypeAlias = dict[str, Any]
Ask: TypeAlias = Callable[[str, Variables], Awaitable[Any]]
"""Answers a document with variables by its `data`."""

_OPERATIONS = Path(__file__).parents[1] / "tests" / "operations"
LIMITS = {"PAGE_SIZE_MAX": "1000", "COST_MAX": "10000000"}
"""Settings without which the service would refuse the larger shapes."""
SETS = 8
"""How many requests, different in their variables, a shape rotates through."""
DAYS = tuple(datetime(2013, 2, 4, 9, tzinfo=UTC) + timedelta(days=37 * number) for number in range(SETS))
"""From when pages begin."""
CONNECTIONS = 16
"""On how many connections a shape is asked for; fewer where an answer takes so long that most would only queue."""
_PREDICTED_ALONE = 64
_THOUSANDS = 3
_PAGE = """query Page($first: Int!, $since: DateTime!) {
  flights(first: $first, where: { scheduledDeparture: { gte: $since } }, orderBy: [{ field: SCHEDULED_DEPARTURE }]) {
    nodes { %s }
  }
}
"""
_POINT = """query Point($key: FlightKey!) {
  flightByKey(key: $key) {
    id carrierCode flightNumber scheduledDeparture scheduledArrival departureDelayMinutes arrivalDelayMinutes status
    distanceMiles airline { code name } origin { code name latitude longitude timezone }
    destination { code name latitude longitude timezone }
  }
}
"""
_WIDE = """id carrierCode flightNumber originCode destinationCode scheduledDeparture scheduledArrival
      departureDelayMinutes arrivalDelayMinutes status"""
_PREDICT = """query PredictOne($input: PredictDelayInput!) { predictDelay(input: $input) { ...Prediction } }
"""
_SAMPLE = """query Sample($first: Int!, $since: DateTime!) {
  flights(first: $first, where: { scheduledDeparture: { gte: $since }, status: { eq: LANDED } }) {
    nodes { carrierCode flightNumber originCode destinationCode scheduledDeparture scheduledArrival tailNumber }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """A document, the sets of variables that it is asked with in turn, and where the yardstick answers the same.

    `path` is where the handwritten application takes the variables; None where there is none. `to_reach` is the least
    ratio that the service is to have on PostgreSQL: to the yardstick, or to plain execution where `beside_plain`.
    """

    name: str
    document: str
    variables: Sequence[Variables] = field(repr=False)
    path: str | None = None
    to_reach: float | None = None
    beside_plain: bool = False
    connections: int = CONNECTIONS


def _operation(name: str) -> str:
    return (_OPERATIONS / f"{name}.graphql").read_text(encoding="utf-8")


def page(first: int, to_reach: float | None = None, days: Sequence[datetime] = DAYS) -> Shape:
    """A page of that many flights with their relations, from another of these days with each request."""
    document = _PAGE % "...FlightRow" + _operation("FlightRow")
    return Shape(f"page{first}", document, _since(first, days), "/page", to_reach)


async def shapes(ask: Ask) -> list[Shape]:
    """All shapes. Flights to ask for and to predict are taken from the service that `ask` leads to."""
    flights = (await ask(_SAMPLE, {"first": 1000, "since": _instant(datetime(2013, 7, 8, 10, tzinfo=UTC))}))["flights"]
    known = [flight for flight in flights["nodes"] if None not in flight.values()]
    prediction, row = _operation("Prediction"), _operation("FlightRow")
    key = ("carrierCode", "flightNumber", "originCode", "scheduledDeparture")
    keys = [{"key": {name: flight[name] for name in key}} for flight in known[:: len(known) // SETS]]
    alone = [{"input": each} for each in inputs(known, _PREDICTED_ALONE, 1)]
    thousands = [{"inputs": inputs(known, 1000, number)} for number in range(_THOUSANDS)]
    return [
        Shape("point", _POINT, keys, "/point", 0.5),
        page(20, to_reach=0.6),
        page(100, to_reach=0.6),
        Shape("wide1000", _PAGE % _WIDE, _since(1000, DAYS), "/wide", 0.6),
        Shape("stats", _operation("CarrierRanking"), _months(), "/stats"),
        Shape("predict1", _PREDICT + prediction, alone, "/predict", 0.5),
        Shape("predict1000", _operation("PredictDelays") + prediction, thousands, None, 0.5, connections=2),
        Shape(
            "board100", _operation("BoardWithPredictions") + row + prediction, _boards(), None, 10, beside_plain=True
        ),
    ]


NAMES = ("point", "page20", "page100", "wide1000", "stats", "predict1", "predict1000", "board100")


def inputs(flights: Sequence[dict[str, Any]], count: int, seed: int) -> list[dict[str, Any]]:
    """That many different inputs of a prediction: real flights with made-up weather and operations, all of it given."""
    generator = random.Random(seed)  # noqa: S311  no secret
    return [
        {**flights[number % len(flights)], "weather": _weather(generator), "operations": _operations(generator)}
        for number in range(count)
    ]


def _weather(generator: random.Random) -> dict[str, float]:
    wind = round(generator.uniform(0, 25), 1)
    return {
        "temperatureC": round(generator.uniform(-10, 35), 1),
        "dewPointC": round(generator.uniform(-15, 22), 1),
        "relativeHumidityPct": round(generator.uniform(20, 100), 1),
        "windDirectionDeg": float(generator.randrange(0, 360, 10)),
        "windSpeedKt": wind,
        "windGustKt": round(wind + generator.uniform(3, 15), 1),
        "precipitationMm": round(max(0.0, generator.uniform(-10, 5)), 1),
        "pressureHpa": round(generator.uniform(990, 1040), 1),
        "visibilityKm": round(generator.uniform(0.5, 16), 1),
    }


def _operations(generator: random.Random) -> dict[str, float]:
    names = ("originDelay", "carrierDelay", "destinationDelay", "originBlockDelay", "destinationBlockDelay")
    return {f"{name}Minutes": round(generator.expovariate(1 / 15) - 5, 2) for name in names}


def _instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _since(first: int, days: Sequence[datetime]) -> list[Variables]:
    return [{"first": first, "since": _instant(day)} for day in days]


def _months() -> list[Variables]:
    firsts = [datetime(2013, month, 1, 5, tzinfo=UTC) for month in range(2, 3 + SETS)]
    return [
        {"where": {"scheduledDeparture": {"gte": _instant(first), "lt": _instant(following)}}}
        for first, following in pairwise(firsts)
    ]


def _boards() -> list[Variables]:
    start = datetime(2013, 3, 4, 9, tzinfo=UTC)
    return [
        {
            "airport": ("JFK", "EWR", "LGA")[number % 3],
            "where": {"scheduledDeparture": {"gte": _instant(start + timedelta(days=33 * number))}},
            "first": 100,
        }
        for number in range(SETS)
    ]
