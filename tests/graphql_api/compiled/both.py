"""One operation by both executions, which have to answer with the same bytes."""

import inspect
import json
from collections.abc import Callable
from typing import Any

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute,
    parse,
)

from graphql_api.compiled import Uncompilable, compile_operation

NewRoot = Callable[[], Any]


def schema_of(text: str, **resolvers: Callable[..., Any]) -> GraphQLSchema:
    """A schema with some resolvers, named as Type_field."""
    schema = build_schema(text)
    for name, resolve in resolvers.items():
        type_name, _, field_name = name.partition("_")
        schema.type_map[type_name].fields[field_name].resolve = resolve  # type: ignore[attr-defined]
    return schema


async def answer(
    schema: GraphQLSchema,
    text: str,
    root: NewRoot = lambda: None,
    variables: dict[str, Any] | None = None,
    context: Any = None,
    *,
    compilable: bool = True,
) -> dict[str, Any]:
    """The response to the first operation of a document, the same from both executions.

    The compiled one is executed twice, unless it is known to leave this to the other. `root` makes a root value for
    each time.
    """
    document = parse(text)
    definition = next(node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    name = definition.name.value if definition.name else None
    expected = await settled(execute(schema, document, root(), context, variables or {}, name))
    compiled = compile_operation(schema, document, definition)
    for _ in range(2):
        try:
            result = await settled(compiled.execute(root(), context, variables or {}))
        except Uncompilable:
            assert not compilable
            continue
        assert compilable
        assert response_bytes(result) == response_bytes(expected)
    response: dict[str, Any] = json.loads(response_bytes(expected))
    return response


async def settled(result: Any) -> ExecutionResult:
    settled = await result if inspect.isawaitable(result) else result
    assert isinstance(settled, ExecutionResult)
    return settled


def response_bytes(result: ExecutionResult) -> bytes:
    errors = [(error.formatted, _original(error)) for error in result.errors or ()]
    return json.dumps({"data": result.data, "errors": errors}, default=repr).encode()


def _original(error: GraphQLError) -> str:
    original = error.original_error
    return f"{type(original).__name__}: {original}"


async def later(value: Any) -> Any:
    """A value, or the raising of an exception, that has to be awaited."""
    if isinstance(value, Exception):
        raise value
    return value


def raising(error: Exception) -> Callable[..., Any]:
    """A method of a source that fails."""

    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail
