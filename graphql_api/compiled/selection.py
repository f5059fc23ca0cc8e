"""What is selected on a type, with all that execution needs of it looked up once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    is_abstract_type,
    is_object_type,
)
from graphql.execution import VariableValues
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.executor import default_field_resolver

from graphql_api.compiled.coercion import Coerce
from graphql_api.compiled.inputs import compile_arguments

FIELDS_MAX = 2_000
"""The most fields that an operation may come to once its fragments are spread, for it to be compiled."""

Call: TypeAlias = Callable[[Any, Any, VariableValues], Any]
"""Resolves a field: the source, what a resolver is told, and the variables, of which come the arguments."""


class Uncompilable(Exception):  # noqa: N818 — says what an operation is, not that something is wrong with it.
    """An operation that has to be executed another way."""


class Resolving(NamedTuple):
    """How a field gets its value."""

    call: Call
    attribute: str | None = None
    """Set where the value is an attribute of the source, which reading changes nothing; `call` gives the same."""
    batch: Call | None = None
    """Gives, or promises, the values for a sequence of sources. An exception among them is that source's error."""
    ahead: Mapping[str, Coerce] = MappingProxyType({})
    """What is to be made of a variable when it is read, by its name: see `compile_variables`."""


ResolvingOf: TypeAlias = Callable[[GraphQLField, FieldNode], Resolving]
Resolution: TypeAlias = Callable[[GraphQLSchema, OperationDefinitionNode, bool], ResolvingOf]
"""How the fields of an operation get their values; the flag says whether errors are to hide what else there is."""


def plain_resolution(
    _schema: GraphQLSchema, _operation: OperationDefinitionNode, hide_suggestions: bool
) -> ResolvingOf:
    """How graphql-core resolves fields."""

    def of(definition: GraphQLField, node: FieldNode) -> Resolving:
        resolve = definition.resolve or default_field_resolver
        arguments = compile_arguments(definition, node, hide_suggestions=hide_suggestions)
        return Resolving(lambda source, info, variables: resolve(source, info, **arguments(variables)))

    return of


@dataclass(frozen=True, eq=False, slots=True)
class Field:
    """A field of the response."""

    key: str
    """Its name in the response."""
    name: str
    """Its name in the schema."""
    parent: GraphQLObjectType
    type: GraphQLOutputType
    nodes: list[FieldNode]
    resolving: Resolving
    takes_arguments: bool
    selections: Mapping[str, "Selection"]
    """By the name of each object type that its values may have; empty of a leaf."""
    memo: dict[Any, Any] = field(default_factory=dict)

    @property
    def is_typename(self) -> bool:
        return self.name == "__typename"

    @property
    def is_named(self) -> bool:
        """Whether its type is an object type itself, perhaps in lists."""
        return is_object_type(get_named_type(self.type))


@dataclass(frozen=True, eq=False, slots=True)
class Selection:
    """The fields of the response that are selected on an object type."""

    type: GraphQLObjectType
    fields: Sequence[Field]
    made: dict[Any, Any] = field(default_factory=dict)
    """Code that was made for it."""


class Selector:
    """Reads the selections of one operation, with the variables in @skip and @include settled.

    Args:
        schema: the document was validated against it.
        operation: one of the document's.
        fragments: the document's, by name.
        settled: at least the variables in @skip and @include.
        resolving: how fields get their values.
        hide_suggestions: whether errors say what else there is.

    Raises:
        Uncompilable: from `root`, where there is too much to compile.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        settled: VariableValues,
        resolving: ResolvingOf,
        *,
        hide_suggestions: bool,
    ) -> None:
        self._schema, self._operation, self._settled = schema, operation, settled
        self._fragments = {name: FragmentDetails(definition) for name, definition in fragments.items()}
        self._resolving, self._hide_suggestions = resolving, hide_suggestions
        self._left = FIELDS_MAX

    @property
    def fields(self) -> int:
        """How many fields there are, as far as they were read."""
        return FIELDS_MAX - self._left

    def root(self) -> Selection:
        """What the operation selects on its root type."""
        root_type = self._schema.get_root_type(self._operation.operation)
        if root_type is None:
            raise Uncompilable("the schema has no such operations")
        collected = collect_fields(
            self._schema, self._fragments, self._settled, root_type, self._operation, self._hide_suggestions
        )
        return self._selection(root_type, collected.grouped_field_set)

    def _selection(self, type_: GraphQLObjectType, grouped: Mapping[str, list[FieldDetails]]) -> Selection:
        fields = (self._field(type_, key, details) for key, details in grouped.items())
        return Selection(type_, [each for each in fields if each is not None])

    def _field(self, parent: GraphQLObjectType, key: str, details: list[FieldDetails]) -> Field | None:
        self._left -= 1
        if self._left < 0:
            raise Uncompilable(f"it comes to more than {FIELDS_MAX} fields")
        node = details[0].node
        definition = self._schema.get_field(parent, node.name.value)
        if definition is None:
            return None
        return Field(
            key=key,
            name=node.name.value,
            parent=parent,
            type=definition.type,
            nodes=[each.node for each in details],
            resolving=self._resolving(definition, node),
            takes_arguments=bool(definition.args),
            selections={each.name: self._below(each, details) for each in self._object_types(definition.type)},
        )

    def _below(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> Selection:
        collected = collect_subfields(
            self._schema, self._fragments, self._settled, self._operation, type_, details, self._hide_suggestions
        )
        return self._selection(type_, collected.grouped_field_set)

    def _object_types(self, type_: GraphQLOutputType) -> Sequence[GraphQLObjectType]:
        named = get_named_type(type_)
        if is_object_type(named):
            return [named]
        return self._schema.get_possible_types(named) if is_abstract_type(named) else []
