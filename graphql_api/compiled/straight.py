"""Straight code: for fields that are values of a row or attributes of an object, one expression in place of many calls.

The code assumes that all is as it should be and raises otherwise; the careful way then does the object again, which it
may, since reading values and attributes changes nothing: a property is taken for an attribute, and may be read twice.
"""

import keyword
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from graphql import (
    GraphQLLeafType,
    GraphQLOutputType,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)

from graphql_api.compiled.leaves import Unexpected, shown_as_it_is, straight, unexpected
from graphql_api.compiled.records import Column, Computed, Layout, Nested, NestedList, Reader
from graphql_api.compiled.selection import Field, Selection

LAYOUTS_MAX = 8
"""The most layouts that code is made for, for each selection."""


class Code(NamedTuple):
    """What was made for one selection, and one layout of rows or objects."""

    one: Callable[[Any], dict[str, Any]]
    """The response's object of a row or an object; of fields in `rest` it has the keys alone."""
    many: Callable[[Sequence[Any]], list[dict[str, Any]]]
    """The same, for many."""
    rest: Sequence[Field]
    """The fields that are resolved."""


def code_of(selection: Selection, layout: Layout | None) -> Code | None:
    """The code for rows of a layout, or for objects where there is none; None where there is nothing to be won."""
    made = selection.made
    if layout not in made:
        if len(made) >= LAYOUTS_MAX:
            del made[next(iter(made))]
        made[layout] = _written(selection, layout)
    code: Code | None = made[layout]
    return code


def _written(selection: Selection, layout: Layout | None) -> Code | None:
    writer = _Writer()
    try:
        expression = writer.outermost(selection, layout)
        if len(writer.rest) == len(selection.fields):
            return None
        source = f"def one(s):\n    return {expression}\ndef many(ss):\n    return [one(s) for s in ss]\n"
        exec(compile(source, "<compiled selection>", "exec"), writer.names)  # noqa: S102 — see `_Writer.name`.
    except Exception:  # noqa: BLE001 — whatever is in the way of a faster way, there is the other one.
        return None
    return Code(writer.names["one"], writer.names["many"], writer.rest)


class _Resolved(Exception):  # noqa: N818
    """A field, or something below it, has to be resolved."""


class _Writer:
    """Writes an expression. Of the document it holds the response's keys alone, as literals."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"absent": _absent, "expected": _expected, "items": _items, "inf": float("inf")}
        self.rest: list[Field] = []
        self._count = 0

    def outermost(self, selection: Selection, layout: Layout | None) -> str:
        parts = []
        for field in selection.fields:
            try:
                value = self._field(field, "s", layout)
            except _Resolved:
                self.rest.append(field)
                value = "None"
            parts.append(f"{field.key!r}: {value}")
        return f"{{{', '.join(parts)}}}"

    def _object(self, selection: Selection, source: str, layout: Layout | None) -> str:
        if layout is None and all(field.is_typename for field in selection.fields):
            raise _Resolved  # Nothing would be read of what may be no object at all.
        return f"{{{', '.join(f'{each.key!r}: {self._field(each, source, layout)}' for each in selection.fields)}}}"

    def _field(self, field: Field, source: str, layout: Layout | None) -> str:
        if field.is_typename:
            return repr(field.parent.name)
        if field.takes_arguments:
            raise _Resolved
        if layout is not None:
            reader = layout.readers.get(field.name)
            if reader is None:
                raise _Resolved
            return self._read(field, reader, source)
        attribute = field.resolving.attribute
        if attribute is None or not attribute.isidentifier() or keyword.iskeyword(attribute):
            raise _Resolved
        return self._value(field, field.type, f"{source}.{attribute}")

    def _read(self, field: Field, reader: Reader, source: str) -> str:
        never_null = is_non_null_type(field.type)
        if isinstance(reader, Nested):
            value = self._object(self._selection(field, reader.layout), source, reader.layout)
            if reader.present is None:
                return value
            return f"({self._absence(never_null)} if {source}[{reader.present}] is None else {value})"
        if isinstance(reader, NestedList):
            row = self._local()
            each = self._object(self._selection(field, reader.layout), row, reader.layout)
            return f"[{each} for {row} in {self.name(reader.rows)}({source})]"
        if isinstance(reader, Computed):
            value, ready = f"{self.name(reader.function)}({source})", reader.ready
        else:
            value, ready = self._column(reader, source), reader.ready
        if not ready:
            return self._value(field, field.type, value)
        if not never_null:
            return value
        local = self._local()
        return f"({local} if ({local} := {value}) is not None else absent())"

    def _column(self, column: Column, source: str) -> str:
        value = f"{source}[{column.position}]"
        if column.convert is None:
            return value
        return f"(None if {value} is None else {self.name(column.convert)}({value}))"

    def _selection(self, field: Field, layout: Layout) -> Selection:
        selection = field.selections.get(layout.type_name)
        if selection is None:
            raise _Resolved
        return selection

    def _value(self, field: Field, type_: GraphQLOutputType, value: str) -> str:
        """An expression of a completed value, for values that are nothing unusual."""
        never_null = is_non_null_type(type_)
        of_type = type_.of_type if is_non_null_type(type_) else type_
        local = self._local()
        if is_leaf_type(of_type):
            return self._leaf(of_type, value, local, never_null=never_null)
        if is_list_type(of_type):
            item = self._local()
            completed = f"[{self._value(field, of_type.of_type, item)} for {item} in items({local})]"
        elif is_object_type(of_type) and of_type.is_type_of is None:
            completed = self._object(field.selections[of_type.name], local, None)
            value = f"expected({value})"
        else:
            raise _Resolved
        return f"({self._absence(never_null)} if ({local} := {value}) is None else {completed})"

    def _leaf(self, type_: GraphQLLeafType, value: str, local: str, *, never_null: bool) -> str:
        otherwise = f"{self.name(straight(type_))}({local})"
        condition = shown_as_it_is(type_, local)
        if never_null:
            if condition is None:
                return f"{self.name(straight(type_))}({value})"
            return self._if(condition, local, value, otherwise)
        if condition is None:
            return f"(None if ({local} := {value}) is None else {otherwise})"
        return f"(None if ({local} := {value}) is None else {local} if {condition} else {otherwise})"

    @staticmethod
    def _if(condition: str, local: str, value: str, otherwise: str) -> str:
        """The condition names the local first, so that it is bound there."""
        return f"({local} if {condition.replace(local, f'({local} := {value})', 1)} else {otherwise})"

    @staticmethod
    def _absence(never_null: bool) -> str:
        return "absent()" if never_null else "None"

    def name(self, value: Any) -> str:
        """A name for an object that the code uses. No text of a document becomes code: keys are written by repr."""
        name = f"f{len(self.names)}"
        self.names[name] = value
        return name

    def _local(self) -> str:
        self._count += 1
        return f"x{self._count}_"


def _absent() -> Any:
    raise Unexpected


def _expected(value: Any) -> Any:
    if value is not None and unexpected(value):
        raise Unexpected
    return value


def _items(value: Any) -> Any:
    if value.__class__ is not list and value.__class__ is not tuple:
        raise Unexpected
    return value
