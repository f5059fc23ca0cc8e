"""Random queries of the service get the same bytes from both executions.

SAMENESS_EXAMPLES says how many; 120 when left out, the same each time.
"""

import os
import re
from collections import Counter
from random import Random
from typing import Any

import orjson
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries

from graphql_api.context import context_for
from graphql_api.encoding import encoded
from graphql_api.errors import RequestError
from graphql_api.execution import Answer, Executor
from graphql_api.schema import build_schema
from graphql_api.settings import Execution
from tests.graphql_api.compiled.mutations import mutated
from tests.graphql_api.conftest import ALL_SCOPES, Graph

EXAMPLES = int(os.environ.get("SAMENESS_EXAMPLES", "120"))
FIELDS = ["airline", "airlines", "airport", "airports", "flight", "flights", "node", "nodes", "flightByKey"]
FIELDS += ["flightStats", "models", "predictDelay", "predictDelays", "aircraft", "model", "flightsByIds"]
INSTANTS = st.sampled_from(["2030-06-01T12:00:00Z", "2030-06-01T05:00:00.5-05:00"])
_ERROR_ID = re.compile(rb"Internal error [0-9a-f]{16}")


async def answered(executor: Executor, graph: Graph, text: str, variables: dict[str, Any]) -> bytes:
    """The body of the response; the id of an internal error is another each time."""
    try:
        operation = executor.prepare(text, None)
        executor.price(operation, variables)
    except RequestError as error:
        return encoded(Answer.refused(error.errors).body)
    answer = await executor.execute(operation, variables, context_for(graph.service, ALL_SCOPES))
    return _ERROR_ID.sub(b"Internal error", encoded(answer.body))


async def test_random_queries_get_the_same_bytes(small_graph: Graph) -> None:
    schema = build_schema()
    fields = [name for name in FIELDS if name in schema._schema.query_type.fields]  # type: ignore[union-attr]
    strategy = queries(schema.as_str(), fields=fields, custom_scalars={"DateTime": INSTANTS.map(nodes.String)})
    tried: list[tuple[str, dict[str, Any]]] = []

    @settings(
        max_examples=EXAMPLES,
        derandomize="SAMENESS_EXAMPLES" not in os.environ,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy, st.integers(0, 2**32))
    def collect(text: str, seed: int) -> None:
        tried.append(mutated(schema._schema, text, Random(seed)))  # noqa: S311  It is to be the same each time.

    collect()
    values = {"cost_max": 10_000_000, "aliases_max": 10_000, "document_tokens_max": 100_000, "directives_max": 10_000}
    own = small_graph.service.settings.model_copy(update=values)
    compiled = Executor(schema, own.model_copy(update={"execution": Execution.COMPILED}))
    plain = Executor(schema, own.model_copy(update={"execution": Execution.PLAIN}))
    became: Counter[str] = Counter()
    for text, variables in tried:
        expected = await answered(plain, small_graph, text, variables)
        for _ in range(2):
            assert await answered(compiled, small_graph, text, variables) == expected, (text, variables)
        body = orjson.loads(expected)
        became["data" if body.get("data") else "null"] += 1
        became["errors"] += "errors" in body
    assert became["data"] > EXAMPLES / 4, became
