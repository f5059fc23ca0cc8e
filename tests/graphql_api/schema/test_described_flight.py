"""An input that describes a flight of the table: what it leaves out is looked up there, as everything else is."""

from datetime import UTC, datetime
from typing import Any

import pytest

from db.queries.rows import FlightDescription, described_flights
from tests.graphql_api.conftest import Graph

FIELDS = "... on DelayPrediction { probabilityDelayed factors(first: 40) { feature value contribution } }"
ONE = f"""query($input: PredictDelayInput!, $model: ModelSelector) {{
    predictDelay(input: $input, model: $model) {{ {FIELDS} }} }}"""
MANY = f"query($inputs: [PredictDelayInput!]!) {{ predictDelays(inputs: $inputs) {{ {FIELDS} }} }}"
STORED = f"""query($key: FlightKey!, $overrides: PredictDelayOverrides, $model: ModelSelector) {{
    flightByKey(key: $key) {{ tailNumber predictDelay(overrides: $overrides, model: $model) {{ {FIELDS} }} }} }}"""
KEY = {
    "carrierCode": "UA",
    "flightNumber": 1545,
    "originCode": "EWR",
    "scheduledDeparture": "2013-01-01T10:15:00Z",
}
INPUT: dict[str, Any] = {**KEY, "destinationCode": "IAH"}


async def predicted(graph: Graph, model: str = "model_v2", **change: Any) -> dict[str, Any]:
    variables = {"input": {**INPUT, **change}, "model": {"version": model}}
    return dict((await graph.data(ONE, variables))["predictDelay"])


async def stored(graph: Graph, model: str = "model_v2", **overrides: Any) -> dict[str, Any]:
    variables = {"key": KEY, "overrides": overrides, "model": {"version": model}}
    return dict((await graph.data(STORED, variables))["flightByKey"]["predictDelay"])


def values(answer: dict[str, Any]) -> dict[str, str | None]:
    return {factor["feature"]: factor["value"] for factor in answer["factors"]}


@pytest.mark.parametrize("model", ["model_v1", "model_v2"])
async def test_the_key_and_the_destination_are_enough(graph: Graph, model: str) -> None:
    answer = await predicted(graph, model)
    assert answer == await stored(graph, model)
    assert values(answer)["duration_minutes"] == "244 min"


async def test_its_aircraft_is_that_of_the_table_unless_another_is_given(graph: Graph) -> None:
    assert values(await predicted(graph))["aircraft_seats"] == "149 seats"
    assert values(await predicted(graph, tailNumber="N24211"))["aircraft_age"] == "15 years"
    assert values(await predicted(graph, tailNumber="NOWHERE"))["aircraft_seats"] is None
    assert values(await predicted(graph, tailNumber="NOWHERE"))["duration_minutes"] == "244 min"


async def test_what_is_given_goes_before_what_the_table_has(graph: Graph) -> None:
    answer = await predicted(graph, scheduledArrival="2013-01-01T14:29:00Z")
    assert values(answer)["duration_minutes"] == "254 min"
    assert values(answer)["aircraft_seats"] == "149 seats"
    complete = await predicted(graph, scheduledArrival="2013-01-01T14:29:00Z", tailNumber="N14228")
    assert complete == answer
    assert "flights_by_description" in await statements(graph)
    assert "flights_by_description" not in await statements(
        graph, scheduledArrival="2013-01-01T14:29:00Z", tailNumber="N14228"
    )


async def statements(graph: Graph, **change: Any) -> list[str]:
    await predicted(graph, **change)
    return list(graph.statements)


@pytest.mark.parametrize(
    "change",
    [
        {"flightNumber": None},
        {"flightNumber": 9999},
        {"carrierCode": "DL"},
        {"originCode": "JFK"},
        {"destinationCode": "LAX"},
        {"scheduledDeparture": "2013-01-01T10:16:00Z"},
    ],
)
async def test_another_flight_has_another_aircraft(graph: Graph, change: dict[str, Any]) -> None:
    answer = values(await predicted(graph, **change))
    assert (answer["aircraft_seats"], answer["aircraft_age"], answer["duration_minutes"]) == (None, None, None)


async def test_what_an_override_makes_unknown_is_not_looked_up_again(graph: Graph) -> None:
    answer = values(await stored(graph, tailNumber=None, scheduledArrival=None))
    assert (answer["aircraft_seats"], answer["aircraft_age"], answer["duration_minutes"]) == (None, None, None)


async def test_described_and_other_flights_are_answered_in_one_run_and_one_statement_each(graph: Graph) -> None:
    inputs = [INPUT, {**INPUT, "flightNumber": None}, {**INPUT, "flightNumber": 9999}]
    runs = graph.counted("inference_batch_size_count")
    answers = (await graph.data(MANY, {"inputs": inputs}))["predictDelays"]
    assert graph.counted("inference_batch_size_count") - runs == 2, "the predictions and their explanation"
    assert graph.statements.count("flights_by_description") == 1
    assert [values(answer)["aircraft_seats"] for answer in answers] == ["149 seats", None, None]


async def test_a_flight_that_the_table_does_not_have_is_one_of_those_that_leave_with_it(graph: Graph) -> None:
    """As in training, where each flight counts itself."""
    known = values(await predicted(graph))
    unknown = values(await predicted(graph, flightNumber=9999))
    for feature in ("origin_flights", "carrier_flights"):
        number, one_more = (int(str(found[feature]).split()[0]) for found in (known, unknown))
        assert one_more == number + 1


async def test_only_complete_descriptions_are_looked_up(graph: Graph) -> None:
    departure = datetime(2013, 1, 1, 10, 15, tzinfo=UTC)
    whole = FlightDescription("UA", 1545, "EWR", "IAH", departure)
    gaps = [whole._replace(**{name: None}) for name in FlightDescription._fields]
    found = await described_flights(graph.service.database, [whole, *gaps, whole._replace(flight_number=9999)])
    assert list(found) == [whole]
    row = found[whole]
    assert (row.scheduled_arrival, row.seats, row.year) == (datetime(2013, 1, 1, 14, 19, tzinfo=UTC), 149, 1999)
    graph.statements.clear()
    assert await described_flights(graph.service.database, gaps) == {}
    assert graph.statements == []
