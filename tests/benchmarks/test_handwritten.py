"""The yardstick answers what the service answers, or its speed would say nothing."""

import orjson
import pytest

from benchmarks.shapes import NAMES, Shape
from tests.benchmarks.conftest import ByHand
from tests.graphql_api.conftest import Graph


@pytest.mark.parametrize("name", ["point", "page20", "page100", "wide1000", "stats", "predict1"])
async def test_the_handwritten_answer_has_the_bytes_of_the_service_s(
    benchmarked: Graph, by_hand: ByHand, measured_shapes: dict[str, Shape], name: str
) -> None:
    shape = measured_shapes[name]
    assert shape.path is not None
    answers = set()
    for variables in shape.variables[:2]:
        expected = orjson.dumps(await benchmarked.data(shape.document, variables))
        assert await by_hand(shape.path, variables) == expected
        answers.add(expected)
    assert len(answers) == 2, "requests differ, so that nobody is answered from a cache"
    assert b"null" not in expected[:30]


def test_every_shape_has_its_name_and_asks_with_several_sets_of_variables(measured_shapes: dict[str, Shape]) -> None:
    assert tuple(measured_shapes) == NAMES
    assert {name for name, shape in measured_shapes.items() if shape.path is None} == {"predict1000", "board100"}
    assert min(len({*map(orjson.dumps, shape.variables)}) for shape in measured_shapes.values()) >= 3


async def test_without_a_database_a_flight_is_predicted_from_what_is_given(
    by_hand: ByHand, measured_shapes: dict[str, Shape]
) -> None:
    first, second = measured_shapes["predict1"].variables[:2]
    alone = orjson.loads(await by_hand("/predict_alone", first))["predictDelay"]
    looked_up = orjson.loads(await by_hand("/predict", first))["predictDelay"]
    other = orjson.loads(await by_hand("/predict_alone", second))["predictDelay"]
    assert alone.keys() == looked_up.keys()
    assert alone["basis"] == looked_up["basis"] == ["SCHEDULE", "WEATHER", "OPERATIONS"]
    assert len({answer["probabilityDelayed"] for answer in (alone, looked_up, other)}) == 3
