"""Documents that are changed at random and stay valid most of the time."""

import re
from random import Random
from typing import Any

from graphql import (
    ArgumentNode,
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NamedTypeNode,
    NameNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    get_named_type,
    parse,
    print_ast,
    value_from_ast_untyped,
    visit,
)
from graphql.language import parse_type

from graphql_api.ids import encode_id

HOSTILE: list[Any] = [None, 1, -1, 1.5, "", "x", True, [], {}, [None], {"x": 1}, [[1]], 2**40]
WORDS = ["UA", "AA", "EWR", "JFK", "IAH", "LAX", "N14228", "unknown", ""]
KEYS: list[tuple[str, str | int]] = [
    ("Flight", 1),
    ("Airport", "EWR"),
    ("Airline", "UA"),
    ("Aircraft", "N14228"),
    ("X", 1),
]


def mutated(schema: GraphQLSchema, text: str, random: Random) -> tuple[str, dict[str, Any]]:
    """A query and raw values for the variables that it got."""
    mutation = _Mutation(schema, random)
    document = parse(text, no_location=True)
    changed: DocumentNode = visit(document, TypeInfoVisitor(mutation.types, mutation))
    operation = changed.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    rest = (*changed.definitions[1:], *mutation.fragments)
    used = print_ast(DocumentNode(definitions=(operation, *rest)))
    variables = [each for each in mutation.declared if re.search(rf"\${each.variable.name.value}\b", used)]
    declared = OperationDefinitionNode(
        operation=OperationType.QUERY,
        selection_set=operation.selection_set,
        directives=(),
        variable_definitions=tuple(variables),
    )
    printed = print_ast(DocumentNode(definitions=(declared, *rest)))
    return printed, mutation.variables


class _Mutation(Visitor):
    def __init__(self, schema: GraphQLSchema, random: Random) -> None:
        super().__init__()
        self.types = TypeInfo(schema)
        self.declared: list[VariableDefinitionNode] = []
        self.variables: dict[str, Any] = {}
        self.fragments: list[FragmentDefinitionNode] = []
        self._random = random
        self._instant = schema.type_map.get("DateTime")

    def leave_string_value(self, node: StringValueNode, *_: Any) -> StringValueNode:
        type_ = get_named_type(self.types.get_input_type())
        if type_ is GraphQLID and self._random.random() < 0.9:
            return StringValueNode(value=encode_id(*self._random.choice(KEYS)))
        if type_ is self._instant or self._random.random() < 0.3:
            return node
        return StringValueNode(value=self._random.choice(WORDS))

    def leave_int_value(self, node: IntValueNode, *_: Any) -> IntValueNode | StringValueNode:
        if get_named_type(self.types.get_input_type()) is GraphQLID:
            return StringValueNode(value=encode_id(*self._random.choice(KEYS)))
        return IntValueNode(value=str(int(node.value) % 5)) if self._random.random() < 0.9 else node

    def leave_object_value(self, node: ObjectValueNode, *_: Any) -> ObjectValueNode:
        type_ = get_named_type(self.types.get_input_type())
        one_of = isinstance(type_, GraphQLInputObjectType) and type_.is_one_of
        return ObjectValueNode(fields=node.fields[:1]) if one_of else node

    def leave_argument(self, node: ArgumentNode, *_: Any) -> ArgumentNode:
        type_ = self.types.get_input_type()
        if type_ is None or self._random.random() > 0.4 or "$" in print_ast(node.value):
            return node
        value = value_from_ast_untyped(node.value)
        chance = self._random.random()
        if chance < 0.04:
            value = self._random.choice(HOSTILE)
        return ArgumentNode(name=node.name, value=self._variable(str(type_), value, given=chance < 0.97))

    def leave_field(self, node: FieldNode, *_: Any) -> FieldNode:
        alias = NameNode(value=f"a{self._random.randrange(1_000)}") if self._random.random() < 0.2 else node.alias
        directives = (*(node.directives or ()), *self._conditions())
        return FieldNode(
            name=node.name,
            alias=alias,
            arguments=self._kept(node.arguments),
            directives=directives,
            selection_set=node.selection_set,
        )

    def leave_inline_fragment(self, node: InlineFragmentNode, *_: Any) -> InlineFragmentNode:
        directives = (*(node.directives or ()), *self._conditions())
        return InlineFragmentNode(
            type_condition=node.type_condition, directives=directives, selection_set=node.selection_set
        )

    def leave_selection_set(self, node: SelectionSetNode, *_: Any) -> SelectionSetNode:
        selections = [*node.selections]
        if self._random.random() < 0.2:
            selections.append(self._random.choice(selections))
        if self._random.random() < 0.15:
            selections.append(FieldNode(name=NameNode(value="__typename"), arguments=(), directives=()))
        made = SelectionSetNode(selections=tuple(selections))
        type_ = self.types.get_parent_type()
        if type_ is None or self._random.random() > 0.25:
            return made
        condition = NamedTypeNode(name=NameNode(value=type_.name))
        if self._random.random() < 0.5:
            inner = InlineFragmentNode(type_condition=condition, directives=self._conditions(), selection_set=made)
            return SelectionSetNode(selections=(inner, selections[0]))
        name = NameNode(value=f"F{len(self.fragments)}")
        self.fragments.append(
            FragmentDefinitionNode(
                name=name, type_condition=condition, directives=(), variable_definitions=(), selection_set=made
            )
        )
        return SelectionSetNode(
            selections=(selections[0], FragmentSpreadNode(name=name, directives=self._conditions(), arguments=()))
        )

    def _kept(self, arguments: tuple[ArgumentNode, ...] | None) -> tuple[ArgumentNode, ...]:
        """Without what would make of nearly every field an error."""
        left_out = {self._random.choice(["first", "last"]), "after", "before"} if self._random.random() < 0.95 else ()
        return tuple(each for each in arguments or () if each.name.value not in left_out)

    def _conditions(self) -> tuple[DirectiveNode, ...]:
        if self._random.random() > 0.1:
            return ()
        name, value = self._random.choice(["skip", "include"]), self._random.random() < 0.5
        condition = (
            BooleanValueNode(value=value)
            if self._random.random() < 0.4
            else self._variable("Boolean!", value, given=True)
        )
        argument = ArgumentNode(name=NameNode(value="if"), value=condition)
        return (DirectiveNode(name=NameNode(value=name), arguments=(argument,)),)

    def _variable(self, type_: str, value: Any, *, given: bool) -> VariableNode:
        name = f"v{len(self.declared)}"
        variable = VariableNode(name=NameNode(value=name))
        self.declared.append(VariableDefinitionNode(variable=variable, type=parse_type(type_), directives=()))
        if given:
            self.variables[name] = value
        return variable
