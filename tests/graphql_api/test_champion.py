"""How the committed champion behaves: not how good it is, but whether it makes sense of what it is told.

Asked about real flights spread over the year, with everything looked up as for a client.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from db.queries.operations import Operations
from graphql_api.app import open_service
from graphql_api.execution import Executor
from graphql_api.schema import build_schema
from ml.runtime import WEATHER_HOURS, Bundle, Distribution, Leg, Place, Registry, Weather
from tests.databases import Databases
from tests.graphql_api.conftest import Graph, settings_for

FLIGHTS = 400
QUERY = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Flight { predictDelay { __typename } } } }"
NOISE = 0.02
"""How much of a mean probability may be chance: months of flights decide where a tree splits."""

Floats = NDArray[np.float64]


@dataclass
class Listener:
    """The champion, and the flights that it was asked about."""

    champion: Bundle
    legs: list[Leg] = field(default_factory=list)

    def matrix(self, legs: Sequence[Leg]) -> NDArray[np.float32]:
        self.legs += legs
        return self.champion.matrix(legs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.champion, name)


@pytest.fixture(scope="module")
async def heard(databases: Databases) -> Listener:
    settings = settings_for(databases.flights("sqlite"))
    async with open_service(settings) as service:
        listener = Listener(service.models.select())
        version = listener.champion.version
        service.models = Registry({version: cast("Bundle", listener)}, {}, {"champion": version})
        numbers = np.linspace(1, 336_776, FLIGHTS).astype(int)
        ids = [base64.b64encode(f"Flight:{number}".encode()).decode() for number in numbers]
        await Graph(service, Executor(build_schema(), settings)).data(QUERY, {"ids": ids})
    return listener


@pytest.fixture(scope="module")
def champion(heard: Listener) -> Bundle:
    return heard.champion


@pytest.fixture(scope="module")
def flights(heard: Listener) -> list[Leg]:
    assert len(heard.legs) == FLIGHTS
    assert sum(leg.origin_delay_minutes is not None for leg in heard.legs) > 0.8 * FLIGHTS
    assert len({leg.carrier_code for leg in heard.legs}) > 10
    return heard.legs


def asked(champion: Bundle, flights: Sequence[Leg]) -> Distribution:
    return champion.run(champion.matrix(flights))


def risk(champion: Bundle, flights: Sequence[Leg], **change: Any) -> Floats:
    """P(delayed) of each flight, as it was but for the change."""
    return asked(champion, [replace(leg, **change) for leg in flights]).probability_delayed


def in_weather(champion: Bundle, flights: Sequence[Leg], **readings: float | None) -> Floats:
    """P(delayed) of each flight if these had been the readings of its hour and of the hours before."""

    def changed(leg: Leg) -> Leg:
        hours = leg.weather or (Weather(),) * (1 + WEATHER_HOURS)
        return replace(leg, weather=tuple(replace(hour, **readings) for hour in hours))

    return asked(champion, [changed(leg) for leg in flights]).probability_delayed


def test_on_real_flights_it_says_about_what_happened_in_that_year(champion: Bundle, flights: list[Leg]) -> None:
    """26.6% of the year's flights were late, cancelled or diverted."""
    assert risk(champion, flights).mean() == pytest.approx(0.266, abs=0.05)


@pytest.mark.parametrize(
    ("reading", "from_good_to_bad"),
    [
        ("precipitation_mm", (0.0, 1.0, 3.0, 10.0)),
        ("visibility_km", (16.0, 5.0, 2.0, 0.4)),
        ("wind_gust_kt", (15.0, 25.0, 35.0, 45.0)),
        ("wind_speed_kt", (5.0, 15.0, 25.0, 35.0)),
    ],
)
def test_worse_weather_does_not_lower_the_risk(
    champion: Bundle, flights: list[Leg], reading: str, from_good_to_bad: tuple[float, ...]
) -> None:
    means = [in_weather(champion, flights, **{reading: value}).mean() for value in from_good_to_bad]
    assert all(worse > better - NOISE for better, worse in pairwise(means)), means
    assert means[-1] > means[0] + NOISE


def test_a_storm_is_riskier_than_a_calm_day_for_nearly_every_flight(champion: Bundle, flights: list[Leg]) -> None:
    calm = in_weather(champion, flights, precipitation_mm=0, visibility_km=16, wind_speed_kt=5, wind_gust_kt=None)
    storm = in_weather(champion, flights, precipitation_mm=5, visibility_km=1.5, wind_speed_kt=30, wind_gust_kt=45)
    assert (storm > calm).mean() > 0.95
    assert storm.mean() > 1.5 * calm.mean()


def test_a_flight_from_a_jammed_airport_is_riskier_than_from_an_idle_one(champion: Bundle, flights: list[Leg]) -> None:
    jammed, idle = (risk(champion, flights, origin_delay_minutes=minutes) for minutes in (90.0, 0.0))
    assert (jammed > idle).mean() > 0.95
    assert jammed.mean() > idle.mean() + 0.1


@pytest.mark.parametrize("delay", Operations._fields)
def test_the_later_flights_run_the_riskier(champion: Bundle, flights: list[Leg], delay: str) -> None:
    means = [risk(champion, flights, **{delay: minutes}).mean() for minutes in (0.0, 15.0, 45.0, 120.0)]
    assert all(worse > better - NOISE for better, worse in pairwise(means)), means
    assert means[-1] > means[0]


def test_an_unknown_carrier_gets_about_the_average_over_carriers(champion: Bundle, flights: list[Leg]) -> None:
    by_carrier = {code: risk(champion, flights, carrier_code=code).mean() for code in champion.positions["carrier"]}
    shares = [np.mean([leg.carrier_code == code for leg in flights]) for code in by_carrier]
    average = np.average(list(by_carrier.values()), weights=shares)
    for unknown in ("ZZ", "", None):
        assert risk(champion, flights, carrier_code=unknown).mean() == pytest.approx(average, abs=0.03)
    assert max(by_carrier.values()) - min(by_carrier.values()) > 0.05, "carriers differ"


@pytest.mark.parametrize("field", ["origin_code", "destination_code", "aircraft_seats", "origin_flights"])
def test_what_is_unknown_moves_the_average_little(champion: Bundle, flights: list[Leg], field: str) -> None:
    known, unknown = risk(champion, flights), risk(champion, flights, **{field: None})
    assert unknown.mean() == pytest.approx(known.mean(), abs=0.04)


SITUATIONS: dict[str, Callable[[Leg], Leg]] = {
    "as it was": lambda leg: leg,
    "nothing but the carrier": lambda leg: Leg(leg.carrier_code, None, None, None, None, Place(), Place()),
    "no weather": lambda leg: replace(leg, weather=()),
    "everything is late": lambda leg: replace(
        leg,
        origin_delay_minutes=300.0,
        carrier_delay_minutes=300.0,
        destination_delay_minutes=300.0,
        origin_block_delay_minutes=300.0,
        destination_block_delay_minutes=300.0,
    ),
    "a hurricane and a standstill": lambda leg: replace(
        leg,
        weather=(Weather(25, 25, 100, 90, 100, 150, 100, 920, 0.1),) * (1 + WEATHER_HOURS),
        origin_delay_minutes=600.0,
    ),
}


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS)
def test_every_answer_is_one_coherent_distribution(
    champion: Bundle, flights: list[Leg], situation: Callable[[Leg], Leg]
) -> None:
    answer = asked(champion, [situation(leg) for leg in flights])
    assert np.isfinite(answer.probabilities).all()
    assert answer.buckets.sum(axis=1) == pytest.approx(1, abs=1e-9)
    assert (answer.buckets >= 0).all()
    # P(late) falls as the threshold rises from 15 to 30, 60 and 120 minutes.
    later = np.cumsum(answer.buckets[:, ::-1], axis=1)[:, 2::-1]
    late = np.column_stack((answer.probability_delayed, later))
    assert late.shape == (FLIGHTS, 4)
    assert (np.diff(late, axis=1) <= 1e-9).all()
    assert (answer.probability_never_arrives <= late[:, -1] + 1e-9).all()
    assert (np.diff(answer.quantiles, axis=1) >= 0).all()
    assert (answer.quantiles > -120).all()
    assert (answer.quantiles < 1000).all()


def test_a_later_quantile_goes_with_a_higher_risk(champion: Bundle, flights: list[Leg]) -> None:
    answer = asked(champion, flights)
    order = np.argsort(answer.probability_delayed)
    least, most = answer.quantiles[order[:40]], answer.quantiles[order[-40:]]
    assert (most.mean(axis=0) > least.mean(axis=0)).all()
