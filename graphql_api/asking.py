"""From the parameters of a request to what is answered, the same on every transport."""

import time
from typing import Any, NamedTuple

from graphql import GraphQLError, OperationType
from pydantic import BaseModel, ConfigDict

from graphql_api.auth import authenticate
from graphql_api.context import Context, context_for
from graphql_api.errors import Code, HTTPError
from graphql_api.execution import Answer, Answers, Executor, NewContext, RequestError
from graphql_api.metrics import Metrics
from graphql_api.principal import Principal
from graphql_api.state import Service


class GraphQLRequest(BaseModel):
    """The parameters of a GraphQL request."""

    model_config = ConfigDict(strict=True, extra="ignore")

    query: str
    variables: dict[str, Any] | None = None
    operationName: str | None = None  # noqa: N815 — the name on the wire.
    extensions: dict[str, Any] | None = None

    @property
    def wants_cost(self) -> bool:
        """Whether the answer is to say what it cost: `"extensions": {"cost": true}`."""
        return self.extensions is not None and self.extensions.get("cost") is True


class Asked(NamedTuple):
    """What was asked, as far as it is known, and the answer, or the answers as they come."""

    operation_type: str
    operation_name: str | None
    result: Answer | Answers

    @property
    def outcome(self) -> str:
        """How it went, in a word; of a subscription, how it began."""
        return self.result.outcome if isinstance(self.result, Answer) else "success"


class Contexts:
    """The contexts of one operation: one for a query or a mutation, one for each event of a subscription.

    A key is looked at anew for each, so that who follows with a key that was revoked or has expired follows no longer.
    `principal` is who has just been found to be the sender, for the first.
    """

    def __init__(self, service: Service, authorization: str | None, principal: Principal | None = None) -> None:
        self._service = service
        self._authorization = authorization
        self._principal = principal

    async def __call__(self) -> Context:
        """A new context.

        Raises:
            HTTPError: the key opens nothing any more, or cannot be looked up.
        """
        principal = self._principal or await authenticate(self._service, self._authorization)
        self._principal = principal if self._authorization is None else None
        return context_for(self._service, principal)


async def ask(
    executor: Executor,
    parameters: GraphQLRequest,
    new_context: NewContext,
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
        operation = await executor.ready(parameters.query, parameters.operationName or None)
        kind, name = operation.type.value, operation.name
        variables = parameters.variables or {}
        if operation.type is not OperationType.SUBSCRIPTION:
            result = await executor.execute(operation, variables, await new_context())
        elif streaming:
            result = await executor.subscribe(operation, variables, new_context)
        else:
            raise _not_here()
        if parameters.wants_cost:
            result = executor.with_cost(result, operation, variables)
    except RequestError as error:
        result = Answer.refused(error.errors)
    except HTTPError as error:
        result = Answer.refused([error.error])
    asked = Asked(kind, name, result)
    metrics.request(kind, name, asked.outcome, time.perf_counter() - started)
    return asked


def _not_here() -> RequestError:
    message = (
        "A subscription has more than one answer: send it with Accept: text/event-stream, or over a WebSocket with the "
        "sub-protocol graphql-transport-ws."
    )
    return RequestError(Code.BAD_USER_INPUT, GraphQLError(message))
