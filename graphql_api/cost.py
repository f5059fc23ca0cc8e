"""What an operation costs: what its execution is expected to take of the processor, known before it begins.

The unit is about 5 µs, what a plain field takes. The cost of a selection is the sum over its fields; that of a field

    own + items x (each + cost of the selection below)

with `own`, `each` and `items` as its weight says (`graphql_api.weights`), and 1 for the items of a field that is no
list. What is done for all objects at once, such as the statement of a batch, is added `once` for each place in the
document. Items are counted before anything is read, so they are as many as may come: `first`, the length of a list
argument, or a constant. Where the type is an interface or a union, the dearest of its types counts. What @skip and
@include leave out costs nothing. A fragment costs as much again wherever it is spread.

An operation is looked at once. What comes of it is a list of steps, each an addition, a product or a look at a
variable, which is run with the variables of a request, or a figure where no variable matters. Variables are raw JSON:
one of a wrong type counts as some number of items, whichever, since execution will refuse it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    GRAPHQL_MAX_INT,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    NamedTypeNode,
    OperationDefinitionNode,
    SchemaMetaFieldDef,
    SelectionNode,
    SelectionSetNode,
    TypeMetaFieldDef,
    TypeNameMetaFieldDef,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_list_type,
    is_object_type,
    value_from_ast_untyped,
)

from graphql_api.errors import Code, RequestError
from graphql_api.weights import Above, Given, Weight, Weights

COST_CEILING = 2**53 - 1
"""No cost is told to be higher: the largest whole number that every reader of JSON reads exactly."""
_ITEMS_UNKNOWN = 10
_META = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef, "__typename": TypeNameMetaFieldDef}

Variables: TypeAlias = Mapping[str, Any]
_Step: TypeAlias = Callable[[list[int], Variables], int]


class _Value(NamedTuple):
    """What a step will come to."""

    step: int


_Term: TypeAlias = int | _Value


class _Cost(NamedTuple):
    """The cost of a selection: on each object, more for each item of the page that it belongs to, and once for all."""

    fixed: _Term = 0
    of_page: _Term = 0
    once: _Term = 0


_FREE = _Cost()


class Price:
    """What an operation costs, whatever its variables."""

    def __init__(self, steps: list[_Step], total: _Term) -> None:
        self._steps = steps
        self._total = total

    def __call__(self, variables: Variables) -> int:
        """The cost with these variables, in units of about 5 µs.

        Raises:
            RequestError: LIMIT_EXCEEDED; an argument asks for more items than it may.
        """
        values: list[int] = []
        for step in self._steps:
            values.append(step(values, variables))
        total = self._total if isinstance(self._total, int) else values[self._total.step]
        return min(total, COST_CEILING)


def price(schema: GraphQLSchema, weights: Weights, document: DocumentNode, operation: OperationDefinitionNode) -> Price:
    """What one operation of a valid document costs.

    Raises:
        RequestError: LIMIT_EXCEEDED; an argument asks for more items than it may, whatever the variables.
    """
    root = schema.get_root_type(operation.operation)
    pricing = _Pricing(schema, weights, document, operation)
    total = _FREE if root is None else pricing.selection(operation.selection_set, root)
    return Price(pricing.steps, pricing.add([total.fixed, total.once]))


class _Pricing:
    """Turns an operation into steps. Each selection is looked at once for each type that it may be made on."""

    def __init__(
        self, schema: GraphQLSchema, weights: Weights, document: DocumentNode, operation: OperationDefinitionNode
    ) -> None:
        self.steps: list[_Step] = []
        self._schema = schema
        self._weights = weights
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._defaults = {
            node.variable.name.value: value_from_ast_untyped(node.default_value)
            for node in operation.variable_definitions or ()
            if node.default_value is not None
        }
        self._known: dict[tuple[int, str], _Cost] = {}

    def selection(self, selection_set: SelectionSetNode, parent: GraphQLObjectType) -> _Cost:
        """What a selection costs on one object."""
        key = (id(selection_set), parent.name)
        known = self._known.get(key)
        if known is None:
            costs = [_FREE, *self._each(selection_set.selections, parent)]
            known = self._known[key] = _Cost(*(self.add(list(parts)) for parts in zip(*costs, strict=True)))
        return known

    def _each(self, selections: Iterable[SelectionNode], parent: GraphQLObjectType) -> Iterable[_Cost]:
        for selection in selections:
            included = self._included(selection.directives or ())
            if included == 0:
                continue
            yield _Cost(*(self._product(included, part) for part in self._one(selection, parent)))

    def _one(self, selection: SelectionNode, parent: GraphQLObjectType) -> _Cost:
        if isinstance(selection, FieldNode):
            return self._field(selection, parent)
        fragment: Any = selection
        if isinstance(selection, FragmentSpreadNode):
            fragment = self._fragments[selection.name.value]
        return self.selection(fragment.selection_set, parent) if self._applies(fragment, parent) else _FREE

    def _field(self, node: FieldNode, parent: GraphQLObjectType) -> _Cost:
        name = node.name.value
        field: GraphQLField = _META[name] if name in _META else parent.fields[name]
        weight = self._weights.of(parent.name, name, field)
        below = self._below(node, field)
        in_list = is_list_type(get_nullable_type(field.type))
        once = self.add([weight.once, below.once])
        if weight.items is Above.PAGE:
            return _Cost(weight.own, self.add([weight.each, below.fixed]), once)
        if weight.items is None and not in_list:
            return _Cost(self.add([weight.own, weight.each, below.fixed]), below.of_page, once)
        items = self._items(node, weight)
        if in_list:
            item = self.add([weight.each, below.fixed])
            return _Cost(self.add([weight.own, self._product(items, item)]), 0, once)
        item = self.add([weight.each, below.of_page])
        return _Cost(self.add([weight.own, below.fixed, self._product(items, item)]), 0, once)

    def _below(self, node: FieldNode, field: GraphQLField) -> _Cost:
        if node.selection_set is None:
            return _FREE
        kind = get_named_type(field.type)
        if is_object_type(kind):
            return self.selection(node.selection_set, kind)
        if not is_abstract_type(kind):
            return _FREE
        costs = [self.selection(node.selection_set, each) for each in self._schema.get_possible_types(kind)]
        return _Cost(*(self._maximum(list(parts)) for parts in zip(*costs, strict=True)))

    def _applies(self, fragment: Any, parent: GraphQLObjectType) -> bool:
        condition: NamedTypeNode | None = fragment.type_condition
        if condition is None or condition.name.value == parent.name:
            return True
        kind = self._schema.get_type(condition.name.value)
        return is_abstract_type(kind) and self._schema.is_sub_type(kind, parent)

    def _items(self, node: FieldNode, weight: Weight) -> _Term:
        given = weight.items
        if not isinstance(given, Given):
            return given if isinstance(given, int) else _ITEMS_UNKNOWN
        default, maximum, of = int(given.default), int(given.maximum), given.of
        arguments = {each.name.value: each.value for each in node.arguments or ()}
        asked = [(name, self._argument(arguments[name])) for name in given.arguments if name in arguments]

        def items(_values: list[int], variables: Variables) -> int:
            counts = [(name, _count(argument(variables))) for name, argument in asked]
            for name, count in counts:
                if of is not None and count is not None and count > maximum:
                    raise _too_many(f"{name}: {count} is more than the {maximum} {of}", node)
            return min(next((count for _, count in counts if count is not None), default), maximum)

        variable = any(isinstance(arguments.get(name), VariableNode) for name in given.arguments)
        return self._step(items) if variable else items([], {})

    def _argument(self, node: ValueNode | None) -> Callable[[Variables], Any]:
        if isinstance(node, VariableNode):
            name = node.name.value
            default = self._defaults.get(name)
            return lambda variables: variables.get(name, default)
        value = _shallow(node)
        return lambda _variables: value

    def _included(self, directives: Iterable[DirectiveNode]) -> _Term:
        """1 where @skip and @include leave a selection in, 0 where they leave it out."""
        included: _Term = 1
        for directive in directives:
            name = directive.name.value
            if name in ("skip", "include") and directive.arguments:
                node, wanted = directive.arguments[0].value, name == "include"
                condition = self._argument(node)
                if isinstance(node, VariableNode):
                    step = self._step(_is(condition, wanted=wanted))
                    included = self._product(included, step)
                elif bool(condition({})) is not wanted:
                    return 0
        return included

    def add(self, terms: list[_Term]) -> _Term:
        known = sum(term for term in terms if isinstance(term, int))
        places = [term.step for term in terms if isinstance(term, _Value)]
        if not places:
            return known
        if len(places) == 1 and known == 0:
            return _Value(places[0])
        return self._step(lambda values, _: known + sum(values[place] for place in places))

    def _product(self, one: _Term, other: _Term) -> _Term:
        if isinstance(one, int):
            if isinstance(other, int):
                return one * other
            one, other = other, one
        if isinstance(other, int):
            if other in (0, 1):
                return one if other else 0
            place, factor = one.step, other
            return self._step(lambda values, _: values[place] * factor)
        first, second = one.step, other.step
        return self._step(lambda values, _: values[first] * values[second])

    def _maximum(self, terms: list[_Term]) -> _Term:
        known = max((term for term in terms if isinstance(term, int)), default=0)
        places = list(dict.fromkeys(term.step for term in terms if isinstance(term, _Value)))
        if not places:
            return known
        return self._step(lambda values, _: max(known, *(values[place] for place in places)))

    def _step(self, step: _Step) -> _Value:
        self.steps.append(step)
        return _Value(len(self.steps) - 1)


def _too_many(message: str, node: FieldNode) -> RequestError:
    return RequestError(Code.LIMIT_EXCEEDED, GraphQLError(message, node))


def _is(condition: Callable[[Variables], Any], *, wanted: bool) -> _Step:
    return lambda _values, variables: int((condition(variables) is True) is wanted)


def _shallow(node: ValueNode | None) -> Any:
    """The value of a literal, of a list only its length: what is in it does not matter."""
    values = getattr(node, "values", None)
    return [None] * len(values) if values is not None else None if node is None else value_from_ast_untyped(node)


def _count(value: Any) -> int | None:
    """How many items a value asks for; None where it does not say. One value stands for a list of it."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        # What is beyond is no Int of GraphQL.
        return max(0, int(value)) if value <= GRAPHQL_MAX_INT else None
    return len(value) if isinstance(value, list) else 1
