"""What a change of the schema would break in clients: the rules of docs/deprecation.md."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from graphql import (
    REMOVE,
    DirectiveDefinitionNode,
    DirectiveNode,
    DocumentNode,
    EnumValueDefinitionNode,
    FieldDefinitionNode,
    GraphQLSchema,
    InputValueDefinitionNode,
    Node,
    StringValueNode,
    Visitor,
    build_ast_schema,
    is_input_object_type,
    parse,
    visit,
)
from graphql.utilities import (
    BreakingChangeType,
    DangerousChangeType,
    find_breaking_changes,
    find_dangerous_changes,
)

REASON: Final = re.compile(r"Use .+\. Goes after (\d{4}-\d{2}-\d{2})\.")
"""What a deprecation says: what to use in its place, and until when it is there at least."""
NOTICE: Final = timedelta(days=180)
"""How long a deprecation stands at least before its day: the six months of docs/deprecation.md."""
# Whoever left an argument out gets another answer than before.
_DEFAULTS = {DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE, DangerousChangeType.INPUT_FIELD_DEFAULT_VALUE_CHANGE}


class Changes(NamedTuple):
    """What a client would notice, a line each."""

    breaking: list[str]
    """Documents or programs that worked fail, or mean something else."""
    dangerous: list[str]
    """A client that does not expect additions, as of a value to an enum, could stumble."""


def changes(before: str, after: str, today: date) -> Changes:
    """Compare two schemas, given in the schema definition language.

    What was deprecated before may be missing after, once its day has passed, and with it the types to which
    nothing else led.
    """
    document = parse(before)
    promised = _schema(_without_outlived(document, today))
    now = _schema(_without_outlived(parse(after), today))
    outlived = _reachable(_schema(document)) - _reachable(promised)
    breaking = [
        change.description
        for change in find_breaking_changes(promised, now)
        if not (change.type is BreakingChangeType.TYPE_REMOVED and change.description.split()[0] in outlived)
    ]
    breaking.extend(f"{name} takes exactly one of its fields now." for name in _newly_one_of(promised, now))
    dangerous = find_dangerous_changes(promised, now)
    breaking.extend(change.description for change in dangerous if change.type in _DEFAULTS)
    return Changes(breaking, [change.description for change in dangerous if change.type not in _DEFAULTS])


def unclear_deprecations(schema: str) -> list[str]:
    """The reasons of deprecations that do not say what to use instead and a day, as `REASON` wants it."""
    faults: list[str] = []

    class Reasons(Visitor):
        def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
            if node.name.value == "deprecated" and _last_day(node) is None:
                faults.append(_reason(node) or "@deprecated without a reason")

    visit(parse(schema), Reasons())
    return faults


def hurried_deprecations(before: str, after: str, day: date) -> list[str]:
    """What clients learn on a day is deprecated, and would lose before they have had `NOTICE`; a sentence each.

    A day that clients were told before stands, but is not brought forward.
    """
    promised = _last_days(parse(before))
    earliest = day + NOTICE
    return [
        f"{name} is newly deprecated and goes after {last}: a deprecation has a day from {earliest} on."
        for name, last in _last_days(parse(after)).items()
        if last < min(earliest, promised.get(name, earliest))
    ]


def _schema(document: Any) -> GraphQLSchema:
    # Without what it has outlived, a type may be empty.
    return build_ast_schema(document, assume_valid=True)


def _without_outlived(document: Node, today: date) -> Node:
    """The schema without what is deprecated and may go."""

    class Outlived(Visitor):
        def _enter(self, node: Any, *_: Any) -> Any:
            deprecations = (item for item in node.directives or () if item.name.value == "deprecated")
            days = [_last_day(item) for item in deprecations]
            return REMOVE if any(day is not None and day < today for day in days) else None

        def enter_field_definition(self, node: FieldDefinitionNode, *_: Any) -> Any:
            return self._enter(node)

        def enter_input_value_definition(self, node: InputValueDefinitionNode, *_: Any) -> Any:
            return self._enter(node)

        def enter_enum_value_definition(self, node: EnumValueDefinitionNode, *_: Any) -> Any:
            return self._enter(node)

    without: Node = visit(document, Outlived())
    return without


def _reason(deprecation: DirectiveNode) -> str:
    values = [argument.value for argument in deprecation.arguments or () if argument.name.value == "reason"]
    return values[0].value if values and isinstance(values[0], StringValueNode) else ""


def _last_day(deprecation: DirectiveNode) -> date | None:
    """The day after which what is deprecated may go; None where the reason names none."""
    match = REASON.fullmatch(_reason(deprecation))
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def _last_days(document: DocumentNode) -> dict[str, date]:
    """The day of everything that is deprecated and has one, by schema coordinate.

    https://spec.graphql.org/draft/#sec-Schema-Coordinates
    """
    days: dict[str, date] = {}

    def note(name: str, node: Any) -> None:
        for item in node.directives or ():
            if item.name.value == "deprecated" and (day := _last_day(item)) is not None:
                days[name] = day
        for argument in getattr(node, "arguments", None) or ():
            note(f"{name}({argument.name.value}:)", argument)

    for definition in document.definitions:
        named: Any = definition
        if isinstance(definition, DirectiveDefinitionNode):
            note(f"@{named.name.value}", named)
        for member in getattr(named, "fields", None) or getattr(named, "values", None) or ():
            note(f"{named.name.value}.{member.name.value}", member)
    return days


def _reachable(schema: GraphQLSchema) -> set[str]:
    """The types that the roots lead to."""
    roots = GraphQLSchema(
        schema.query_type, schema.mutation_type, schema.subscription_type, directives=(), assume_valid=True
    )
    return set(roots.type_map)


def _newly_one_of(before: GraphQLSchema, after: GraphQLSchema) -> Iterator[str]:
    for name, type_ in before.type_map.items():
        now = after.type_map.get(name)
        if is_input_object_type(type_) and is_input_object_type(now) and now.is_one_of and not type_.is_one_of:
            yield name
