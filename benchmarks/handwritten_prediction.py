"""The handwritten application's predictions: the served model behind one statement, or behind none."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import orjson

from benchmarks import handwritten_sql as sql
from benchmarks.handwritten_database import Driver
from ml.runtime import BUCKETS, WEATHER_HOURS, Bundle, Leg, Place, Weather
from ml.runtime.aliases import open_model, read_aliases

_HALF_AN_HOUR = timedelta(minutes=30)
_OPERATIONS = {
    "originDelayMinutes": "origin_delay_minutes",
    "carrierDelayMinutes": "carrier_delay_minutes",
    "destinationDelayMinutes": "destination_delay_minutes",
    "originBlockDelayMinutes": "origin_block_delay_minutes",
    "destinationBlockDelayMinutes": "destination_block_delay_minutes",
}


class Oracle:
    """The champion, with the places of all airports as they were when it was opened."""

    def __init__(self, bundle: Bundle, aliases: list[str], places: dict[str, Place]) -> None:
        self._bundle = bundle
        self._model = {"version": bundle.version, "aliases": aliases}
        self._places = places

    @classmethod
    async def open(cls, driver: Driver, models: Path) -> Self:
        """Load the champion among `models`, warm, and read the places."""
        bundle = open_model(models, "champion")
        bundle.warm(1)
        aliases = [alias.upper() for alias, version in read_aliases(models).items() if version == bundle.version]
        airports = await driver.fetch("SELECT code, latitude, longitude, timezone FROM airports")
        return cls(bundle, aliases, {code: Place(*place) for code, *place in airports})

    async def predict(self, driver: Driver, asked: Any) -> dict[str, Any]:
        """With all that the service looks up where arrival, aircraft, weather and operations are given."""
        flight = asked["input"]
        departure = datetime.fromisoformat(flight["scheduledDeparture"])
        hour = departure.replace(minute=0)
        (row,) = await driver.fetch(
            sql.surroundings(driver.dialect),
            flight["carrierCode"],
            flight["flightNumber"],
            flight["originCode"],
            flight["destinationCode"],
            flight["tailNumber"],
            departure,
            departure - _HALF_AN_HOUR,
            departure + _HALF_AN_HOUR,
            hour,
            hour - timedelta(hours=WEATHER_HOURS),
        )
        unlisted = not row[10]
        hours = [Weather()] * WEATHER_HOURS
        for back, *reading in orjson.loads(row[11] or "[]"):
            hours[back - 1] = Weather(*reading)
        return self._answer(
            Leg(
                flight["carrierCode"],
                flight["originCode"],
                flight["destinationCode"],
                departure,
                datetime.fromisoformat(flight["scheduledArrival"]),
                Place(row[0], row[1], row[2]),
                Place(row[3], row[4], row[5]),
                aircraft_seats=row[6],
                aircraft_year=row[7],
                # The flight counts among its own surroundings, whether the timetable has it or not.
                origin_flights=row[8] + unlisted if row[8] else None,
                carrier_flights=row[9] + unlisted if row[8] else None,
                weather=(Weather(*flight["weather"].values()), *hours),
                **{name: flight["operations"][given] for given, name in _OPERATIONS.items()},
            )
        )

    async def predict_alone(self, _driver: Driver, asked: Any) -> dict[str, Any]:
        """With what the input says and where the airports are; nothing is looked up for the request."""
        flight = asked["input"]
        return self._answer(
            Leg(
                flight["carrierCode"],
                flight["originCode"],
                flight["destinationCode"],
                datetime.fromisoformat(flight["scheduledDeparture"]),
                datetime.fromisoformat(flight["scheduledArrival"]),
                self._places[flight["originCode"]],
                self._places[flight["destinationCode"]],
                weather=(Weather(*flight["weather"].values()),),
                **{name: flight["operations"][given] for given, name in _OPERATIONS.items()},
            )
        )

    def _answer(self, leg: Leg) -> dict[str, Any]:
        matrix = self._bundle.matrix([leg])
        distribution = self._bundle.run(matrix)
        p10, p50, p90 = distribution.quantiles[0].tolist()
        shares = distribution.buckets[0].tolist()
        return {
            "predictDelay": {
                "__typename": "DelayPrediction",
                "probabilityDelayed": float(distribution.probability_delayed[0]),
                "probabilityNeverArrives": float(distribution.probability_never_arrives[0]),
                "delayMinutes": {"p10": p10, "p50": p50, "p90": p90},
                "buckets": [
                    {"bucket": name, "probability": share} for name, share in zip(BUCKETS, shares, strict=True)
                ],
                "basis": self._bundle.basis(matrix)[0],
                "model": self._model,
            }
        }
