"""From the text of a request to what it asks for: a document is measured, validated and priced, once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
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
from graphql_api.compiled import CompiledOperation, Resolution, Uncompilable, compile_operation
from graphql_api.cost import Price, price
from graphql_api.errors import Code, RequestError
from graphql_api.limits import excess
from graphql_api.recent import Recent
from graphql_api.settings import Settings
from graphql_api.validation import Validator
from graphql_api.weights import Weights

log = structlog.stdlib.get_logger(__name__)
_REFUSALS_PART = 8
"""Refusals may take this many times less memory together than documents."""
_CHECKED_AT_ONCE = 1_000
"""Characters. A document of so many takes a few milliseconds."""
_CHECKED_FOR_NOTHING = 200
"""Characters. What is no longer is checked for what every request is charged."""
_TOKEN_BYTES = 400
"""The memory that a token takes once it is parsed, at most: 120 to 430 bytes were measured."""
_FIELD_BYTES = 4_000
"""What a field takes that is compiled: some 3,300 bytes were measured of the clients' operations."""


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
        self, node: DocumentNode, made_ready: Callable[["_Document", OperationDefinitionNode], Operation]
    ) -> None:
        self.node, self._made_ready = node, made_ready
        self.fields = 0
        """How many fields of it are kept compiled."""
        self._definitions = [each for each in node.definitions if isinstance(each, OperationDefinitionNode)]
        self._operations: dict[int, Operation] = {}
        self.tokens = node.token_count

    def operation(self, name: str | None) -> Operation:
        """The operation of a name, or the only one.

        Raises:
            RequestError: there is none of this name, or several and none is named; or it asks for too many items.
        """
        definition = self._definition(name)
        # An operation may be asked for by its name and without.
        operation = self._operations.get(id(definition))
        if operation is None:
            operation = self._operations[id(definition)] = self._made_ready(self, definition)
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

    def _made_ready(self, query: str, document: _Document, definition: OperationDefinitionNode) -> Operation:
        node = document.node
        priced = price(self._schema, self._weights, node, definition)
        compiled = self._compiled(query, document, definition)
        return Operation(node, definition, priced, root_fields(node, definition), compiled)

    def _compiled(
        self, query: str, document: _Document, definition: OperationDefinitionNode
    ) -> CompiledOperation | None:
        if self._resolution is None:
            return None

        def grown(fields: int) -> None:
            document.fields += fields
            if self._documents.get(query) is document:
                self._keep(query, document)

        try:
            return compile_operation(
                self._schema,
                document.node,
                definition,
                self._resolution,
                hide_suggestions=self._hide_suggestions,
                grown=grown,
            )
        except Uncompilable:
            return None
        except Exception:
            # A fault of ours, and none of the client's.
            log.exception("a document could not be compiled")
            return None

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
        self._keep(query, checked)
        return checked

    def _keep(self, query: str, document: _Document) -> None:
        size = len(query) + document.tokens * _TOKEN_BYTES + document.fields * _FIELD_BYTES
        self._documents.put(query, document, size)

    def _checked(self, query: str) -> _Document | RequestError:
        try:
            return _Document(self._valid(query), partial(self._made_ready, query))
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
