"""What a model is told of a flight: given, looked up, merged, unknown.

The champion may read the timetable alone, so these tests ask a model that claims to read everything, keeps what it is
told and answers as the champion does.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from db.queries.operations import Operations
from graphql_api.schema.leg import Lookups
from graphql_api.schema.scalars import parse_datetime
from ml.features import Feature, Group
from ml.runtime import Bundle, Leg, Registry, Weather
from tests.graphql_api.conftest import Graph

INPUT: dict[str, Any] = {
    "carrierCode": "UA",
    "originCode": "EWR",
    "destinationCode": "IAH",
    "scheduledDeparture": "2013-07-01T21:23:00Z",
    "scheduledArrival": "2013-07-02T01:13:00Z",
}
ONE = """query($input: PredictDelayInput!, $model: ModelSelector) { predictDelay(input: $input, model: $model) {
    __typename ... on Problem { message } } }"""
MANY = "query($inputs: [PredictDelayInput!]!) { predictDelays(inputs: $inputs) { __typename } }"
KEY = {name: INPUT[name] for name in ("carrierCode", "originCode", "scheduledDeparture")} | {"flightNumber": 1611}
WHAT_IF = """query($key: FlightKey!, $overrides: PredictDelayOverrides) { flightByKey(key: $key) {
    predictDelay(overrides: $overrides) { __typename } } }"""
EVERYTHING = ("departure_by_key", "operations_by_key", "aircraft_by_key")
OF_MANY = ("weather_hours_by_key", "operations_by_key", "crowding_by_key", "aircraft_by_key")
CODES = ("airlines_by_key", "airports_by_key")


def feature(name: str, group: Group = "SCHEDULE") -> Feature:
    return Feature(name, group, "min", "An input.")


@dataclass
class Spy:
    """The champion, with other inputs than its own to tell of, and a memory of the flights that it was told of."""

    champion: Bundle
    features: tuple[Feature, ...]
    legs: list[Leg] = field(default_factory=list)

    def matrix(self, legs: Sequence[Leg]) -> NDArray[np.float32]:
        self.legs += legs
        return self.champion.matrix(legs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.champion, name)


READS_EVERYTHING = (
    feature("carrier"),
    feature("origin_flights"),
    feature("aircraft_seats"),
    feature("wind_speed_kt", "WEATHER"),
    feature("origin_delay_minutes", "OPERATIONS"),
)


@pytest.fixture
def spy(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spy]:
    champion = graph.service.models.select()
    spy = Spy(champion, READS_EVERYTHING)
    registry = Registry({champion.version: cast("Bundle", spy)}, {}, {"champion": champion.version})
    monkeypatch.setattr(graph.service, "models", registry)
    return spy


async def told(graph: Graph, spy: Spy, **change: Any) -> Leg:
    """What the model is told of an input."""
    spy.legs.clear()
    answer = (await graph.data(ONE, {"input": {**INPUT, **change}}))["predictDelay"]
    assert answer["__typename"] == "DelayPrediction", answer
    (leg,) = spy.legs
    return leg


async def told_of_flight(graph: Graph, spy: Spy, **overrides: Any) -> Leg:
    """What the model is told of the flight of the table that INPUT describes."""
    spy.legs.clear()
    answer = (await graph.data(WHAT_IF, {"key": KEY, "overrides": overrides}))["flightByKey"]["predictDelay"]
    assert answer["__typename"] == "DelayPrediction", answer
    (leg,) = spy.legs
    return leg


def delays(leg: Leg) -> Operations:
    return Operations(*(getattr(leg, name) for name in Operations._fields))


def delayed_by(leg: Leg, known: Operations) -> Leg:
    return replace(leg, **known._asdict())


async def test_what_is_left_out_is_looked_up_in_one_statement_each(graph: Graph, spy: Spy) -> None:
    leg = await told(graph, spy, tailNumber="N14228")
    assert sorted(graph.statements) == sorted((*CODES, *EVERYTHING))
    assert (leg.aircraft_seats, leg.aircraft_year) == (149, 1999)
    assert leg.origin_flights is not None
    assert leg.carrier_flights is not None
    assert leg.origin_flights > leg.carrier_flights > 1
    assert None not in delays(leg)
    assert len(leg.weather) == 13


async def test_the_weather_is_that_of_the_hour_of_departure_and_of_the_hours_before(graph: Graph, spy: Spy) -> None:
    leg = await told(graph, spy)
    query = "query($key: FlightKey!) { flightByKey(key: $key) { weather { temperatureC windSpeedKt pressureHpa } } }"
    observed = (await graph.data(query, {"key": KEY}))["flightByKey"]["weather"]
    now, an_hour_ago = leg.weather[:2]
    assert [now.temperature_c, now.wind_speed_kt, now.pressure_hpa] == list(observed.values())
    earlier = await told(graph, spy, scheduledDeparture="2013-07-01T20:59:59Z")
    assert earlier.weather[0] == an_hour_ago
    assert earlier.weather[:12] == leg.weather[1:]


async def test_a_flight_and_its_description_are_the_same_to_the_model(graph: Graph, spy: Spy) -> None:
    query = "query($key: FlightKey!) { flightByKey(key: $key) { tailNumber scheduledArrival } }"
    described = (await graph.data(query, {"key": KEY}))["flightByKey"]
    assert await told_of_flight(graph, spy) == await told(graph, spy, **described)


async def test_null_in_an_input_is_as_good_as_left_out(graph: Graph, spy: Spy) -> None:
    assert await told(graph, spy, weather=None, operations=None, tailNumber=None) == await told(graph, spy)
    assert await told(graph, spy, weather={}, operations={}) == await told(graph, spy)


async def test_an_aircraft_that_no_table_has_is_unknown_and_no_problem(graph: Graph, spy: Spy) -> None:
    for tail in ("NOWHERE", "", "N\0"):
        assert await told(graph, spy, tailNumber=tail) == await told(graph, spy)


async def test_given_weather_goes_before_that_of_the_hour_field_by_field(graph: Graph, spy: Spy) -> None:
    looked_up = await told(graph, spy)
    given = await told(graph, spy, weather={"windSpeedKt": 50, "pressureHpa": None})
    now = replace(looked_up.weather[0], wind_speed_kt=50.0, pressure_hpa=None)
    assert given == replace(looked_up, weather=(now, *looked_up.weather[1:]))


async def test_given_operations_go_before_what_is_looked_up_field_by_field(graph: Graph, spy: Spy) -> None:
    looked_up = await told(graph, spy)
    given = await told(graph, spy, operations={"originDelayMinutes": 90, "carrierDelayMinutes": None})
    assert given == replace(looked_up, origin_delay_minutes=90.0, carrier_delay_minutes=None)


async def test_where_nothing_is_in_the_tables_only_what_is_given_is_known(graph: Graph, spy: Spy) -> None:
    later = {"scheduledDeparture": "2030-07-01T21:15:00Z", "scheduledArrival": None}
    leg = await told(graph, spy, **later)
    assert (leg.weather, leg.origin_flights, leg.carrier_flights) == ((), None, None)
    assert delays(leg) == Operations()
    given = await told(graph, spy, **later, weather={"windSpeedKt": 50}, operations={"destinationDelayMinutes": 7})
    assert given == replace(leg, weather=(Weather(wind_speed_kt=50.0),), destination_delay_minutes=7.0)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_the_ends_of_the_calendar_have_no_surroundings(graph: Graph, spy: Spy, moment: str) -> None:
    leg = await told(graph, spy, scheduledDeparture=moment, scheduledArrival=None)
    assert (leg.weather, leg.origin_flights, delays(leg)) == ((), None, Operations())


async def test_overrides_merge_weather_and_operations_field_by_field(graph: Graph, spy: Spy) -> None:
    as_it_is = await told_of_flight(graph, spy)
    assert await told_of_flight(graph, spy, weather={}, operations={}) == as_it_is
    changed = await told_of_flight(
        graph, spy, weather={"visibilityKm": 0.5, "windGustKt": None}, operations={"carrierDelayMinutes": 45}
    )
    now = replace(as_it_is.weather[0], visibility_km=0.5, wind_gust_kt=None)
    expected = replace(as_it_is, weather=(now, *as_it_is.weather[1:]), carrier_delay_minutes=45.0)
    assert changed == expected


async def test_null_in_an_override_makes_the_whole_group_unknown(graph: Graph, spy: Spy) -> None:
    as_it_is = await told_of_flight(graph, spy)
    assert as_it_is.aircraft_seats is not None
    assert await told_of_flight(graph, spy, weather=None) == replace(as_it_is, weather=())
    assert await told_of_flight(graph, spy, operations=None) == delayed_by(as_it_is, Operations())
    without_aircraft = replace(as_it_is, aircraft_seats=None, aircraft_year=None)
    assert await told_of_flight(graph, spy, tailNumber=None) == without_aircraft


async def test_what_was_changed_is_looked_up_again(graph: Graph, spy: Spy) -> None:
    as_it_is = await told_of_flight(graph, spy)
    origin = await told_of_flight(graph, spy, originCode="JFK")
    assert origin.weather[0] != as_it_is.weather[0]
    assert origin.origin_flights != as_it_is.origin_flights
    assert origin.origin_delay_minutes != as_it_is.origin_delay_minutes
    assert origin.destination_delay_minutes == as_it_is.destination_delay_minutes
    carrier = await told_of_flight(graph, spy, carrierCode="DL")
    assert carrier.carrier_flights != as_it_is.carrier_flights
    assert carrier == replace(
        as_it_is,
        carrier_code="DL",
        carrier_flights=carrier.carrier_flights,
        carrier_delay_minutes=carrier.carrier_delay_minutes,
    )
    destination = await told_of_flight(graph, spy, destinationCode="LAX")
    assert destination.destination_delay_minutes != as_it_is.destination_delay_minutes
    departure = await told_of_flight(graph, spy, scheduledDeparture="2013-07-01T20:15:00Z")
    assert departure.weather[:12] == as_it_is.weather[1:]
    assert departure.origin_delay_minutes != as_it_is.origin_delay_minutes
    assert (await told_of_flight(graph, spy, tailNumber="N14228")).aircraft_seats == 149


async def test_what_depends_on_something_unknown_is_unknown_and_nothing_else(graph: Graph, spy: Spy) -> None:
    as_it_is = await told_of_flight(graph, spy)
    known = delays(as_it_is)
    assert None not in known
    of_carrier = await told_of_flight(graph, spy, carrierCode=None)
    assert of_carrier == replace(as_it_is, carrier_delay_minutes=None, carrier_code=None, carrier_flights=None)
    to_nowhere = await told_of_flight(graph, spy, destinationCode=None)
    assert delays(to_nowhere) == known._replace(destination_delay_minutes=None, destination_block_delay_minutes=None)
    from_nowhere = await told_of_flight(graph, spy, originCode=None)
    assert delays(from_nowhere) == Operations()._replace(
        destination_delay_minutes=known.destination_delay_minutes,
        destination_block_delay_minutes=known.destination_block_delay_minutes,
    )
    assert (from_nowhere.weather, from_nowhere.origin_flights, from_nowhere.carrier_flights) == ((), None, None)
    at_no_time = await told_of_flight(graph, spy, scheduledDeparture=None)
    assert (at_no_time.weather, at_no_time.origin_flights, delays(at_no_time)) == ((), None, Operations())
    assert at_no_time.aircraft_seats == as_it_is.aircraft_seats


async def test_a_page_of_100_predictions_is_one_run_and_one_statement_for_each_kind(graph: Graph, spy: Spy) -> None:
    """Some of these flights have no tail number, and still go through the model with the others."""
    where = '{ scheduledDeparture: { gte: "2013-02-08T18:00:00Z" }, originCode: { eq: "EWR" } }'
    runs = graph.counted("inference_batch_size_count")
    data = await graph.data(
        f"""{{ flights(first: 100, where: {where}) {{ nodes {{
            tailNumber airline {{ name }} aircraft {{ model }} predictDelay {{ __typename }} }} }} }}"""
    )
    nodes = data["flights"]["nodes"]
    assert {node["predictDelay"]["__typename"] for node in nodes} == {"DelayPrediction"}
    assert len(nodes) == 100
    assert {node["tailNumber"] is None for node in nodes} == {False, True}
    assert graph.counted("inference_batch_size_count") - runs == 1
    assert sorted(graph.statements) == sorted((*CODES, *OF_MANY, "flights_page"))


@pytest.mark.parametrize("slowest", [*CODES, *OF_MANY])
async def test_a_thousand_inputs_are_one_run_whatever_is_known_of_each_and_answered_last(
    graph: Graph, spy: Spy, monkeypatch: pytest.MonkeyPatch, slowest: str
) -> None:
    database = graph.service.database
    rows = database.rows

    async def slow(name: str, statement: Any, values: Any) -> Any:
        found = await rows(name, statement, values)
        await asyncio.sleep(0.3 if name == slowest else 0)
        return found

    monkeypatch.setattr(database, "rows", slow)
    first = parse_datetime("2013-03-01T10:00:00Z")
    inputs = [
        {
            **INPUT,
            "scheduledArrival": None,
            "scheduledDeparture": (first + timedelta(minutes=7 * number)).isoformat(),
            "tailNumber": "N14228" if number % 3 else None,
        }
        for number in range(1000)
    ]
    runs = graph.counted("inference_batch_size_count")
    await graph.data(MANY, {"inputs": inputs})
    assert graph.counted("inference_batch_size_count") - runs == 1
    assert sorted(graph.statements) == sorted((*CODES, *OF_MANY))


@pytest.mark.parametrize(
    ("features", "statements"),
    [
        ((feature("carrier"), feature("duration_minutes")), ()),
        ((feature("carrier"), feature("carrier_flights")), ("crowding_by_key",)),
        ((feature("aircraft_year"),), ("aircraft_by_key",)),
        ((feature("wind_speed_kt", "WEATHER"),), ("weather_hours_by_key",)),
        ((feature("origin_delay_minutes", "OPERATIONS"),), ("operations_by_key",)),
    ],
)
async def test_only_what_the_model_reads_is_looked_up(
    graph: Graph, spy: Spy, features: tuple[Feature, ...], statements: tuple[str, ...]
) -> None:
    spy.features = features
    await told(graph, spy, tailNumber="N14228")
    assert sorted(graph.statements) == sorted((*CODES, *statements))


async def test_the_first_model_needs_nothing_but_the_flight_itself(graph: Graph) -> None:
    assert Lookups.of(graph.service.models.select(version="model_v1")) == Lookups(arrival=True)


async def test_what_is_faulty_or_has_no_model_looks_up_nothing(graph: Graph, spy: Spy) -> None:
    missing = {"version": "model_v99"}
    backwards = {**INPUT, "scheduledArrival": INPUT["scheduledDeparture"]}
    for asked, model, expected in (
        (backwards, None, "InvalidInput"),
        (INPUT, missing, "ModelUnavailable"),
        (backwards, missing, "InvalidInput"),
        ({**INPUT, "carrierCode": "XX"}, missing, "InvalidInput"),
    ):
        answer = (await graph.data(ONE, {"input": asked, "model": model}))["predictDelay"]
        assert answer["__typename"] == expected
        assert sorted(graph.statements) == sorted(CODES)
