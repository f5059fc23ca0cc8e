"""Variables and arguments, compiled: what graphql-core's `get_variable_values` and `get_argument_values` give."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    get_argument_values,
    get_variable_values,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource

from graphql_api.compiled.coercion import Coerce, Coercers, Unlike
from graphql_api.compiled.literals import NO_VARIABLES, Constant, compile_part, constant

ERRORS_MAX = 50
"""Faults of the variables that are told at once: graphql-core's default for an execution."""

ReadVariables: TypeAlias = Callable[[Mapping[str, Any]], VariableValues | list[GraphQLError]]
ReadArguments: TypeAlias = Callable[[VariableValues], dict[str, Any]]


class Ahead(VariableValues):
    """The values of variables some of which were made into what their argument wants in place of the coerced value.

    The coerced values are made when they are asked for.
    """

    made: dict[str, Any]
    _coerce: Callable[[], dict[str, Any]]

    @classmethod
    def of(
        cls, sources: dict[str, VariableValueSource], made: dict[str, Any], coerce: Callable[[], dict[str, Any]]
    ) -> "Ahead":
        values = cls(sources, {})
        values.made, values._coerce = made, coerce
        return values

    @property
    def coerced(self) -> dict[str, Any]:
        coerced = self.__dict__.get("_coerced")
        if coerced is None:
            coerced = self.__dict__["_coerced"] = self._coerce()
        return coerced


class MakingAhead(Protocol):
    """What makes something else of variables."""

    @property
    def ahead(self) -> Mapping[str, Coerce]: ...


def used_once(making: Iterable[MakingAhead]) -> dict[str, Coerce]:
    """What is made ahead of an operation's variables: of those that a single field has as an argument."""
    making = [*making]
    uses = Counter(name for each in making for name in each.ahead)
    return {name: coerce for each in making for name, coerce in each.ahead.items() if uses[name] == 1}


def coercers_of(schema: GraphQLSchema) -> Coercers:
    """The schema's coercing functions, which live as long as the schema."""
    kept: Coercers = vars(schema).setdefault("_compiled_coercers", Coercers())
    return kept


def compile_variables(
    schema: GraphQLSchema,
    definition: OperationDefinitionNode,
    *,
    hide_suggestions: bool = False,
    ahead: Mapping[str, Coerce] | None = None,
) -> ReadVariables:
    """What reads the raw values of an operation's variables: equal to `get_variable_values`, errors included.

    `ahead` has for a variable, by its name, a function that accepts what its type accepts and no more, and makes
    something else of it. What it makes is in `made` of the values that are then `Ahead`.
    """
    nodes = definition.variable_definitions or ()

    def exactly(raw: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        return get_variable_values(schema, nodes, dict(raw), ERRORS_MAX, hide_suggestions)

    signatures = [get_variable_signature(schema, node) for node in nodes]
    coercers = coercers_of(schema)
    try:
        plans = [_Variable(each, coercers) for each in signatures if not isinstance(each, GraphQLError)]
    except Exception:  # noqa: BLE001  Whatever is in the way, graphql-core says at each request what it says of it.
        return exactly
    if len(plans) < len(signatures):
        return exactly
    early = ahead or {}

    def read(raw: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        made: dict[str, Any] = {}
        try:
            for plan in plans:
                value = raw.get(plan.name, Undefined)
                sources[plan.name] = VariableValueSource(plan.signature, value)
                if value is Undefined:
                    plan.leave_out(coerced)
                elif value is not None and plan.name in early:
                    made[plan.name] = early[plan.name](value, 0)
                    coerced[plan.name] = Undefined  # It keeps the place.
                else:
                    coerced[plan.name] = plan.coerce(value, 0)
        except Exception:  # noqa: BLE001  As above.
            return exactly(raw)
        if not made:
            return VariableValues(sources, coerced)
        late = {plan.name: plan.coerce for plan in plans if plan.name in made}
        return Ahead.of(sources, made, lambda: {**coerced, **{name: late[name](raw[name], 0) for name in late}})

    return read


class _Variable:
    """How one variable is read.

    Raises:
        Unlike: its default cannot be.
    """

    def __init__(self, signature: GraphQLVariableSignature, coercers: Coercers) -> None:
        self.name = signature.name
        self.signature = signature
        self.coerce = coercers.of(signature.type)
        self.no_source = VariableValueSource(signature)
        self._required = is_non_null_type(signature.type)
        literal = None if signature.default is None else signature.default.literal
        self._default = None if literal is None else constant(literal, signature.type)

    def leave_out(self, coerced: dict[str, Any]) -> None:
        """What a variable is that was not given.

        Raises:
            Unlike: it has to be given.
        """
        if self._default is not None:
            coerced[self.name] = self._default(NO_VARIABLES)
        elif self._required:
            raise Unlike


def compile_arguments(field: GraphQLField, node: FieldNode, *, hide_suggestions: bool = False) -> ReadArguments:
    """What gives a field's arguments: equal to `get_argument_values`, what it raises included.

    What is written in the document is coerced once, so that a scalar must read a literal as the same value each time.
    Every call gives lists and dictionaries of its own, except for the defaults of the schema and the values of
    variables, which graphql-core hands to all as well.
    """

    def exactly(values: VariableValues) -> dict[str, Any]:
        return get_argument_values(field, node, values, None, hide_suggestions)

    written = {each.name.value: each.value for each in node.arguments or ()}
    try:
        plans = [
            (argument.out_name or name, compile_part(argument, written.get(name)))
            for name, argument in field.args.items()
        ]
    except Exception:  # noqa: BLE001  Whatever is in the way, graphql-core says at each request what it says of it.
        return exactly
    if all(isinstance(plan, Constant) for _, plan in plans):
        constants = {name: value for name, plan in plans if (value := plan(NO_VARIABLES)) is not Undefined}
        return lambda _: constants.copy()

    def read(values: VariableValues) -> dict[str, Any]:
        try:
            return {name: value for name, plan in plans if (value := plan(values)) is not Undefined}
        except Exception:  # noqa: BLE001  As above.
            return exactly(values)

    return read
