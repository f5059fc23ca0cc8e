"""What cannot be asked of the model, and what can although it looks odd: a typed problem, or an answer with its basis.

What cannot be written in GraphQL is an error with a code; what can be written and cannot be is InvalidInput with the
path of each fault; what can be is answered, and `basis` and the factors' values say what was known.
"""

import math
from collections.abc import AsyncIterator
from dataclasses import fields
from typing import Any

import httpx2
import pytest
from sqlalchemy import insert
from strawberry.utils.str_converters import to_camel_case

from db.plausible import OPERATIONS_RANGE, WEATHER_RANGES
from db.tables import Airline
from graphql_api.app import open_service
from graphql_api.execution import Executor
from graphql_api.schema import build_schema
from graphql_api.schema.prediction_inputs import OperationsInput, WeatherInput
from tests.graphql_api.conftest import Graph, settings_for

INPUT: dict[str, Any] = {
    "carrierCode": "UA",
    "originCode": "EWR",
    "destinationCode": "IAH",
    "scheduledDeparture": "2013-07-01T21:15:00Z",
    "scheduledArrival": "2013-07-02T01:19:00Z",
}
FIELDS = """__typename ... on Problem { message } ... on InvalidInput { problems { path message } }
    ... on DelayPrediction { probabilityDelayed probabilityNeverArrives delayMinutes { p10 p50 p90 }
        buckets { probability } basis factors(first: 40) { feature value contribution } }"""
ONE = f"query($input: PredictDelayInput!) {{ answer: predictDelay(input: $input) {{ {FIELDS} }} }}"
WHAT_IF = f"""query($overrides: PredictDelayOverrides) {{ flight(id: "RmxpZ2h0OjE=") {{
    answer: predictDelay(overrides: $overrides) {{ {FIELDS} }} }} }}"""
LITERAL = """{ answer: predictDelay(input: { carrierCode: "UA", originCode: "EWR", destinationCode: "IAH",
    scheduledDeparture: %s, weather: { windSpeedKt: %s } }) { __typename ... on Problem { message } } }"""
NOON = '"2013-07-01T12:00:00Z"'


async def asked(graph: Graph, **change: Any) -> dict[str, Any]:
    return dict((await graph.data(ONE, {"input": {**INPUT, **change}}))["answer"])


async def what_if(graph: Graph, **overrides: Any) -> dict[str, Any]:
    return dict((await graph.data(WHAT_IF, {"overrides": overrides}))["flight"]["answer"])


def faults(answer: dict[str, Any]) -> dict[str, str]:
    assert answer["__typename"] == "InvalidInput", answer
    return {".".join(problem["path"]): problem["message"] for problem in answer["problems"]}


def sound(answer: dict[str, Any]) -> dict[str, Any]:
    """A prediction, every number of which makes sense."""
    assert answer["__typename"] == "DelayPrediction", answer
    shares = [bucket["probability"] for bucket in answer["buckets"]]
    quantiles = answer["delayMinutes"]
    assert sum(shares) == pytest.approx(1, abs=1e-9)
    assert all(0 <= share <= 1 for share in (*shares, answer["probabilityDelayed"], answer["probabilityNeverArrives"]))
    assert -120 < quantiles["p10"] <= quantiles["p50"] <= quantiles["p90"] < 1000
    assert all(math.isfinite(factor["contribution"]) for factor in answer["factors"])
    return answer


def values(answer: dict[str, Any]) -> dict[str, str | None]:
    return {factor["feature"]: factor["value"] for factor in sound(answer)["factors"]}


# --- Numbers that are none -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 10**400, "5", True])
async def test_a_variable_that_is_no_finite_number_is_refused(graph: Graph, number: object) -> None:
    for query, variables in (
        (ONE, {"input": {**INPUT, "weather": {"windSpeedKt": number}}}),
        (ONE, {"input": {**INPUT, "operations": {"originDelayMinutes": number}}}),
        (WHAT_IF, {"overrides": {"weather": {"windSpeedKt": number}}}),
    ):
        code, message = await graph.error(query, variables)
        assert code == "BAD_USER_INPUT"
        assert "Float cannot represent non numeric value" in message


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400])
async def test_a_literal_beyond_every_number_is_out_of_range(graph: Graph, number: str) -> None:
    answer = (await graph.data(LITERAL % (NOON, number)))["answer"]
    assert answer["__typename"] == "InvalidInput"
    assert "inf is not between 0 and 150" in answer["message"]


async def test_a_literal_that_is_no_number_is_no_document(graph: Graph) -> None:
    for number in ("NaN", "Infinity", '"5"', "true"):
        assert (await graph.error(LITERAL % (NOON, number)))[0] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_a_number_that_json_does_not_have_is_no_json(client: httpx2.AsyncClient, number: str) -> None:
    body = f'{{"query": "query($x: Float) {{ airlines {{ code }} }}", "variables": {{"x": {number}}}}}'
    response = await client.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert "The body is not JSON" in error["message"]


# --- Weather and operations that cannot be ---------------------------------------------------------------------------


ABSURD = {
    "temperatureC": (-300, 61),
    "dewPointC": (-101, 100),
    "relativeHumidityPct": (-1, 400),
    "windDirectionDeg": (-1, 361),
    "windSpeedKt": (-0.001, 1048),
    "windGustKt": (-5, 201),
    "precipitationMm": (-1, 311),
    "pressureHpa": (3, 1e300),
    "visibilityKm": (-1e-300, 501),
}


def names_of(group: Any) -> list[str]:
    return [field.name for field in fields(group)]


def test_every_reading_has_a_range_and_an_absurd_value_here() -> None:
    readings = names_of(WeatherInput)
    assert list(WEATHER_RANGES) == readings
    assert list(ABSURD) == [to_camel_case(name) for name in readings]


@pytest.mark.parametrize(("reading", "value"), [(name, value) for name, pair in ABSURD.items() for value in pair])
async def test_weather_that_no_place_on_earth_has_is_a_typed_problem(graph: Graph, reading: str, value: float) -> None:
    assert list(faults(await asked(graph, weather={reading: value}))) == [f"input.weather.{reading}"]
    assert list(faults(await what_if(graph, weather={reading: value}))) == [f"overrides.weather.{reading}"]


async def test_every_absurd_reading_is_named_at_once(graph: Graph) -> None:
    found = faults(await asked(graph, weather={name: low for name, (low, _) in ABSURD.items()}))
    assert list(found) == [f"input.weather.{name}" for name in ABSURD]


@pytest.mark.parametrize("end", [0, 1])
async def test_weather_at_the_ends_of_what_can_be_is_answered(graph: Graph, end: int) -> None:
    extreme = {to_camel_case(name): ends[end] for name, ends in WEATHER_RANGES.items()}
    assert sound(await asked(graph, weather=extreme))["basis"] == ["SCHEDULE", "WEATHER", "OPERATIONS"]
    sound(await what_if(graph, weather=extreme))


@pytest.mark.parametrize("end", [0, 1])
async def test_delays_beyond_days_are_a_typed_problem_and_at_their_ends_are_answered(graph: Graph, end: int) -> None:
    names = [to_camel_case(name) for name in names_of(OperationsInput)]
    for name in names:
        beyond = {name: OPERATIONS_RANGE[end] + (-1, 1)[end]}
        assert list(faults(await asked(graph, operations=beyond))) == [f"input.operations.{name}"]
        assert list(faults(await what_if(graph, operations=beyond))) == [f"overrides.operations.{name}"]
    sound(await asked(graph, operations=dict.fromkeys(names, OPERATIONS_RANGE[end])))


# --- Instants --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "moment", ["2013-07-01T21:15:00", "2013-07-01", "21:15", "", "tomorrow", "2013-02-30T10:00:00Z", "1e9"]
)
async def test_an_instant_without_an_offset_or_a_day_is_refused(graph: Graph, moment: str) -> None:
    for name in ("scheduledDeparture", "scheduledArrival"):
        code, message = await graph.error(ONE, {"input": {**INPUT, name: moment}})
        assert (code, "DateTime" in message) == ("BAD_USER_INPUT", True)
        assert (await graph.error(WHAT_IF, {"overrides": {name: moment}}))[0] == "BAD_USER_INPUT"
    assert (await graph.error(LITERAL % (f'"{moment}"', 5)))[0] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize("moment", [0, 1372713300, 13.5, True])
async def test_a_number_is_no_instant(graph: Graph, moment: object) -> None:
    assert (await graph.error(ONE, {"input": {**INPUT, "scheduledDeparture": moment}}))[0] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("arrival", "words"),
    [
        ("2013-07-01T21:15:00Z", "must be after the departure"),
        ("2013-07-01T21:14:59Z", "must be after the departure"),
        ("1913-07-02T01:19:00Z", "must be after the departure"),
        ("2013-07-03T13:15:00Z", "more than 24 hours after the departure"),
        ("2013-07-02T21:15:01Z", "more than 24 hours after the departure"),
    ],
)
async def test_an_arrival_that_does_not_follow_its_departure_is_a_typed_problem(
    graph: Graph, arrival: str, words: str
) -> None:
    found = faults(await asked(graph, scheduledArrival=arrival))
    assert list(found) == ["input.scheduledArrival"]
    assert words in found["input.scheduledArrival"]
    changed = await what_if(graph, scheduledDeparture=INPUT["scheduledDeparture"], scheduledArrival=arrival)
    assert words in faults(changed)["overrides.scheduledArrival"]


async def test_a_flight_of_a_day_is_the_longest_that_is_answered(graph: Graph) -> None:
    sound(await asked(graph, scheduledArrival="2013-07-02T21:15:00Z"))


@pytest.mark.parametrize("year", [1900, 2090])
async def test_far_from_the_training_window_the_schedule_alone_is_known(graph: Graph, year: int) -> None:
    """The model does not read the year; what it cannot know of another age is unknown, and basis says so."""
    moments = {"scheduledDeparture": f"{year}-07-01T21:15:00Z", "scheduledArrival": f"{year}-07-02T01:19:00Z"}
    for answer in (await asked(graph, **moments), await what_if(graph, **moments)):
        assert sound(answer)["basis"] == ["SCHEDULE"]
        assert values(answer)["origin_flights"] is None
        assert values(answer)["duration_minutes"] == "244 min"
    for weather in ({"windSpeedKt": 40}, {"visibilityKm": 1}):
        assert sound(await asked(graph, **moments, weather=weather))["basis"] == ["SCHEDULE", "WEATHER"]


async def test_an_aircraft_that_was_not_built_yet_has_no_age(graph: Graph) -> None:
    moments = {"scheduledDeparture": "1990-07-01T21:15:00Z", "scheduledArrival": "1990-07-02T01:19:00Z"}
    answer = values(await asked(graph, **moments, tailNumber="N14228"))
    assert (answer["aircraft_age"], answer["aircraft_seats"]) == (None, "149 seats")
    assert values(await asked(graph, tailNumber="N14228"))["aircraft_age"] == "14 years"


# --- Codes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["XX", "ua", "", " UA", "UA\0", "\ud800", "U" * 10_000, "'; --"])
async def test_a_code_that_is_in_no_table_is_a_typed_problem(graph: Graph, code: str) -> None:
    for name in ("carrierCode", "originCode", "destinationCode"):
        found = faults(await asked(graph, **{name: code}))
        assert list(found) == [f"input.{name}"]
        assert len(found[f"input.{name}"]) < 200
        assert list(faults(await what_if(graph, **{name: code}))) == [f"overrides.{name}"]


async def test_a_flight_to_where_it_leaves_from_is_a_typed_problem(graph: Graph) -> None:
    for answer in (await asked(graph, destinationCode="EWR"), await what_if(graph, destinationCode="EWR")):
        (message,) = faults(answer).values()
        assert "another airport" in message
    assert "another airport" in (await what_if(graph, originCode="IAH"))["message"]


async def test_an_aircraft_that_is_in_no_table_is_unknown(graph: Graph) -> None:
    without = await asked(graph)
    for tail in ("NOPE", "", "N\0", "\ud800", "N" * 10_000):
        assert sound(await asked(graph, tailNumber=tail)) == without
        assert values(await what_if(graph, tailNumber=tail))["aircraft_seats"] is None


async def test_an_airport_that_training_has_not_seen_is_the_average_airport(graph: Graph) -> None:
    assert "FAI" not in graph.service.models.select().positions["destination"]
    answer = await asked(graph, destinationCode="FAI", scheduledArrival="2013-07-02T04:19:00Z")
    factor = {factor["feature"]: factor for factor in sound(answer)["factors"]}["destination"]
    assert (factor["value"], factor["contribution"]) == ("FAI", 0)
    assert "FAI" not in graph.service.models.select().positions["origin"]
    assert values(await asked(graph, originCode="FAI", destinationCode="ABQ"))["origin"] == "FAI"


@pytest.fixture
async def wider(copy_url: str) -> AsyncIterator[Graph]:
    """A service whose tables have an airline that no flight was ever of."""
    settings = settings_for(copy_url)
    async with open_service(settings) as service:
        async with service.database.transaction() as connection:
            await connection.execute(insert(Airline).values(code="ZZ", name="Newcomer"))
        yield Graph(service, Executor(build_schema(), settings))


async def test_an_airline_that_training_has_not_seen_is_the_average_airline(wider: Graph) -> None:
    answer = await asked(wider, carrierCode="ZZ")
    factor = {factor["feature"]: factor for factor in sound(answer)["factors"]}["carrier"]
    assert (factor["value"], factor["contribution"]) == ("ZZ", 0)
    assert values(answer)["carrier_flights"] == "1 flights", "its own"
    sound(await what_if(wider, carrierCode="ZZ"))


@pytest.mark.parametrize("number", [0, -1, -(2**31)])
async def test_a_flight_number_is_positive(graph: Graph, number: int) -> None:
    assert list(faults(await asked(graph, flightNumber=number))) == ["input.flightNumber"]


@pytest.mark.parametrize("number", [2**31, 1.5, "1545", True])
async def test_a_flight_number_is_a_number(graph: Graph, number: object) -> None:
    assert (await graph.error(ONE, {"input": {**INPUT, "flightNumber": number}}))[0] == "BAD_USER_INPUT"


async def test_everything_wrong_at_once_is_named_at_once(graph: Graph) -> None:
    answer = await asked(
        graph,
        carrierCode="XX",
        destinationCode="EWR",
        flightNumber=0,
        scheduledArrival="2013-07-01T21:15:00Z",
        weather={"pressureHpa": 3},
        operations={"carrierDelayMinutes": 1e9},
    )
    assert list(faults(answer)) == [
        "input.destinationCode",
        "input.flightNumber",
        "input.scheduledArrival",
        "input.weather.pressureHpa",
        "input.operations.carrierDelayMinutes",
        "input.carrierCode",
    ]
    assert "(and 5 more)" in answer["message"]
