"""From the parameters of a request to what is answered, the same on every transport."""

import time
from typing import NamedTuple

from graphql import GraphQLError, OperationType
from structlog.contextvars import get_contextvars

from graphql_api.context import Context, context_for
from graphql_api.documents import Operation
from graphql_api.errors import Code, HTTPError, RequestError
from graphql_api.execution import Answer, Answers, Executor
from graphql_api.metrics import Metrics
from graphql_api.persisted import GraphQLRequest
from graphql_api.rate_limit import Allowance
from graphql_api.sender import Sender
from graphql_api.state import Service


class Asked(NamedTuple):
    """What was asked, as far as it is known, and the answer, or the answers as they come."""

    operation_type: str
    operation_name: str | None
    result: Answer | Answers
    allowance: Allowance | None
    """What it was charged; None where there is no limit or it was refused."""

    @property
    def outcome(self) -> str:
        """How it went, in a word; of a subscription, how it began."""
        return self.result.outcome if isinstance(self.result, Answer) else "success"


class _Contexts:
    """The contexts of one operation: one for a query or a mutation, one for each event of a subscription.

    A key is looked at anew for each, so that who follows with a key that was revoked or has expired follows no longer;
    and each is charged.
    """

    def __init__(self, service: Service, sender: Sender, allowance: Allowance | None, cost: int) -> None:
        self._service, self._sender, self._allowance, self._cost = service, sender, allowance, cost
        self._first = True

    async def __call__(self) -> Context:
        """A new context.

        Raises:
            HTTPError: the key opens nothing any more, or cannot be looked up; or nothing is left to charge for it.
        """
        principal = await (self._sender.principal() if self._first else self._sender.principal_now())
        if not self._first:
            self._allowance = await self._sender.charge(self._cost)
        self._first = False
        return context_for(self._service, principal, self._allowance)


async def ask(
    executor: Executor,
    request: GraphQLRequest,
    sender: Sender,
    service: Service,
    *,
    streaming: bool,
    reading: bool = False,
) -> Asked:
    """Answer a request, charge and count it.

    A subscription begins only where there is `streaming`, and is then to be closed. With `reading`, nothing but a query
    is executed.
    """
    started = time.perf_counter()
    operation: Operation | None = None
    kind, name, charged = "unknown", None, False
    allowance: Allowance | None = None
    result: Answer | Answers
    try:
        text = service.documents.text_of(request)
        if executor.takes_time(text):
            await sender.charge_document(text)
        operation = await executor.ready(text, request.operationName or None)
        kind, name = operation.type.value, operation.name
        service.documents.answered(request, text)
        variables = request.variables or {}
        if reading:
            _require_query(operation)
        subscribing = operation.type is OperationType.SUBSCRIPTION
        if subscribing and not streaming:
            raise _not_here()  # noqa: TRY301 — it is answered below, as all refusals are.
        async with service.load:
            cost = executor.price(operation, variables)
            allowance = await sender.charge(cost)
            charged = True
            contexts = _Contexts(service, sender, allowance, cost)
            if subscribing:
                result = await executor.subscribe(operation, variables, contexts)
            else:
                result = await executor.execute(operation, variables, await contexts())
    except RequestError as error:
        limited = None if charged else await sender.charge_refusal()
        result = Answer.refused(error.errors, error.status) if limited is None else _refused(limited)
    except HTTPError as error:
        result = _refused(error if charged else await sender.charge_refusal(error))
    except Exception:
        service.metrics.request(kind, name, "request_error", time.perf_counter() - started)
        service.metrics.request_errors([Code.INTERNAL])
        raise
    if operation is not None and request.wants_cost:
        result = executor.with_cost(result, operation, request.variables or {})
    asked = Asked(kind, name, result, allowance)
    _count(service.metrics, asked, time.perf_counter() - started)
    return asked


def _count(metrics: Metrics, asked: Asked, seconds: float) -> None:
    request_id = get_contextvars().get("request_id")
    metrics.request(asked.operation_type, asked.operation_name, asked.outcome, seconds, request_id)
    if isinstance(asked.result, Answer) and (errors := asked.result.body.get("errors")):
        metrics.request_errors({error["extensions"]["code"] for error in errors})


def _refused(error: HTTPError) -> Answer:
    return Answer.refused([error.error], error.status, error.headers)


def _require_query(operation: Operation) -> None:
    if operation.type is not OperationType.QUERY:
        raise HTTPError(405, f"A GET is for queries; send a {operation.type.value} by POST.", {"Allow": "POST"})


def _not_here() -> RequestError:
    message = (
        "A subscription has more than one answer: send it with Accept: text/event-stream, or over a WebSocket with the "
        "sub-protocol graphql-transport-ws."
    )
    return RequestError(Code.BAD_USER_INPUT, GraphQLError(message))
