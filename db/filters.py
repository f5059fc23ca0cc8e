"""Conditions on flights as plain values, and their translation to SQL.

Logic has two values: a comparison with a missing value is false, so `ne`, `not_in` and `Not` include missing values.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Integer, String, and_, false, func, or_, true

from db.engine import is_one_of, nulls_last
from db.prepared import place
from db.tables import Flight


@dataclass(frozen=True, slots=True)
class Condition:
    """`column operator value`; for `in` and `not_in` the value is a tuple, for `is_null` a bool."""

    column: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; with no parts, everything matches."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part holds; with no parts, nothing matches."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Filter"


Filter: TypeAlias = Condition | All | AnyOf | Not
EVERYTHING = All(())

# Missing values of these are ordered through an indexed key, which serves their ranges too.
_KEYED = frozenset({"departure_delay_minutes", "arrival_delay_minutes", "distance_miles"})
# Sorts after every text that begins with what it is appended to.
_LAST_CHARACTER = "\U0010ffff"


def to_sql(condition: Filter) -> ColumnElement[bool]:
    """The SQL expression of a filter on `flights`; true or false for every row, never null at the top."""
    match condition:
        case All(parts):
            return and_(true(), *map(to_sql, parts))
        case AnyOf(parts):
            return or_(false(), *map(to_sql, parts))
        case Not(part):
            return to_sql(part).is_not(true())
        case Condition(column, operator, value):
            return comparison(Flight.__table__.c[column], operator, value)


def structure(condition: Filter, values: list[Any]) -> Hashable:
    """What of a filter decides its SQL. The rest is added to `values`, in the order in which the SQL takes it."""
    match condition:
        case All(parts) | AnyOf(parts):
            of_parts = [structure(part, values) for part in parts]
            return ("all" if isinstance(condition, All) else "any", *of_parts)
        case Not(part):
            return ("not", structure(part, values))
        case Condition(column, operator, value):
            return (column, operator, _taken(operator, value, values))


def _taken(operator: str, value: Any, values: list[Any]) -> bool:
    """Add a condition's values, and return what of them decides its SQL."""
    match operator:
        case "is_null":
            return bool(value)
        case "in" | "not_in":
            values += [list(value)] if value else ()
            return bool(value)
        case "starts_with":
            values += (value, value + _LAST_CHARACTER, len(value))
        case _:
            values.append(value)
    return True


def structured_sql(structured: Any, dialect: str, positions: Iterator[int]) -> ColumnElement[bool]:
    """The SQL expression of a structure, with places for its values at the next `positions`."""
    match structured:
        case ("all", *parts):
            return and_(true(), *(structured_sql(part, dialect, positions) for part in parts))
        case ("any", *parts):
            return or_(false(), *(structured_sql(part, dialect, positions) for part in parts))
        case ("not", part):
            return structured_sql(part, dialect, positions).is_not(true())
    name, operator, given = structured
    column = Flight.__table__.c[name]
    if operator == "is_null":
        return comparison(column, operator, given)
    return _with_places(column, operator, dialect, positions) if given else comparison(column, operator, ())


def _with_places(column: Any, operator: str, dialect: str, positions: Iterator[int]) -> ColumnElement[bool]:
    if operator == "starts_with":
        start, end = (place(next(positions), String()) for _ in range(2))
        within = and_(column >= start, column <= end)
        return and_(within, func.substr(column, 1, place(next(positions), Integer())) == start)
    if operator == "in":
        return is_one_of(dialect, _below(column), place(next(positions)), column.type)
    if operator == "not_in":
        return or_(~is_one_of(dialect, column, place(next(positions)), column.type), column.is_(None))
    return comparison(column, operator, place(next(positions), column.type))


def comparison(of: ColumnElement[Any], operator: str, value: Any) -> ColumnElement[bool]:
    """`of operator value`, with the operators of a `Condition`."""
    return _COMPARISONS[operator](of, value)


def _starts_with(column: ColumnElement[Any], prefix: Any) -> ColumnElement[bool]:
    """As a range, which an index serves, and which is case-sensitive on both databases, as LIKE is not."""
    within = and_(column >= prefix, column <= prefix + _LAST_CHARACTER)
    return and_(within, func.substr(column, 1, len(prefix)) == prefix)


def _is_in(column: ColumnElement[Any], values: Any) -> ColumnElement[bool]:
    return column.in_(values) if values else false()


def _above(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A key in which a missing value is below everything, so that it is never greater than a bound."""
    return nulls_last(column, descending=True) if column.key in _KEYED else column


def _below(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return nulls_last(column, descending=False) if column.key in _KEYED else column


_COMPARISONS: Mapping[str, Callable[[ColumnElement[Any], Any], ColumnElement[bool]]] = {
    "eq": lambda column, value: _below(column) == value,
    "ne": lambda column, value: column.is_distinct_from(value),
    "in": lambda column, values: _is_in(_below(column), values),
    "not_in": lambda column, values: or_(~_is_in(column, values), column.is_(None)),
    "lt": lambda column, value: _below(column) < value,
    "lte": lambda column, value: _below(column) <= value,
    "gt": lambda column, value: _above(column) > value,
    "gte": lambda column, value: _above(column) >= value,
    "starts_with": _starts_with,
    "is_null": lambda column, value: column.is_(None) if value else column.is_not(None),
}
