"""From an operation to its answer, or to its answers as they come."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Self, TypeAlias

import graphql
import strawberry
import structlog
from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLFormattedError,
    OperationType,
    create_source_event_stream,
    execute,
)
from graphql.execution import VariableValues

from graphql_api.authorization import authorize
from graphql_api.compilation import resolution_of
from graphql_api.compiled import Uncompilable
from graphql_api.context import Context
from graphql_api.documents import Documents, Operation
from graphql_api.errors import Code, HTTPError, RequestError, formatted, in_order, with_code
from graphql_api.settings import Access, Environment, Execution, Settings

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request came to: the body of the response, and in a word how it went."""

    body: dict[str, Any]
    outcome: str
    status: int | None = None
    """The HTTP status, where the body does not say it."""
    headers: Mapping[str, str] | None = None
    """HTTP headers that go with the status."""

    @classmethod
    def of(cls, result: ExecutionResult) -> "Answer":
        if not result.errors:
            return cls({"data": result.data}, "success")
        errors = [formatted(error) for error in in_order(result.errors, result.data)]
        if result.data is None and all(error.path is None for error in result.errors):
            return cls.refused(errors)
        return cls({"errors": errors, "data": result.data}, "field_error")

    @classmethod
    def refused(
        cls, errors: list[GraphQLFormattedError], status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> "Answer":
        return cls({"errors": errors}, "request_error", status, headers)

    def with_extensions(self, extensions: dict[str, Any]) -> "Answer":
        """The same answer, with what was asked for beside it."""
        return replace(self, body={**self.body, "extensions": extensions})

    @classmethod
    def missed(cls, error: GraphQLFormattedError) -> "Answer":
        """In place of the answer for one event of a subscription, which goes on."""
        return cls({"errors": [error], "data": None}, "field_error")


NewContext: TypeAlias = Callable[[], Awaitable[Context]]
"""Makes a context for an operation, or for one event of a subscription. Raises HTTPError where who asks may not."""

Execute: TypeAlias = Callable[[Any], Awaitable[Answer]]
"""Executes a subscription for one event."""


class Answers:
    """The answers to a subscription, one for each event; a refusal is the last. Close it when no more are wanted."""

    def __init__(self, events: AsyncIterator[Any], answer: Execute) -> None:
        self._events = events
        self._answer = answer
        self.refused = False
        """Whether who asks may follow no longer."""
        self.extensions: dict[str, Any] | None = None
        """What each answer has beside it."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Answer:
        if self.refused:
            raise StopAsyncIteration
        answer = await self._answer(await anext(self._events))
        self.refused = answer.outcome == "request_error"
        return answer.with_extensions(self.extensions) if self.extensions else answer

    async def aclose(self) -> None:
        close: Callable[[], Awaitable[None]] | None = getattr(self._events, "aclose", None)
        if close is not None:
            await close()


_PASSING = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS})


class Executor:
    """Executes documents against one schema."""

    def __init__(self, schema: strawberry.Schema, settings: Settings) -> None:
        self._schema = schema._schema  # Strawberry's own execution adds nothing that this service uses.
        # In production, and where the schema is not for everybody, an error does not lead on to what else there is.
        self._hide_suggestions = settings.app_env is Environment.PRODUCTION or settings.introspection is Access.KEYS
        self._settings = settings
        self._seconds = settings.request_timeout_seconds
        resolution = resolution_of() if settings.execution is Execution.COMPILED else None
        self._documents = Documents(self._schema, settings, resolution, hide_suggestions=self._hide_suggestions)

    def prepare(self, query: str, operation_name: str | None) -> Operation:
        """The operation that a request means: see `Documents.prepare`."""
        return self._documents.prepare(query, operation_name)

    def takes_time(self, query: str) -> bool:
        """Whether a document has yet to be checked, and is long: see `Documents.takes_time`."""
        return self._documents.takes_time(query)

    async def ready(self, query: str, operation_name: str | None) -> Operation:
        """The operation that a request means, without keeping others waiting: see `Documents.ready`."""
        return await self._documents.ready(query, operation_name)

    def price(self, operation: Operation, variables: dict[str, Any]) -> int:
        """What an operation costs: see `Documents.price`."""
        return self._documents.price(operation, variables)

    async def execute(self, operation: Operation, variables: dict[str, Any], context: Context) -> Answer:
        """Execute a query or mutation. Faults of single fields become errors in the answer and are not raised."""
        if refusal := _refusal(operation, context):
            return refusal
        try:
            return await self._execute(operation, variables, context, None)
        except TimeoutError:
            return Answer.refused([_timeout(operation, self._seconds)])

    async def subscribe(
        self, operation: Operation, variables: dict[str, Any], new_context: NewContext
    ) -> Answer | Answers:
        """Begin a subscription, which gets its answers one by one; or the one answer that says why it cannot begin.

        Each event is executed in a context of its own, so that nothing is remembered from the one before, and whoever
        may no longer follow it is told so and nothing more.

        Raises:
            HTTPError: there is no context for who asks.
        """
        context = await new_context()
        if refusal := _refusal(operation, context):
            return refusal
        executor = graphql.Executor.build(
            self._schema,
            operation.document,
            context_value=context,
            raw_variable_values=variables,
            operation_name=operation.name,
            hide_suggestions=self._hide_suggestions,
        )
        if isinstance(executor, list):
            return Answer.refused([formatted(error) for error in executor])
        begun = create_source_event_stream(executor)
        events = await begun if inspect.isawaitable(begun) else begun
        if isinstance(events, ExecutionResult):
            return Answer.refused([formatted(error) for error in events.errors or ()])

        async def answer(event: Any) -> Answer:
            try:
                context = await new_context()
            except HTTPError as error:
                # A key that cannot be looked up now may be the next time, and there may be something left to charge
                # by then; a key that opens nothing ends it.
                return Answer.missed(error.error) if error.status in _PASSING else Answer.refused([error.error])
            if refusal := _refusal(operation, context):
                return refusal
            try:
                return await self._execute(operation, variables, context, event)
            except TimeoutError:
                return Answer.missed(_timeout(operation, self._seconds))

        return Answers(aiter(events), answer)

    def with_cost(self, result: Answer | Answers, operation: Operation, variables: dict[str, Any]) -> Answer | Answers:
        """The answer, or each of the answers, with what the operation costs and the most that it may."""
        try:
            cost = {"requested": operation.cost(variables), "limit": self._settings.cost_max}
        except RequestError:
            return result  # Which says what is too much.
        if isinstance(result, Answer):
            return result.with_extensions({"cost": cost})
        result.extensions = {"cost": cost}
        return result

    async def _execute(self, operation: Operation, variables: dict[str, Any], context: Context, root: Any) -> Answer:
        """Execute it in the time that there is for it. Whoever is cancelled leaves nothing behind that goes on.

        Raises:
            TimeoutError: it took longer.
        """
        result = self._result(operation, variables, context, root)
        if not inspect.isawaitable(result):
            return Answer.of(result)
        try:
            with context.service.requests.begin():
                return Answer.of(await result)
        except TimeoutError:
            await context.stop()
            context.metrics.timed_out(operation.type.value)
            raise
        except asyncio.CancelledError:
            await context.stop()
            raise

    def _result(
        self, operation: Operation, variables: dict[str, Any], context: Context, root: Any
    ) -> ExecutionResult | Awaitable[ExecutionResult]:
        compiled = operation.compiled
        if compiled is not None:
            coerced = compiled.coerced(variables)
            if not isinstance(coerced, VariableValues):
                return ExecutionResult(None, list(coerced))
            try:
                run = compiled.compiled_for(coerced)
            except Uncompilable:
                pass
            except Exception:
                # A fault of ours, and none of the client's.
                log.exception("a document could not be compiled")
            else:
                return compiled.run(run, root, context, coerced)
        context.metrics.interpreted(operation.type.value)
        return execute(
            self._schema,
            operation.document,
            root,
            context_value=context,
            variable_values=variables,
            operation_name=operation.name,
            hide_suggestions=self._hide_suggestions,
        )


def _refusal(operation: Operation, context: Context) -> Answer | None:
    """The answer to whom the operation as a whole is closed."""
    try:
        authorize(operation.type, operation.root_fields, context.principal)
    except GraphQLError as error:
        return Answer.refused([formatted(error)])
    return None


def _timeout(operation: Operation, seconds: float) -> GraphQLFormattedError:
    """The error in place of an answer that took too long."""
    what = {
        OperationType.QUERY: "Ask for less at once: fewer rows, fewer groups, a narrower filter.",
        OperationType.MUTATION: "Each of its fields was done as a whole or not at all: read what it was to change, or "
        "send it again with the same idempotencyKey, which does nothing twice.",
        OperationType.SUBSCRIPTION: "The subscription goes on: read again what you show, or select less.",
    }
    message = f"This took longer than the {seconds:g} seconds that there are, and was stopped. {what[operation.type]}"
    return with_code(GraphQLError(message), Code.TIMEOUT)
