"""From the text of a request to what it asks for: a document is measured, validated and priced, once."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLFormattedError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    parse,
)

from graphql_api.authorization import root_fields
from graphql_api.compiled import CompiledOperation, Resolution, Uncompilable, choices, compile_operation
from graphql_api.cost import Price, price
from graphql_api.errors import Code, RequestError
from graphql_api.limits import excess
from graphql_api.recent import Recent
from graphql_api.settings import Settings
from graphql_api.validation import Validator
from graphql_api.weights import Weights

_REFUSALS_PART = 8
"""Refusals may take this many times less memory together than documents."""
_CHECKED_AT_ONCE = 1_000
"""Characters. A document of so many takes a few milliseconds."""
_CHECKED_FOR_NOTHING = 200
"""Characters. What is no longer is checked for what every request is charged."""
_TOKEN_BYTES = 400
"""The memory that a token takes once it is parsed, at most: 120 to 430 bytes were measured."""
_COMPILED_TOKEN_BYTES = 2_000
"""What it takes more once it is compiled: 1,000 to 2,200 bytes were measured of the clients' operations."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A validated document, and which of its operations is meant."""

    document: DocumentNode
    definition: OperationDefinitionNode
    price: Price
    root_fields: frozenset[str]
    """As `graphql_api.authorization` wants them."""
    compiled: CompiledOperation | None = None
    """None where graphql-core is to execute it."""

    @property
    def name(self) -> str | None:
        return self.definition.name.value if self.definition.name else None

    @property
    def type(self) -> OperationType:
        return self.definition.operation

    def cost(self, variables: dict[str, Any]) -> int:
        """What the operation costs with these variables, as they were sent; a subscription, for each event.

        In units of about 5 µs: see `graphql_api.cost`.

        Raises:
            RequestError: it asks for more items than it may.
        """
        return self.price(variables)


class _Document:
    """A valid document and its operations, each of which is made ready when it is first asked for."""

    def __init__(
        self, node: DocumentNode, made_ready: Callable[[DocumentNode, OperationDefinitionNode], Operation]
    ) -> None:
        self.node, self._made_ready = node, made_ready
        self._definitions = [each for each in node.definitions if isinstance(each, OperationDefinitionNode)]
        self._operations: dict[str | None, Operation] = {}
        self.tokens = node.token_count

    def operation(self, name: str | None) -> Operation:
        """The operation of a name, or the only one.

        Raises:
            RequestError: there is none of this name, or several and none is named; or it asks for too many items.
        """
        operation = self._operations.get(name)
        if operation is None:
            operation = self._operations[name] = self._made_ready(self.node, self._definition(name))
        return operation

    def _definition(self, name: str | None) -> OperationDefinitionNode:
        names = [each.name.value for each in self._definitions if each.name]
        if name is None:
            if len(self._definitions) == 1:
                return self._definitions[0]
            message = f"The document holds several operations; operationName must be one of {', '.join(names)}."
            raise RequestError(Code.BAD_USER_INPUT, GraphQLError(message), status=400)
        for each in self._definitions:
            if each.name and each.name.value == name:
                return each
        known = f"It holds {', '.join(names)}." if names else "Its operation has no name."
        message = f"The document has no operation {name!r}. {known}"
        raise RequestError(Code.BAD_USER_INPUT, GraphQLError(message), status=400)


class Documents:
    """The documents of one schema that are known, and the way for others to become so."""

    def __init__(
        self, schema: GraphQLSchema, settings: Settings, resolution: Resolution | None, *, hide_suggestions: bool
    ) -> None:
        self._schema, self._settings, self._resolution = schema, settings, resolution
        self._hide_suggestions = hide_suggestions
        self._weights = Weights(schema, settings)
        self._validator = Validator(schema, settings.field_comparisons_max, hide_suggestions=hide_suggestions)
        self._checking = asyncio.Lock()
        entries, memory = settings.document_cache_size, settings.document_cache_bytes
        self._documents = Recent[_Document](entries, memory)
        # Apart from those, so that what is refused displaces nothing that is not.
        self._refusals = Recent[list[GraphQLFormattedError]](entries, memory // _REFUSALS_PART)

    def prepare(self, query: str, operation_name: str | None) -> Operation:
        """The operation that a request means.

        Raises:
            RequestError: the document breaks a limit, cannot be parsed or is not valid, or it is not clear which
                operation is meant.
        """
        document = self._known(query) or self._remembered(query, self._checked(query))
        return document.operation(operation_name)

    async def ready(self, query: str, operation_name: str | None) -> Operation:
        """As `prepare`. A long document that was not seen before is checked off the event loop, one at a time.

        Others do not wait for what may take a tenth of a second, however many such documents come.

        Raises:
            RequestError: as in `prepare`.
        """
        document = self._known(query)
        if document is None and len(query) > _CHECKED_AT_ONCE:
            try:
                async with asyncio.timeout(self._settings.request_timeout_seconds), self._checking:
                    document = self._known(query)
                    if document is None:
                        document = self._remembered(query, await asyncio.to_thread(self._checked, query))
            except TimeoutError:
                message = "Too many long documents that were not seen before wait to be checked. Try again later."
                raise RequestError(Code.UNAVAILABLE, GraphQLError(message)) from None
        return self.prepare(query, operation_name) if document is None else document.operation(operation_name)

    def takes_time(self, query: str) -> bool:
        """Whether a document takes more to check than a request is charged anyway, and has yet to be."""
        long = _CHECKED_FOR_NOTHING < len(query) <= self._settings.document_length_max
        return long and self._documents.get(query) is None and self._refusals.get(query) is None

    def price(self, operation: Operation, variables: dict[str, Any]) -> int:
        """What an operation costs with these variables, if that is not too much.

        Raises:
            RequestError: it costs too much, or asks for more items than it may.
        """
        cost, most = operation.cost(variables), self._settings.cost_max
        if cost <= most:
            return cost
        message = (
            f"The {operation.type.value} costs {cost}; at most {most} is accepted (COST_MAX). Ask for smaller pages, "
            "for less of each item, or in parts."
        )
        raise RequestError(Code.LIMIT_EXCEEDED, GraphQLError(message))

    def _made_ready(self, document: DocumentNode, definition: OperationDefinitionNode) -> Operation:
        priced = price(self._schema, self._weights, document, definition)
        compiled = None
        if self._resolution is not None:
            with suppress(Uncompilable):
                compiled = compile_operation(
                    self._schema, document, definition, self._resolution, hide_suggestions=self._hide_suggestions
                )
        return Operation(document, definition, priced, root_fields(document, definition), compiled)

    def _known(self, query: str) -> _Document | None:
        length, longest = len(query), self._settings.document_length_max
        if length > longest:
            message = f"The document has {length} characters; at most {longest} are accepted (DOCUMENT_LENGTH_MAX)."
            raise RequestError(Code.LIMIT_EXCEEDED, GraphQLError(message))
        if (refused := self._refusals.get(query)) is not None:
            raise RequestError.again(refused)
        return self._documents.get(query)

    def _remembered(self, query: str, checked: _Document | RequestError) -> _Document:
        if isinstance(checked, RequestError):
            told = sum(len(error["message"]) for error in checked.errors)
            self._refusals.put(query, checked.errors, len(query) + told)
            raise checked
        compiled = 0 if self._resolution is None else choices(checked.node) * _COMPILED_TOKEN_BYTES
        self._documents.put(query, checked, len(query) + checked.tokens * (_TOKEN_BYTES + compiled))
        return checked

    def _checked(self, query: str) -> _Document | RequestError:
        try:
            return _Document(self._valid(query), self._made_ready)
        except RequestError as error:
            # Without what led to it, which holds the whole document.
            return RequestError.again(error.errors)

    def _valid(self, query: str) -> DocumentNode:
        document = _parsed(query, self._settings.document_tokens_max)
        if error := excess(document, self._settings):
            raise RequestError(Code.LIMIT_EXCEEDED, error)
        if errors := self._validator.errors(document):
            raise RequestError(Code.GRAPHQL_VALIDATION_FAILED, *errors)
        return document


def _parsed(query: str, tokens: int) -> DocumentNode:
    try:
        return parse(query, max_tokens=tokens)
    except GraphQLError as error:
        if not error.message.endswith("tokens. Parsing aborted."):
            raise RequestError(Code.GRAPHQL_PARSE_FAILED, error) from None
    message = f"The document has more than {tokens} tokens; at most {tokens} are accepted (DOCUMENT_TOKENS_MAX)."
    raise RequestError(Code.LIMIT_EXCEEDED, GraphQLError(message))
