"""Predictions: the shape of the answer, its coherence, its batching, and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graphql_api.schema.scalars import parse_datetime
from ml.runtime import Leg, Place
from tests.graphql_api.conftest import Graph

INPUT = {
    "carrierCode": "UA",
    "originCode": "EWR",
    "destinationCode": "IAH",
    "scheduledDeparture": "2013-07-01T21:15:00Z",
    "scheduledArrival": "2013-07-02T01:19:00Z",
}
FIELDS = """__typename
    ... on DelayPrediction {
        probabilityDelayed probabilityNeverArrives delayMinutes { p10 p50 p90 } buckets { bucket probability } basis
        model { version aliases }
    }
    ... on Problem { message }
    ... on InvalidInput { problems { path message } }"""
ONE = f"""query($input: PredictDelayInput!, $model: ModelSelector) {{
    predictDelay(input: $input, model: $model) {{ {FIELDS} }} }}"""
MANY = f"query($inputs: [PredictDelayInput!]!) {{ predictDelays(inputs: $inputs) {{ {FIELDS} }} }}"
FACTORS = """query($input: PredictDelayInput!, $first: Int) { predictDelay(input: $input) { ... on DelayPrediction {
    probabilityDelayed factors(first: $first) { feature value contribution } } } }"""


async def predicted(graph: Graph, **change: Any) -> dict[str, Any]:
    return dict((await graph.data(ONE, {"input": {**INPUT, **change}}))["predictDelay"])


async def problems(graph: Graph, **change: Any) -> dict[str, str]:
    answer = await predicted(graph, **change)
    assert answer["__typename"] == "InvalidInput", answer
    assert answer["problems"][0]["message"] in answer["message"]
    return {".".join(problem["path"]): problem["message"] for problem in answer["problems"]}


async def test_a_prediction_is_one_coherent_distribution(graph: Graph) -> None:
    answer = await predicted(graph)
    assert answer["__typename"] == "DelayPrediction"
    assert answer["basis"] == ["SCHEDULE", "WEATHER", "OPERATIONS"]
    assert answer["model"] == {"version": "model_v2", "aliases": ["CHAMPION"]}
    names = [bucket["bucket"] for bucket in answer["buckets"]]
    assert names == ["UNDER_30", "FROM_30_TO_60", "FROM_60_TO_120", "OVER_120_OR_NEVER_ARRIVED"]
    shares = [bucket["probability"] for bucket in answer["buckets"]]
    assert sum(shares) == pytest.approx(1, abs=1e-9)
    late_by_30 = sum(shares[1:])
    assert late_by_30 < answer["probabilityDelayed"] < 1
    assert 0 < answer["probabilityNeverArrives"] < shares[3]
    quantiles = answer["delayMinutes"]
    assert quantiles["p10"] < quantiles["p50"] < quantiles["p90"]


async def test_an_evening_flight_is_riskier_than_the_first_of_the_day(graph: Graph) -> None:
    evening = await predicted(graph)
    morning = await predicted(graph, scheduledDeparture="2013-07-01T10:15:00Z", scheduledArrival="2013-07-01T14:19:00Z")
    assert evening["probabilityDelayed"] > 1.5 * morning["probabilityDelayed"]


async def test_a_flight_and_its_description_get_the_same_answer(graph: Graph) -> None:
    query = f"""{{ flight(id: "RmxpZ2h0OjE=") {{
        carrierCode originCode destinationCode scheduledDeparture scheduledArrival tailNumber
        predictDelay {{ {FIELDS} }} }} }}"""
    flight = (await graph.data(query))["flight"]
    answer = flight.pop("predictDelay")
    assert answer["__typename"] == "DelayPrediction"
    assert await predicted(graph, **flight) == answer


LOOKED_UP = ["crowding_by_key", "operations_by_key", "weather_hours_by_key"]


async def test_a_page_of_100_predictions_is_one_model_run_and_seven_statements(graph: Graph) -> None:
    query = f"""{{ flights(first: 100, where: {{ originCode: {{ eq: "EWR" }} }}) {{ nodes {{
        airline {{ name }} aircraft {{ model }} predictDelay {{ {FIELDS} }} }} }} }}"""
    runs = graph.counted("inference_batch_size_count")
    rows = graph.counted("inference_batch_size_sum")
    nodes = (await graph.data(query))["flights"]["nodes"]
    assert {node["predictDelay"]["__typename"] for node in nodes} == {"DelayPrediction"}
    assert len(nodes) == 100
    assert graph.counted("inference_batch_size_count") - runs == 1
    assert 90 < graph.counted("inference_batch_size_sum") - rows <= 100
    read = ["aircraft_by_key", "airlines_by_key", "airports_by_key", "flights_page"]
    assert sorted(graph.statements) == sorted((*read, *LOOKED_UP))


async def test_many_inputs_are_answered_in_order_with_one_run(graph: Graph) -> None:
    inputs: list[dict[str, Any]] = [{**INPUT, "destinationCode": code} for code in ("IAH", "LAX", "BOS", "IAH")]
    alone = [await predicted(graph, **each) for each in inputs]
    runs = graph.counted("inference_batch_size_count")
    assert (await graph.data(MANY, {"inputs": inputs}))["predictDelays"] == alone
    assert graph.counted("inference_batch_size_count") - runs == 1
    assert sorted(graph.statements) == sorted(["airlines_by_key", "airports_by_key", *LOOKED_UP])


async def test_aliases_of_one_field_share_the_run(graph: Graph) -> None:
    body = ", ".join(f'{name}: "{value}"' for name, value in INPUT.items())
    runs = graph.counted("inference_batch_size_count")
    query = " ".join(f"a{index}: predictDelay(input: {{ {body} }}) {{ __typename }}" for index in range(5))
    await graph.data(f"{{ {query} }}")
    assert graph.counted("inference_batch_size_count") - runs == 1


def distinct(number: int) -> list[dict[str, Any]]:
    first = datetime(2013, 1, 1, 10, tzinfo=UTC)
    departures = (first + timedelta(minutes=7 * index) for index in range(number))
    return [{**INPUT, "scheduledArrival": None, "scheduledDeparture": at.isoformat()} for at in departures]


async def test_a_thousand_inputs_are_allowed_and_one_more_is_not(graph: Graph) -> None:
    rows = graph.counted("inference_batch_size_sum")
    answers = (await graph.data(MANY, {"inputs": distinct(1000)}))["predictDelays"]
    assert {answer["__typename"] for answer in answers} == {"DelayPrediction"}
    assert graph.counted("inference_batch_size_sum") - rows == 1000
    code, message = await graph.error(MANY, {"inputs": [INPUT] * 1001})
    assert (code, "1001 is more than the 1000 flights" in message) == ("LIMIT_EXCEEDED", True)
    assert await graph.data(MANY, {"inputs": []}) == {"predictDelays": []}


async def test_a_wave_above_the_batch_bound_is_split_and_answers_the_same(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = distinct(25)
    whole = await graph.data(MANY, {"inputs": inputs})
    monkeypatch.setattr(graph.service.inference, "batch_max", 10)
    runs = graph.counted("inference_batch_size_count")
    assert await graph.data(MANY, {"inputs": inputs}) == whole
    assert graph.counted("inference_batch_size_count") - runs == 3


async def test_what_is_invalid_is_named_with_its_path_and_does_not_spoil_the_others(graph: Graph) -> None:
    inputs = [INPUT, {**INPUT, "carrierCode": "XX", "destinationCode": "???"}]
    good, bad = (await graph.data(MANY, {"inputs": inputs}))["predictDelays"]
    assert good["__typename"] == "DelayPrediction"
    assert [problem["path"] for problem in bad["problems"]] == [
        ["inputs", "1", "carrierCode"],
        ["inputs", "1", "destinationCode"],
    ]


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"carrierCode": "XX"}, "input.carrierCode", "No airline has the code 'XX'"),
        ({"carrierCode": "U\0"}, "input.carrierCode", "No airline has the code"),
        ({"originCode": "ewr"}, "input.originCode", "No airport has the code 'ewr'"),
        ({"destinationCode": ""}, "input.destinationCode", "No airport has the code ''"),
        ({"scheduledArrival": INPUT["scheduledDeparture"]}, "input.scheduledArrival", "must be after the departure"),
        ({"scheduledArrival": "2013-07-03T21:16:00Z"}, "input.scheduledArrival", "more than 24 hours"),
        ({"weather": {"pressureHpa": 3}}, "input.weather.pressureHpa", "3 is not between 850 and 1100"),
        ({"originCode": "IAH"}, "input.destinationCode", "another airport"),
        ({"flightNumber": 0}, "input.flightNumber", "0 is not positive"),
        ({"operations": {"originDelayMinutes": 1e9}}, "input.operations.originDelayMinutes", "not between"),
        ({"weather": {"windSpeedKt": -1}}, "input.weather.windSpeedKt", "-1 is not between 0 and 150"),
    ],
)
async def test_an_input_that_cannot_be_is_a_typed_problem(
    graph: Graph, change: dict[str, Any], path: str, words: str
) -> None:
    found = await problems(graph, **change)
    assert list(found) == [path]
    assert words in found[path]


async def test_an_arrival_that_is_left_out_is_unknown_not_an_error(graph: Graph) -> None:
    assert (await predicted(graph, scheduledArrival=None))["__typename"] == "DelayPrediction"


async def test_a_model_that_is_not_there_is_a_typed_problem(graph: Graph) -> None:
    answer = (await graph.data(ONE, {"input": INPUT, "model": {"version": "model_v99"}}))["predictDelay"]
    assert answer["__typename"] == "ModelUnavailable"
    assert "There is no model model_v99" in answer["message"]


async def test_a_selector_names_exactly_one_model(graph: Graph) -> None:
    empty = (await graph.data(ONE, {"input": INPUT, "model": {"version": ""}}))["predictDelay"]
    assert empty["__typename"] == "ModelUnavailable"
    for selector in ({}, {"version": "model_v2", "alias": "CHAMPION"}, {"version": None}):
        assert (await graph.error(ONE, {"input": INPUT, "model": selector}))[0] == "BAD_USER_INPUT"
    assert (await graph.data(ONE, {"input": INPUT, "model": {"version": "model_v2"}}))[
        "predictDelay"
    ] == await predicted(graph)


async def test_factors_are_differences_of_predictions_largest_first_in_one_more_run(graph: Graph) -> None:
    runs = graph.counted("inference_batch_size_count")
    answer = (await graph.data(FACTORS, {"input": INPUT, "first": 100}))["predictDelay"]
    assert graph.counted("inference_batch_size_count") - runs == 2, "the prediction and its explanation"
    found = answer["factors"]
    amounts = [abs(factor["contribution"]) for factor in found]
    assert amounts == sorted(amounts, reverse=True)
    assert amounts[0] > 0
    bundle = graph.service.models.select()
    assert {factor["feature"] for factor in found} == {feature.name for feature in bundle.features}
    assert {factor["feature"]: factor["value"] for factor in found}["carrier"] == "UA"
    assert (await graph.data(FACTORS, {"input": INPUT}))["predictDelay"]["factors"] == found[:5]
    assert (await graph.data(FACTORS, {"input": INPUT, "first": 0}))["predictDelay"]["factors"] == []
    assert (await graph.error(FACTORS, {"input": INPUT, "first": -1}))[0] == "BAD_USER_INPUT"


async def test_an_unknown_input_contributes_nothing(graph: Graph) -> None:
    answer = (await graph.data(FACTORS, {"input": {**INPUT, "scheduledArrival": None}, "first": 100}))["predictDelay"]
    unknown = {factor["feature"]: factor["contribution"] for factor in answer["factors"] if factor["value"] is None}
    assert {"arrival_minute", "duration_minutes", "aircraft_seats"} <= set(unknown)
    assert set(unknown.values()) == {0}


async def test_a_contribution_is_the_difference_to_the_prediction_without_that_input(graph: Graph) -> None:
    """An airline that the model never saw is the same to it as no airline. Asked of the model that looks nothing up."""
    query = """query($input: PredictDelayInput!) {
        predictDelay(input: $input, model: { version: "model_v1" }) { ... on DelayPrediction {
        probabilityDelayed factors(first: 100) { feature contribution } } } }"""
    answer = (await graph.data(query, {"input": INPUT}))["predictDelay"]
    carrier = {factor["feature"]: factor["contribution"] for factor in answer["factors"]}["carrier"]
    (without,) = await _without_carrier(graph)
    assert answer["probabilityDelayed"] - without == pytest.approx(carrier, abs=1e-7)


async def _without_carrier(graph: Graph) -> list[float]:
    bundle = graph.service.models.select(version="model_v1")
    airports = await graph.data('{ airports(codes: ["EWR", "IAH"]) { latitude longitude timezone } }')
    newark, houston = (Place(**airport) for airport in airports["airports"])
    departure, arrival = (parse_datetime(INPUT[name]) for name in ("scheduledDeparture", "scheduledArrival"))
    leg = Leg("??", "EWR", "IAH", departure, arrival, newark, houston)
    delayed: list[float] = bundle.run(bundle.matrix([leg])).probability_delayed.tolist()
    return delayed


WHAT_IF = f"""query($overrides: PredictDelayOverrides) {{ flight(id: "RmxpZ2h0OjE=") {{
    predictDelay(overrides: $overrides) {{ {FIELDS} }} }} }}"""


async def what_if(graph: Graph, overrides: dict[str, Any] | None) -> dict[str, Any]:
    return dict((await graph.data(WHAT_IF, {"overrides": overrides}))["flight"]["predictDelay"])


async def test_overrides_replace_what_they_name_and_nothing_else(graph: Graph) -> None:
    as_it_is = await what_if(graph, None)
    assert await what_if(graph, {}) == as_it_is
    later = await what_if(
        graph, {"scheduledDeparture": "2013-01-01T22:15:00Z", "scheduledArrival": "2013-01-02T02:19:00Z"}
    )
    assert later["probabilityDelayed"] > as_it_is["probabilityDelayed"]


async def test_an_arrival_that_was_kept_is_said_to_be_kept(graph: Graph) -> None:
    answer = await what_if(graph, {"scheduledDeparture": "2013-01-02T10:15:00Z"})
    assert answer["problems"][0]["path"] == ["overrides", "scheduledArrival"]
    assert "The flight's own arrival was kept" in answer["message"]


async def test_null_in_an_override_makes_unknown(graph: Graph) -> None:
    as_it_is = await what_if(graph, None)
    for field in ("carrierCode", "originCode", "destinationCode", "scheduledDeparture", "scheduledArrival"):
        unknown = await what_if(graph, {field: None})
        assert unknown["__typename"] == "DelayPrediction"
        assert unknown["probabilityDelayed"] != as_it_is["probabilityDelayed"]


async def test_a_faulty_override_is_named(graph: Graph) -> None:
    answer = await what_if(graph, {"carrierCode": "XX", "scheduledArrival": "2012-01-01T00:00:00Z"})
    assert [problem["path"] for problem in answer["problems"]] == [
        ["overrides", "scheduledArrival"],
        ["overrides", "carrierCode"],
    ]


async def test_models_describe_what_was_loaded(graph: Graph) -> None:
    query = """{ models { version aliases trainedAt trainingRows sha256 features { name group dtype }
        metrics { name basis value } } model(select: { version: "none" }) { version } champion: model { version } }"""
    data = await graph.data(query)
    assert data["model"] is None
    assert data["champion"] == {"version": "model_v2"}
    first, second = data["models"]
    assert (first["version"], first["aliases"]) == ("model_v1", ["CHALLENGER"])
    assert (second["version"], second["aliases"]) == ("model_v2", ["CHAMPION"])
    for model in (first, second):
        assert model["trainingRows"] == 336_776
        assert len(model["sha256"]) == 64
    assert {feature["group"] for feature in first["features"]} == {"SCHEDULE"}
    assert {feature["group"] for feature in second["features"]} == {"SCHEDULE", "WEATHER", "OPERATIONS"}
    auc = {metric["basis"]: metric["value"] for metric in second["metrics"] if metric["name"] == "mean_auc"}
    assert 0.6 < auc["SCHEDULE"] < auc["WEATHER"] < auc["OPERATIONS"]


SITUATIONS = f"""query(
    $id: ID!, $calm: PredictDelayOverrides, $storm: PredictDelayOverrides, $jam: PredictDelayOverrides
) {{
    flight(id: $id) {{
        asItIs: predictDelay {{ {FIELDS} }}
        calm: predictDelay(overrides: $calm) {{ {FIELDS} }}
        storm: predictDelay(overrides: $storm) {{ {FIELDS} }}
        jam: predictDelay(overrides: $jam) {{ {FIELDS} }}
    }} }}"""


async def test_a_storm_and_a_jammed_airport_are_riskier_in_one_run(graph: Graph) -> None:
    still = {"precipitationMm": 0, "windGustKt": None, "windSpeedKt": 5, "visibilityKm": 16}
    variables = {
        "id": "RmxpZ2h0OjE=",
        "calm": {"weather": still},
        "storm": {"weather": {"precipitationMm": 12, "windGustKt": 45, "windSpeedKt": 30, "visibilityKm": 1.5}},
        "jam": {"operations": {"originDelayMinutes": 90, "carrierDelayMinutes": 90, "destinationDelayMinutes": 90}},
    }
    runs = graph.counted("inference_batch_size_count")
    answers = (await graph.data(SITUATIONS, variables))["flight"]
    assert graph.counted("inference_batch_size_count") - runs == 1
    risk = {name: answer["probabilityDelayed"] for name, answer in answers.items()}
    assert risk["storm"] > 1.5 * risk["calm"]
    assert risk["jam"] > 1.5 * risk["asItIs"]
    assert answers["storm"]["basis"] == ["SCHEDULE", "WEATHER"], "no flight was scheduled before the year's first"
    assert answers["jam"]["basis"] == ["SCHEDULE", "WEATHER", "OPERATIONS"]


async def test_the_basis_shrinks_to_what_the_tables_know(graph: Graph) -> None:
    known = (await graph.data(ONE, {"input": INPUT}))["predictDelay"]
    assert known["basis"] == ["SCHEDULE", "WEATHER", "OPERATIONS"]
    later = {"scheduledDeparture": "2027-07-01T21:15:00Z", "scheduledArrival": "2027-07-02T01:19:00Z"}
    unknown = (await graph.data(ONE, {"input": {**INPUT, **later}}))["predictDelay"]
    assert unknown["basis"] == ["SCHEDULE"]
