"""An operation that was compiled: once for each choice of the variables in its @skip and @include."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLSchema,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution import VariableValues
from graphql.pyutils import Path

from graphql_api.compiled.fields import Execute, Executing
from graphql_api.compiled.inputs import compile_variables, used_once
from graphql_api.compiled.records import CompiledResolveInfo
from graphql_api.compiled.run import Run, is_awaitable
from graphql_api.compiled.selection import (
    Field,
    Resolution,
    Resolving,
    Selection,
    Selector,
    Uncompilable,
    plain_resolution,
)

CHOICES_MAX = 4
"""The most choices of the variables in @skip and @include that an operation is kept compiled for."""
_DEFERRING = frozenset({"defer", "stream"})
_UNPROPAGATED = "experimental_disableErrorPropagation"


class CompiledOperation:
    """An operation of a document, ready to be executed with variables."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        definition: OperationDefinitionNode,
        resolution: Resolution,
        *,
        hide_suggestions: bool,
        grown: Callable[[int], None],
    ) -> None:
        self._grown = grown
        self._schema, self._definition = schema, definition
        self._resolving = resolution(schema, definition, hide_suggestions)
        self._hide_suggestions = hide_suggestions
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._choosing = _choosing(definition, self._fragments)
        self._coerce = compile_variables(schema, definition, hide_suggestions=hide_suggestions)
        self._executing: dict[tuple[Any, ...], tuple[Execute, int]] = {}

    def coerced(self, raw: Mapping[str, Any]) -> VariableValues | Sequence[GraphQLError]:
        """The values of the variables as they were sent, or everything that is wrong with them."""
        return self._coerce(raw)

    def execute(
        self, root: Any, context: Any, raw_variables: Mapping[str, Any]
    ) -> ExecutionResult | Awaitable[ExecutionResult]:
        """Execute the operation, or one event of a subscription, which is the root then.

        Errors of fields are in the result and are not raised.

        Raises:
            Uncompilable: it cannot be compiled for these variables; nothing was done.
        """
        variables = self.coerced(raw_variables)
        if not isinstance(variables, VariableValues):
            return ExecutionResult(None, list(variables))
        return self.run(self.compiled_for(variables), root, context, variables)

    def compiled_for(self, variables: VariableValues) -> Execute:
        """What executes the operation with these variables.

        Raises:
            Uncompilable: there is too much to compile.
        """
        choice = tuple(variables.coerced.get(name) for name in self._choosing)
        if choice not in self._executing:
            self._executing[choice] = execute, fields = self._compile(variables)
            if len(self._executing) > CHOICES_MAX:
                fields -= self._executing.pop(next(iter(self._executing)))[1]
            self._grown(fields)
            return execute
        return self._executing[choice][0]

    @staticmethod
    def run(
        execute: Execute, root: Any, context: Any, variables: VariableValues
    ) -> ExecutionResult | Awaitable[ExecutionResult]:
        """Execute what was compiled for these variables."""
        run = Run(root, context, variables)
        try:
            data = execute(root, None, run)
        except GraphQLError as error:
            return _failed(run, error)
        return _when_done(run, data) if is_awaitable(data) else ExecutionResult(data, run.errors or None)

    def _compile(self, variables: VariableValues) -> tuple[Execute, int]:
        selector = Selector(
            self._schema,
            self._definition,
            self._fragments,
            variables,
            self._resolving,
            hide_suggestions=self._hide_suggestions,
        )
        try:
            root = selector.root()
        except RecursionError as error:
            raise Uncompilable("it is nested too deeply") from error
        except GraphQLError as error:
            raise Uncompilable("a condition in it cannot be read") from error
        if not self._choosing:
            # All fields are known now, and so is who alone uses a variable.
            ahead = used_once(_resolving(root))
            self._coerce = compile_variables(
                self._schema, self._definition, hide_suggestions=self._hide_suggestions, ahead=ahead
            )
        executing = Executing(self._inform)
        serial = self._definition.operation is OperationType.MUTATION
        return (executing.serially(root) if serial else executing.selection(root)), selector.fields

    def _inform(self, run: Run, field: Field, path: Path) -> CompiledResolveInfo:
        info = CompiledResolveInfo(
            field.name,
            field.nodes,
            field.type,
            field.parent,
            path,
            self._schema,
            self._fragments,
            run.root,
            self._definition,
            run.variables,
            run.context,
            is_awaitable,
            None,
            run.helpers,
        )
        info.memo = field.memo
        return info


def compile_operation(
    schema: GraphQLSchema,
    document: DocumentNode,
    definition: OperationDefinitionNode,
    resolution: Resolution = plain_resolution,
    *,
    hide_suggestions: bool = False,
    grown: Callable[[int], None] = lambda _: None,
) -> CompiledOperation:
    """Compile an operation of a document that was validated against a schema.

    Args:
        schema: of graphql-core; Strawberry's is `schema._schema`.
        document: is kept, and must not be changed.
        definition: one of its operations.
        resolution: how fields get their values; `graphql_api.compiled.strawberry` has a faster way for Strawberry's.
        hide_suggestions: whether errors say what else there is.
        grown: told how many fields more are kept compiled; fewer, where the number is negative.

    Raises:
        Uncompilable: it uses what only another execution has.
    """
    return CompiledOperation(schema, document, definition, resolution, hide_suggestions=hide_suggestions, grown=grown)


def _resolving(selection: Selection) -> Iterator[Resolving]:
    """How each field of a selection, and below it, is resolved."""
    for field in selection.fields:
        yield field.resolving
        for below in field.selections.values():
            yield from _resolving(below)


def _choosing(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> Sequence[str]:
    """The operation's variables in @skip and @include, also in the fragments that it comes to.

    Raises:
        Uncompilable: there are directives, or variables of fragments, that are not compiled.
    """
    truths = {
        each.variable.name.value
        for each in operation.variable_definitions or ()
        if isinstance(named := each.type.type if isinstance(each.type, NonNullTypeNode) else each.type, NamedTypeNode)
        and named.name.value == GraphQLBoolean.name
    }
    names: dict[str, None] = {}
    seen: set[str] = set()
    waiting: list[OperationDefinitionNode | FragmentDefinitionNode] = [operation]

    class Directives(Visitor):
        def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
            name = node.name.value
            if name not in seen and name in fragments:
                seen.add(name)
                waiting.append(fragments[name])

        def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
            name = node.name.value
            if name in _DEFERRING or name == _UNPROPAGATED:
                raise Uncompilable(f"it uses @{name}")
            if name in ("skip", "include"):
                for argument in node.arguments or ():
                    if isinstance(argument.value, VariableNode) and argument.value.name.value in truths:
                        names[argument.value.name.value] = None

    while waiting:
        definition = waiting.pop()
        if isinstance(definition, FragmentDefinitionNode) and definition.variable_definitions:
            raise Uncompilable("its fragments have variables")
        visit(definition, Directives())
    return tuple(names)


def _failed(run: Run, error: GraphQLError) -> ExecutionResult:
    run.collected.add(error, None)
    return ExecutionResult(None, run.errors)


async def _when_done(run: Run, data: Awaitable[Any]) -> ExecutionResult:
    try:
        return ExecutionResult(await data, run.errors or None)
    except GraphQLError as error:
        return _failed(run, error)
