"""From the parameters of a request to what is answered, the same on every transport."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from graphql import GraphQLError, OperationType
from pydantic import BaseModel, ConfigDict

from graphql_api.context import Context
from graphql_api.errors import Code
from graphql_api.execution import Answer, Answers, Executor, RequestError
from graphql_api.metrics import Metrics


class GraphQLRequest(BaseModel):
    """The parameters of a GraphQL request."""

    model_config = ConfigDict(strict=True, extra="ignore")

    query: str
    variables: dict[str, Any] | None = None
    operationName: str | None = None  # noqa: N815 — the name on the wire.


class Asked(NamedTuple):
    """What was asked, as far as it is known, and the answer, or the answers as they come."""

    operation_type: str
    operation_name: str | None
    result: Answer | Answers

    @property
    def outcome(self) -> str:
        """How it went, in a word; of a subscription, how it began."""
        return self.result.outcome if isinstance(self.result, Answer) else "success"


async def ask(
    executor: Executor,
    parameters: GraphQLRequest,
    new_context: Callable[[], Context],
    metrics: Metrics,
    *,
    streaming: bool,
) -> Asked:
    """Answer a request, and count it. A subscription begins only where there is `streaming`, and is then to be closed.

    `new_context` makes the context of a request, or of one event of a subscription.
    """
    started = time.perf_counter()
    kind, name = "unknown", None
    result: Answer | Answers
    try:
        operation = executor.prepare(parameters.query, parameters.operationName or None)
        kind, name = operation.type.value, operation.name
        variables = parameters.variables or {}
        if operation.type is not OperationType.SUBSCRIPTION:
            result = await executor.execute(operation, variables, new_context())
        elif streaming:
            result = await executor.subscribe(operation, variables, new_context)
        else:
            raise _not_here()
    except RequestError as error:
        result = Answer.refused(error.errors)
    asked = Asked(kind, name, result)
    metrics.request(kind, name, asked.outcome, time.perf_counter() - started)
    return asked


def _not_here() -> RequestError:
    message = (
        "A subscription has more than one answer: send it with Accept: text/event-stream, or over a WebSocket with the "
        "sub-protocol graphql-transport-ws."
    )
    return RequestError(Code.BAD_USER_INPUT, GraphQLError(message))
