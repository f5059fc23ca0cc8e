"""Coercion of JSON values by functions that are made once for each input type of a schema.

They hope for the usual: JSON of the type that is asked for. Of anything else they say only that it is unlike that, and
graphql-core, which says exactly what is wrong with it, reads the value again.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import count
from threading import RLock
from typing import Any, TypeAlias
from uuid import UUID

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLScalarType,
    GraphQLString,
    Undefined,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
)
from graphql.utilities.coerce_input_value import coerce_default_value

Coerce: TypeAlias = Callable[[Any, int], Any]
"""Takes a JSON value and how many lists and objects are around it; gives the coerced value.

Whatever it raises means that the value is not as hoped, and says no more than that."""

DEPTH_MAX = 100
"""Lists and objects in one another that are read here; graphql-core, which accepts 200, decides beyond this."""


class Unlike(Exception):  # noqa: N818  No error: the value is read again by graphql-core.
    """A value is not as hoped."""


_CHECKS = {
    GraphQLString: ("if type({v}) is not str:", "    raise unlike"),
    GraphQLBoolean: ("if {v} is not True and {v} is not False:", "    raise unlike"),
    GraphQLID: ("if type({v}) is not str:", "    {v} = {leaf}({v})"),
    GraphQLInt: ("if type({v}) is not int or not -2147483648 <= {v} <= 2147483647:", "    {v} = {leaf}({v})"),
    GraphQLFloat: (
        # What is not finite is not zero less itself; an integer is kept exactly up to 2 to the 53rd.
        "if type({v}) is not float or {v} - {v} != 0.0:",
        "    if type({v}) is int and -9007199254740992 <= {v} <= 9007199254740992:",
        "        {v} = float({v})",
        "    else:",
        "        {v} = {leaf}({v})",
    ),
}
"""The lines that coerce a value of a specified scalar. None does not get past them."""
_OWN_COERCERS = {scalar: scalar.coerce_input_value for scalar in _CHECKS}
CONSTANTS = (str, int, float, bool, type(None), Enum, datetime, date, time, timedelta, Decimal, UUID)
"""Types whose values nobody can change."""
_SINGLE = frozenset({str, int, float, bool, dict})


class Coercers:
    """The coercing functions of one schema, each made when it is first asked for.

    `mine` goes along with a GraphQL type for subclasses that make something else of the values than dictionaries.
    """

    def __init__(self) -> None:
        self._names: dict[Any, str] = {}
        self._leaves: dict[str, Coerce] = {}
        self._numbers = count()
        self._lock = RLock()
        self._globals: dict[str, Any] = {
            "unlike": Unlike,
            "missing": Undefined,
            "one": _one,
            "DEPTH_MAX": DEPTH_MAX,
        }

    def of(self, type_: Any, mine: Any = None) -> Coerce:
        """The function for an input type."""
        nullable = type_.of_type if is_non_null_type(type_) else type_
        if is_list_type(nullable):
            # A document may wrap a type into any lists that it likes: nothing of that is kept.
            present = _list_of(self.of(nullable.of_type, self._item(mine)))
        else:
            with self._lock:
                present = self._named(nullable, mine)
        return (
            present if type_ is not nullable else lambda value, depth: value if value is None else present(value, depth)
        )

    def _named(self, type_: Any, mine: Any) -> Coerce:
        """The function for values of a named type that are not null."""
        if isinstance(type_, GraphQLInputObjectType):
            function: Coerce = self._globals[self._object(type_, mine)]
            return function
        if type_.name not in self._leaves:
            body = ["if v is None:", "    raise unlike", *self._leaf(type_, "v"), "return v"]
            self._leaves[type_.name] = self._define(f"leaf_{next(self._numbers)}", body)
        return self._leaves[type_.name]

    def _object(self, type_: GraphQLInputObjectType, mine: Any) -> str:
        """The name of the function for an input object; where a type holds itself, it has yet to be defined."""
        key = self._key(type_, mine)
        if key not in self._names:
            self._names[key] = name = f"object_{next(self._numbers)}"
            head = ["if depth > DEPTH_MAX or type(v) is not dict:", "    raise unlike", "get = v.get", "found = 0"]
            try:
                self._define(name, [*head, *self._body(type_, mine)])
            except BaseException:
                del self._names[key]
                raise
        return self._names[key]

    def _body(self, type_: GraphQLInputObjectType, mine: Any) -> Iterator[str]:
        """The lines that make of `v`, which is a dictionary, what is returned."""
        yield "out = {}"
        for name, field in type_.fields.items():
            put = f"out[{field.out_name or name!r}] ="
            yield from self._field(name, field, mine, "x", put)
        if type_.is_one_of:
            yield "if found != 1 or len(out) != 1 or None in out.values():"
            yield "    raise unlike"
        yield "if found != len(v):"
        yield "    raise unlike"
        own = type_.out_type is not GraphQLInputObjectType.out_type
        yield f"return {self._name(type_.out_type)}(out)" if own else "return out"

    def _field(self, name: str, field: GraphQLInputField, mine: Any, v: str, put: str) -> Iterator[str]:
        """The lines that read a field into the variable `v`, and use it with `put` where it is given."""
        yield f"{v} = get({name!r}, missing)"
        yield f"if {v} is not missing:"
        yield "    found += 1"
        yield from _indented(self._value(field.type, mine, v))
        if put:
            yield f"    {put} {v}"
        yield "else:"
        yield from _indented(
            ["raise unlike"] if is_required_input_field(field) else self._left_out(field, mine, put or f"{v} =")
        )

    def _left_out(self, field: GraphQLInputField, mine: Any, put: str) -> Iterator[str]:  # noqa: ARG002  For subclasses.
        """The lines that use a field's default, the same object for every request, as graphql-core does."""
        try:
            default = coerce_default_value(field)
        except TypeError:
            yield "raise unlike"  # What is wrong with the default, graphql-core says.
        else:
            yield "pass" if default is Undefined else f"{put} {self._name(default)}"

    def _value(self, type_: Any, mine: Any, v: str, depth: int = 1) -> Iterator[str]:
        """The lines that put into the variable `v` what becomes of the value that it holds."""
        if is_non_null_type(type_):
            if type_.of_type not in _CHECKS:
                yield f"if {v} is None:"
                yield "    raise unlike"
            yield from self._present(type_.of_type, mine, v, depth)
        else:
            yield f"if {v} is not None:"
            yield from _indented(self._present(type_, mine, v, depth))

    def _present(self, type_: Any, mine: Any, v: str, depth: int) -> Iterator[str]:
        """The same for a nullable type and a value that is not null."""
        if is_list_type(type_):
            items, item = (f"{word}_{next(self._numbers)}" for word in ("items", "item"))
            yield f"if type({v}) is not list:"
            yield f"    {v} = one({v})"
            yield f"{items} = []"
            yield f"for {item} in {v}:"
            yield from _indented(self._value(type_.of_type, self._item(mine), item, depth + 1))
            yield f"    {items}.append({item})"
            yield f"{v} = {items}"
        elif isinstance(type_, GraphQLInputObjectType):
            yield f"{v} = {self._object(type_, mine)}({v}, depth + {depth})"
        else:
            yield from self._leaf(type_, v)

    def _leaf(self, type_: GraphQLScalarType | GraphQLEnumType, v: str) -> Iterator[str]:
        if isinstance(type_, GraphQLScalarType) and type_.coerce_input_value is _OWN_COERCERS.get(type_):
            leaf = self._name(type_.coerce_input_value)
            yield from (line.format(v=v, leaf=leaf) for line in _CHECKS[type_])
            return
        values = _constants(type_)
        if values is not None:
            yield f"{v} = {self._name(values)}[{v}]"
            return
        yield f"{v} = {self._name(type_.coerce_input_value)}({v})"
        yield f"if {v} is missing:"
        yield "    raise unlike"

    def _item(self, mine: Any) -> Any:
        """What goes along with the items of a list."""
        return mine

    def _key(self, type_: GraphQLInputObjectType, mine: Any) -> Any:  # noqa: ARG002  Subclasses read it.
        """What there is one function for."""
        return type_.name

    def _name(self, value: Any) -> str:
        """A name for a value in the generated code."""
        name = f"value_{next(self._numbers)}"
        self._globals[name] = value
        return name

    def _define(self, name: str, body: Iterable[str]) -> Coerce:
        source = "\n".join([f"def {name}(v, depth):", *_indented(body)])
        exec(compile(source, f"<{name}>", "exec"), self._globals)  # noqa: S102  The schema's names are quoted in it.
        function: Coerce = self._globals[name]
        return function


def _constants(type_: GraphQLScalarType | GraphQLEnumType) -> dict[str, Any] | None:
    """What an enum type makes of each name; None where something of it could be changed by who gets it."""
    if not isinstance(type_, GraphQLEnumType):
        return None
    try:
        values = {name: type_.coerce_input_value(name) for name in type_.values}
    except Exception:  # noqa: BLE001  Python's enum may lack a value; then each is asked for when it is needed.
        return None
    return values if all(isinstance(value, CONSTANTS) for value in values.values()) else None


def _list_of(item: Coerce) -> Coerce:
    def coerce(value: Any, depth: int) -> list[Any]:
        if depth > DEPTH_MAX:
            raise Unlike
        inner = depth + 1
        return [item(each, inner) for each in (value if type(value) is list else _one(value))]

    return coerce


def _one(value: Any) -> list[Any]:
    """A single value stands for a list of one, if nothing can be taken out of it."""
    if type(value) not in _SINGLE:
        raise Unlike
    return [value]


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)
