"""Strawberry's part in calling a resolver, compiled: the conversion of arguments, and the call itself."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from inspect import isasyncgenfunction
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableNode,
    is_list_type,
    is_non_null_type,
    type_from_ast,
)
from graphql.execution.values import VariableValues
from strawberry import Info
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import StrawberryArgument, convert_arguments
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver

from graphql_api.compiled.coercion import Coerce
from graphql_api.compiled.conversion import Change, Conversion, NotCompilable, Objects
from graphql_api.compiled.inputs import Ahead, compile_arguments

Convert: TypeAlias = Callable[[dict[str, Any], Any], dict[str, Any]]
"""Takes the arguments that graphql-core coerced and `strawberry.Info`, gives them by their Python names."""


class Attribute(NamedTuple):
    """A field that is an attribute of its source, and nothing more."""

    name: str


class Resolver:
    """A field's function, called without what Strawberry puts around it."""

    def __init__(self, field: StrawberryField, schema: GraphQLSchema) -> None:
        resolver = field.base_resolver
        assert resolver is not None  # noqa: S101  `resolver_of` has looked.
        self.field = field
        self.is_async = field.is_async
        self.convert = compile_strawberry_arguments(schema, field)
        self._function: Any = resolver.wrapped_func
        self._info_class = _strawberry(schema).config.info_class
        self._takes_self = bool(resolver.self_parameter)
        self._source_names = [each.name for each in (resolver.parent_parameter, resolver.root_parameter) if each]
        self._info_name = resolver.info_parameter.name if resolver.info_parameter else None

    def __call__(self, source: Any, raw_info: GraphQLResolveInfo[Any], values: dict[str, Any]) -> Any:
        """What `field.resolve(source, raw_info, **values)` gives."""
        info = self.info(raw_info)
        try:
            arguments = self.convert(values, info)
        except Exception as error:  # noqa: BLE001  It is raised again.
            return self.failed(error)
        return self.call(source, info, arguments)

    def info(self, raw_info: GraphQLResolveInfo[Any]) -> Info:
        """What Strawberry tells a resolver: made for one call."""
        info: Info = self._info_class(_raw_info=raw_info, _field=self.field)
        return info

    def call(self, source: Any, info: Info, arguments: dict[str, Any]) -> Any:
        """The result for arguments that are converted; they are changed."""
        for name in self._source_names:
            arguments[name] = source
        if self._info_name is not None:
            arguments[self._info_name] = info
        return self._function(source, **arguments) if self._takes_self else self._function(**arguments)

    def failed(self, error: Exception) -> Awaitable[Any]:
        """Raise an error of the conversion when Strawberry would: now, or when the result is awaited."""
        if not self.is_async:
            raise error
        return _raised(error)


async def _raised(error: Exception) -> Any:
    raise error


class NotConverted(Exception):  # noqa: N818 — holds what is to be raised.
    """Strawberry's conversion of the arguments failed."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class Arguments:
    """A field's arguments in one document, converted for its resolver."""

    def __init__(
        self,
        schema: GraphQLSchema,
        field: GraphQLField,
        node: FieldNode,
        definition: OperationDefinitionNode,
        *,
        hide_suggestions: bool = False,
    ) -> None:
        arguments = {_graphql_name(schema, each): each for each in _definition(field).arguments}
        self._convert = compile_strawberry_arguments(schema, _definition(field))
        self._all = compile_arguments(field, node, hide_suggestions=hide_suggestions)
        self.ahead: dict[str, Coerce] = {}
        """Functions that make what the resolver gets of a variable that is a whole argument, by the variable's name."""
        self._whole: dict[str, str] = {}
        for name, variable, type_ in _variables(schema, field, node, definition):
            try:
                self.ahead[variable] = _kept(schema).objects.of(type_, arguments[name].type)
            except NotCompilable:
                continue
            self._whole[name] = variable
        self._python_names = {name: arguments[name].python_name for name in self._whole}
        self._order = [each.python_name for each in arguments.values()]
        others = {name: argument for name, argument in field.args.items() if name not in self._whole}
        self._rest = compile_arguments(GraphQLField(field.type, others), node, hide_suggestions=hide_suggestions)

    def coerced(self, values: VariableValues) -> dict[str, Any]:
        """What graphql-core's `get_argument_values` gives."""
        return self._all(values)

    def __call__(self, values: VariableValues, info: Any = None) -> dict[str, Any]:
        """What the resolver gets.

        What was made ahead of a variable is given to one call; those after it get objects of their own.

        Raises:
            NotConverted: the values are what the schema says, and Strawberry cannot make of them what it is to make.
            GraphQLError: as `coerced`.
        """
        if not self._whole or not isinstance(values, Ahead) or not values.made.keys() >= set(self._whole.values()):
            return self._converted(self._all(values), info)
        arguments = self._converted(self._rest(values), info)
        for name, variable in self._whole.items():
            arguments[self._python_names[name]] = values.made.pop(variable)
        return {name: arguments[name] for name in self._order if name in arguments}

    def _converted(self, coerced: dict[str, Any], info: Any) -> dict[str, Any]:
        try:
            return self._convert(coerced, info)
        except Exception as error:
            raise NotConverted(error) from error


def resolver_of(schema: GraphQLSchema, field: GraphQLField) -> Attribute | Resolver | None:
    """How a field is resolved without Strawberry's own function; None where it has to be called.

    It has to where the field is none of Strawberry's, has extensions or permissions or exception handlers, or is of
    a class that resolves in its own way.
    """
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(definition, StrawberryField) or not _is_ordinary(schema, definition, field):
        return None
    if definition.base_resolver is None:
        return Attribute(definition.python_name) if definition.default_resolver is getattr else None
    return Resolver(definition, schema)


def compile_strawberry_arguments(schema: GraphQLSchema, field: StrawberryField) -> Convert:
    """What converts the coerced arguments of a field: equal to Strawberry's `convert_arguments`, errors included."""
    strawberry = _strawberry(schema)
    registry, config = strawberry.schema_converter.scalar_registry, strawberry.config
    conversion = _kept(schema).conversion

    def exactly(values: dict[str, Any], info: Any) -> dict[str, Any]:
        return convert_arguments(values, field.arguments, registry, config, info)

    try:
        changes: list[tuple[str, str, Change | None]] = [
            (_graphql_name(schema, each), each.python_name, conversion.of(each.type)) for each in field.arguments
        ]
    except NotCompilable:
        return exactly

    def convert(values: dict[str, Any], info: Any) -> dict[str, Any]:
        try:
            return {
                python_name: values[name] if change is None else change(values[name])
                for name, python_name, change in changes
                if name in values
            }
        except Exception:  # noqa: BLE001  Whatever is in the way, Strawberry says what is to be said of it.
            return exactly(values, info)

    return convert


class _Kept:
    """The functions made for a schema, which live as long as it does."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.conversion = Conversion(schema)
        self.objects = Objects(self.conversion)


def _kept(schema: GraphQLSchema) -> _Kept:
    kept = vars(schema).get("_compiled_conversion")
    if kept is None:
        kept = vars(schema).setdefault("_compiled_conversion", _Kept(schema))
    found: _Kept = kept
    return found


def _strawberry(schema: GraphQLSchema) -> Any:
    return schema._strawberry_schema  # type: ignore[attr-defined]  # Strawberry sets it.


def _definition(field: GraphQLField) -> StrawberryField:
    definition: StrawberryField = field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    return definition


def _graphql_name(schema: GraphQLSchema, argument: StrawberryArgument) -> str:
    name: str = _strawberry(schema).config.name_converter.from_argument(argument)
    return name


def _is_ordinary(schema: GraphQLSchema, definition: StrawberryField, field: GraphQLField) -> bool:
    """Whether Strawberry does nothing for a field but to convert the arguments and to call the function."""
    made_by = getattr(field.resolve, "__qualname__", "").partition(".<locals>.")[0]
    resolver = definition.base_resolver
    return (
        made_by == GraphQLCoreConverter.from_resolver.__qualname__
        and not definition.extensions
        and not definition.is_subscription
        and not _strawberry(schema).schema_converter._get_field_exception_handlers(definition)
        and type(definition).get_result is StrawberryField.get_result
        and (
            resolver is None
            or (
                type(resolver).__call__ is StrawberryResolver.__call__ and not isasyncgenfunction(resolver.wrapped_func)
            )
        )
    )


def _variables(
    schema: GraphQLSchema, field: GraphQLField, node: FieldNode, definition: OperationDefinitionNode
) -> Iterator[tuple[str, str, Any]]:
    """The arguments that are a variable of the same kind of type: their name, the variable's name and its type."""
    types = {each.variable.name.value: each.type for each in definition.variable_definitions or ()}
    values = {each.name.value: each.value for each in node.arguments or ()}
    found = {name: value.name.value for name, value in values.items() if isinstance(value, VariableNode)}
    uses = Counter(found.values())
    for name, variable in found.items():
        if name in field.args and variable in types and uses[variable] == 1:
            type_ = type_from_ast(schema, types[variable])
            if type_ is not None and _same_shape(type_, field.args[name].type):
                yield name, variable, type_


def _same_shape(left: Any, right: Any) -> bool:
    """Whether two types differ in nothing but in what may be null."""
    while True:
        left, right = (each.of_type if is_non_null_type(each) else each for each in (left, right))
        if not (is_list_type(left) and is_list_type(right)):
            return left is right
        left, right = left.of_type, right.of_type
