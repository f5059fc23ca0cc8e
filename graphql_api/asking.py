"""From the parameters of a request to what is answered, the same on every transport."""

import time
from typing import NamedTuple

from graphql import GraphQLError, OperationType

from graphql_api.auth import authenticate
from graphql_api.context import Context, context_for
from graphql_api.errors import Code, HTTPError, RequestError
from graphql_api.execution import Answer, Answers, Executor, NewContext, Operation
from graphql_api.persisted import GraphQLRequest
from graphql_api.principal import Principal
from graphql_api.state import Service


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
    request: GraphQLRequest,
    new_context: NewContext,
    service: Service,
    *,
    streaming: bool,
    reading: bool = False,
) -> Asked:
    """Answer a request, and count it. A subscription begins only where there is `streaming`, and is then to be closed.

    `new_context` makes the context of a request, or of one event of a subscription. With `reading`, nothing but a
    query is executed.
    """
    started = time.perf_counter()
    kind, name = "unknown", None
    result: Answer | Answers
    try:
        text = service.documents.text_of(request)
        operation = executor.prepare(text, request.operationName or None)
        kind, name = operation.type.value, operation.name
        service.documents.answered(request, text)
        variables = request.variables or {}
        if reading:
            _require_query(operation)
        if operation.type is not OperationType.SUBSCRIPTION:
            result = await executor.execute(operation, variables, await new_context())
        elif streaming:
            result = await executor.subscribe(operation, variables, new_context)
        else:
            raise _not_here()
        if request.wants_cost:
            result = executor.with_cost(result, operation, variables)
    except RequestError as error:
        result = Answer.refused(error.errors)
    except HTTPError as error:
        result = Answer.refused([error.error], error.status, error.headers)
    asked = Asked(kind, name, result)
    service.metrics.request(kind, name, asked.outcome, time.perf_counter() - started)
    return asked


def _require_query(operation: Operation) -> None:
    if operation.type is not OperationType.QUERY:
        raise HTTPError(405, f"A GET is for queries; send a {operation.type.value} by POST.", {"Allow": "POST"})


def _not_here() -> RequestError:
    message = (
        "A subscription has more than one answer: send it with Accept: text/event-stream, or over a WebSocket with the "
        "sub-protocol graphql-transport-ws."
    )
    return RequestError(Code.BAD_USER_INPUT, GraphQLError(message))
