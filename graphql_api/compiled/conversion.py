"""Conversion to Strawberry's input types by functions that are made once for each type.

Strawberry does it in two steps: graphql-core coerces JSON to dictionaries, and `convert_argument` makes of these the
objects that resolvers get. `Conversion` is the second step, `Objects` both in one.
"""

from collections.abc import Callable, Iterator
from dataclasses import MISSING
from itertools import count
from keyword import iskeyword
from threading import RLock
from types import FunctionType
from typing import Any, NamedTuple, TypeAlias

from graphql import GraphQLInputField, GraphQLInputObjectType, GraphQLSchema, Undefined, is_list_type
from graphql.utilities.coerce_input_value import coerce_default_value
from strawberry import UNSET, Some
from strawberry.relay import GlobalID
from strawberry.types.arguments import _is_leaf_type
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional, has_object_definition
from strawberry.types.enum import has_enum_definition
from strawberry.types.lazy_type import LazyType

from graphql_api.compiled.coercion import Coerce, Coercers, Unlike

Change: TypeAlias = Callable[[Any], Any]


class NotCompilable(Exception):  # noqa: N818  No error: Strawberry does it itself.
    """There is no function for a type."""


class Parameter(NamedTuple):
    """What the constructor of an input type takes for one of its fields."""

    graphql_name: str
    python_name: str
    type: Any
    default: Any
    """As good as leaving it out: what is in the signature of the constructor, or Strawberry's None."""


class Conversion:
    """The converting functions of one schema, each made when it is first asked for."""

    def __init__(self, schema: GraphQLSchema) -> None:
        strawberry = schema._strawberry_schema  # type: ignore[attr-defined]  # Strawberry sets it.
        self._config = strawberry.config
        self._registry = strawberry.schema_converter.scalar_registry
        self._names: dict[type, str] = {}
        self._numbers = count()
        self._lock = RLock()
        self._globals: dict[str, Any] = {
            "UNSET": UNSET,
            "some": Some,
            "some_present": _some_present,
            "global_id": _global_id,
        }

    def of(self, type_: Any) -> Change | None:
        """What makes of a coerced value of a type what `convert_argument` does; None where that is the same.

        Raises:
            NotCompilable: Strawberry has to do it.
        """
        with self._lock:
            expression = self._expression(type_, "v")
            if expression == "v":
                return None
            function: Change = eval(f"lambda v: {expression}", self._globals)  # noqa: S307  Of our own names.
        return function

    def _expression(self, type_: Any, v: str) -> str:
        """What becomes of the value that the variable `v` holds."""
        type_ = unwrapped(type_)
        if isinstance(type_, StrawberryMaybe):
            wrap = "some" if isinstance(type_.of_type, StrawberryOptional) else "some_present"
            return f"{wrap}({self._expression(type_.of_type, v)})"
        if isinstance(type_, StrawberryList):
            item = f"i{next(self._numbers)}"
            made = self._expression(type_.of_type, item)
            items = f"list({v})" if made == item else f"[{made} for {item} in {v}]"
            return f"({v} if {v} is None or {v} is UNSET else {items})"
        if self.is_leaf(type_):
            return f"global_id({v})" if type_ is GlobalID else v
        return f"{self._object(type_)}({v})"

    def is_leaf(self, type_: Any) -> bool:
        return has_enum_definition(type_) or _is_leaf_type(type_, self._registry)

    def parameters(self, type_: Any) -> list[Parameter]:
        """What the constructor of an input type takes.

        Raises:
            NotCompilable: it is no input type, or does more than to take its fields.
        """
        if not (isinstance(type_, type) and has_object_definition(type_)):
            raise NotCompilable
        definition = type_.__strawberry_definition__
        init = type_.__init__
        plain = type(type_).__call__ is type.__call__ and type_.__new__ is object.__new__
        if (
            definition.from_input is not None
            or not definition.is_input
            or not (plain and isinstance(init, FunctionType))
        ):
            raise NotCompilable
        defaults = init.__kwdefaults__ or {}
        parameters = []
        for field in definition.fields:
            name = field.python_name
            given = field.default_value is MISSING and field.default_factory is MISSING
            if not name.isidentifier() or iskeyword(name) or not (given or name in defaults):
                raise NotCompilable
            resolved = field.resolve_type(type_definition=definition)
            default = None if given else defaults[name]
            parameters.append(Parameter(self._config.name_converter.from_field(field), name, resolved, default))
        return parameters

    def _object(self, type_: Any) -> str:
        """The name of the function for an input type; where a type holds itself, it has yet to be defined."""
        if type_ not in self._names:
            parameters = self.parameters(type_)
            self._names[type_] = name = f"convert_{next(self._numbers)}"
            try:
                arguments = ", ".join(f"{each.python_name}={self._argument(each)}" for each in parameters)
            except BaseException:
                del self._names[type_]
                raise
            lines = [
                f"def {name}(v):",
                "    if v is None or v is UNSET:",
                "        return v",
                "    get = v.get",
                f"    return {self._name(type_)}({arguments})",
            ]
            exec(compile("\n".join(lines), f"<{name}>", "exec"), self._globals)  # noqa: S102  Of our own names.
        return self._names[type_]

    def _argument(self, parameter: Parameter) -> str:
        """What the constructor is given for one field of the dictionary `v`."""
        key, default = repr(parameter.graphql_name), self._name(parameter.default)
        made = self._expression(parameter.type, "x")
        return f"get({key}, {default})" if made == "x" else f"{made} if (x := get({key}, v)) is not v else {default}"

    def _name(self, value: Any) -> str:
        """A name for a value in the generated code."""
        name = f"value_{next(self._numbers)}"
        self._globals[name] = value
        return name


class Objects(Coercers):
    """Functions that make the objects that resolvers get straight of JSON.

    They accept what graphql-core accepts, or less; what goes along with a GraphQL type is Strawberry's.
    """

    def __init__(self, conversion: Conversion) -> None:
        super().__init__()
        self._conversion = conversion
        self._globals["some"] = Some

    def of(self, type_: Any, mine: Any = None) -> Coerce:
        """The function for an input type.

        Raises:
            NotCompilable: Strawberry has to do it.
        """
        mine = unwrapped(mine)
        if isinstance(mine, StrawberryMaybe):
            raise NotCompilable
        return super().of(type_, mine)

    def _named(self, type_: Any, mine: Any) -> Coerce:
        self._check(type_, mine)
        return super()._named(type_, mine)

    def _body(self, type_: GraphQLInputObjectType, mine: Any) -> Iterator[str]:
        parameters = {each.graphql_name: each for each in self._conversion.parameters(mine)}
        own = type_.is_one_of or type_.out_type is not GraphQLInputObjectType.out_type
        if own or parameters.keys() != type_.fields.keys():
            raise NotCompilable
        arguments = []
        for number, (name, field) in enumerate(type_.fields.items()):
            arguments.append(f"{parameters[name].python_name}=x{number}")
            yield from self._field(name, field, parameters[name], f"x{number}", "")
        yield "if found != len(v):"
        yield "    raise unlike"
        yield f"return {self._name(mine)}({', '.join(arguments)})"

    def _left_out(self, field: GraphQLInputField, mine: Any, put: str) -> Iterator[str]:
        try:
            default = coerce_default_value(field)
        except TypeError as error:
            raise NotCompilable from error
        if default is Undefined:
            yield f"{put} {self._name(mine.default)}"
            return
        change = self._conversion.of(mine.type)
        yield f"{put} {self._name(default)}" if change is None else f"{put} {self._name(change)}({self._name(default)})"

    def _value(self, type_: Any, mine: Any, v: str, depth: int = 1) -> Iterator[str]:
        mine = unwrapped(mine.type if isinstance(mine, Parameter) else mine)
        if not isinstance(mine, StrawberryMaybe):
            yield from super()._value(type_, mine, v, depth)
            return
        if not isinstance(mine.of_type, StrawberryOptional):
            yield f"if {v} is None:"
            yield "    raise unlike"
        yield from self._value(type_, mine.of_type, v, depth)
        yield f"{v} = some({v})"

    def _present(self, type_: Any, mine: Any, v: str, depth: int) -> Iterator[str]:
        self._check(type_, mine)
        yield from super()._present(type_, mine, v, depth)

    def _check(self, type_: Any, mine: Any) -> None:
        """That both types are of the same kind, and nothing is done to a scalar after it is coerced."""
        if is_list_type(type_) or isinstance(type_, GraphQLInputObjectType):
            return
        if mine is GlobalID or not self._conversion.is_leaf(mine):
            raise NotCompilable

    def _item(self, mine: Any) -> Any:
        if not isinstance(mine, StrawberryList):
            raise NotCompilable
        return mine.of_type

    def _key(self, type_: GraphQLInputObjectType, mine: Any) -> Any:
        return type_.name, mine


def unwrapped(type_: Any) -> Any:
    """A type without what only says that it may be null, or that it is defined later."""
    while True:
        if isinstance(type_, LazyType):
            type_ = type_.resolve_type()
        elif isinstance(type_, StrawberryOptional) and not isinstance(type_, StrawberryMaybe):
            type_ = type_.of_type
        else:
            return type_


def _some_present(value: Any) -> Any:
    """Strawberry says why it may not be null."""
    if value is None:
        raise Unlike
    return Some(value)


def _global_id(value: Any) -> Any:
    return value if value is None or value is UNSET else GlobalID.from_id(value)
