"""Which model is asked for."""

from typing import Any

import pytest

from tests.graphql_api.conftest import Graph


@pytest.mark.parametrize(
    "select",
    ['{version: "model_v1", alias: null}', "{version: null}", "{}", '{version: "model_v1", alias: CHAMPION}'],
)
async def test_a_selector_that_is_not_exactly_one_is_refused_before_anything_is_done(graph: Graph, select: str) -> None:
    code, message = await graph.error(f"{{ model(select: {select}) {{ version }} }}")
    assert (code, "exactly one" in message) == ("GRAPHQL_VALIDATION_FAILED", True)


@pytest.mark.parametrize("select", [{"version": "model_v1", "alias": None}, {"version": None}, {}])
async def test_nor_is_one_in_a_variable(graph: Graph, select: dict[str, Any]) -> None:
    query = "query($select: ModelSelector) { model(select: $select) { version } }"
    (error,) = (await graph.answer(query, {"select": select}))["errors"]
    assert (error["extensions"]["code"], "path" in error) == ("BAD_USER_INPUT", False)
