"""The filter of flights as clients write it, and its translation to conditions on columns."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import Any

import strawberry
from strawberry import UNSET

from db.faults import is_storable
from db.filters import EVERYTHING, All, AnyOf, Condition, Filter, Not
from graphql_api.errors import bad_user_input, limit_exceeded
from graphql_api.ids import shortened
from graphql_api.schema.status import FlightStatus
from graphql_api.settings import Settings

_EQ = "Equal to this."
_NE = "Anything but this; missing values included."
_IN = "One of these. An empty list matches nothing."
_NOT_IN = "None of these; missing values included. An empty list matches everything."
_IS_NULL = "true: the value is missing; false: it is not."
_SEVERAL = "Several operators must all hold. null is not accepted for any."


@strawberry.input(description=f"Conditions on a text. {_SEVERAL}")
class StringFilter:
    eq: str | None = strawberry.field(default=UNSET, description=_EQ)
    ne: str | None = strawberry.field(default=UNSET, description=_NE)
    in_: list[str] | None = strawberry.field(name="in", default=UNSET, description=_IN)
    not_in: list[str] | None = strawberry.field(default=UNSET, description=_NOT_IN)
    starts_with: str | None = strawberry.field(default=UNSET, description="Begins with this, case-sensitive.")
    is_null: bool | None = strawberry.field(default=UNSET, description=_IS_NULL)


@strawberry.input(description=f"Conditions on a whole number. {_SEVERAL}")
class IntFilter:
    eq: int | None = strawberry.field(default=UNSET, description=_EQ)
    ne: int | None = strawberry.field(default=UNSET, description=_NE)
    in_: list[int] | None = strawberry.field(name="in", default=UNSET, description=_IN)
    not_in: list[int] | None = strawberry.field(default=UNSET, description=_NOT_IN)
    lt: int | None = strawberry.field(default=UNSET, description="Less than this.")
    lte: int | None = strawberry.field(default=UNSET, description="At most this.")
    gt: int | None = strawberry.field(default=UNSET, description="Greater than this.")
    gte: int | None = strawberry.field(default=UNSET, description="At least this.")
    is_null: bool | None = strawberry.field(default=UNSET, description=_IS_NULL)


@strawberry.input(description=f"Conditions on an instant. {_SEVERAL}")
class DateTimeFilter:
    eq: datetime | None = strawberry.field(default=UNSET, description=_EQ)
    ne: datetime | None = strawberry.field(default=UNSET, description=_NE)
    lt: datetime | None = strawberry.field(default=UNSET, description="Before this.")
    lte: datetime | None = strawberry.field(default=UNSET, description="At this or before.")
    gt: datetime | None = strawberry.field(default=UNSET, description="After this.")
    gte: datetime | None = strawberry.field(default=UNSET, description="At this or after.")
    is_null: bool | None = strawberry.field(default=UNSET, description=_IS_NULL)


@strawberry.input(description=f"Conditions on the status of a flight. {_SEVERAL}")
class FlightStatusFilter:
    eq: FlightStatus | None = strawberry.field(default=UNSET, description=_EQ)
    ne: FlightStatus | None = strawberry.field(default=UNSET, description="Anything but this.")
    in_: list[FlightStatus] | None = strawberry.field(name="in", default=UNSET, description=_IN)
    not_in: list[FlightStatus] | None = strawberry.field(
        default=UNSET, description="None of these. An empty list matches everything."
    )


@strawberry.input(
    description="Which flights. All conditions must hold; an empty filter matches every flight. "
    "A comparison with a missing value is false, so not, ne and notIn include missing values. At most 50 "
    "comparisons, 1,000 values in lists, and 5 levels of and, or and not; more is an error (LIMIT_EXCEEDED)."
)
class FlightFilter:
    and_: list["FlightFilter"] | None = strawberry.field(
        name="and", default=UNSET, description="All of these hold. An empty list matches everything."
    )
    or_: list["FlightFilter"] | None = strawberry.field(
        name="or", default=UNSET, description="One of these holds. An empty list matches nothing."
    )
    not_: "FlightFilter | None" = strawberry.field(name="not", default=UNSET, description="This does not hold.")
    carrier_code: StringFilter | None = strawberry.field(default=UNSET, description="The airline's IATA code.")
    flight_number: IntFilter | None = strawberry.field(default=UNSET, description="The number without the carrier.")
    origin_code: StringFilter | None = strawberry.field(default=UNSET, description="The origin's IATA code.")
    destination_code: StringFilter | None = strawberry.field(default=UNSET, description="The destination's IATA code.")
    tail_number: StringFilter | None = strawberry.field(default=UNSET, description="The aircraft's registration.")
    scheduled_departure: DateTimeFilter | None = strawberry.field(default=UNSET, description="Scheduled departure.")
    departure_delay_minutes: IntFilter | None = strawberry.field(
        default=UNSET, description="Actual minus scheduled departure in minutes; negative is early."
    )
    arrival_delay_minutes: IntFilter | None = strawberry.field(
        default=UNSET, description="Actual minus scheduled arrival in minutes; negative is early."
    )
    distance_miles: IntFilter | None = strawberry.field(
        default=UNSET, description="Origin to destination, in statute miles."
    )
    status: FlightStatusFilter | None = strawberry.field(default=UNSET, description="How far the flight has come.")


_LOGIC: Mapping[str, str] = {"and_": "and", "or_": "or", "not_": "not"}


def flight_filter(where: FlightFilter | None, settings: Settings) -> Filter:
    """The conditions of a filter; an absent filter matches everything.

    Raises:
        GraphQLError: BAD_USER_INPUT for a null operator or an impossible text, LIMIT_EXCEEDED for a filter that is
            nested too deep or has too many conditions.
    """
    if where is None:
        return EVERYTHING
    return _filter(where, _Budget(settings), "where", 0)


def conditions(operators_by_column: Any, settings: Settings, path: str) -> tuple[Condition, ...]:
    """The conditions of an input whose fields are columns: all of them must hold.

    Raises:
        GraphQLError: as `flight_filter`.
    """
    budget = _Budget(settings)
    return tuple(
        condition
        for column, operators in _given(operators_by_column, path)
        for condition in _conditions(column, operators, budget, f"{path}.{_camel(column)}")
    )


class _Budget:
    """How much a filter may still hold. A filter inside and, or and not counts as a condition when it has none."""

    def __init__(self, settings: Settings) -> None:
        self.depth = settings.filter_depth_max
        self._conditions, self._conditions_max = 0, settings.filter_conditions_max
        self._values, self._values_max = 0, settings.filter_values_max

    def take(self, path: str, *, values: int = 0) -> None:
        self._conditions += 1
        self._values += values
        if self._conditions > self._conditions_max:
            maximum = self._conditions_max
            raise limit_exceeded(f"{path}: a filter has at most {maximum} conditions; this has more.")
        if self._values > self._values_max:
            maximum = self._values_max
            raise limit_exceeded(f"{path}: the lists of a filter hold at most {maximum} values; these hold more.")


def _filter(where: FlightFilter, budget: _Budget, path: str, depth: int) -> Filter:
    if depth > budget.depth:
        raise limit_exceeded(
            f"{path}: and, or and not are nested {depth} deep; at most {budget.depth} levels are allowed."
        )
    parts: list[Filter] = []
    for name, value in _given(where, path):
        at = f"{path}.{_LOGIC.get(name, _camel(name))}"
        if name == "not_":
            parts.append(Not(_filter(value, budget, at, depth + 1)))
        elif name in _LOGIC:
            nested = tuple(_filter(item, budget, f"{at}[{index}]", depth + 1) for index, item in enumerate(value))
            parts.append(All(nested) if name == "and_" else AnyOf(nested))
        else:
            parts += _conditions(name, value, budget, at)
    if depth and not parts:
        budget.take(path)
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _conditions(column: str, operators: Any, budget: _Budget, path: str) -> Iterator[Condition]:
    for name, value in _given(operators, path):
        budget.take(path, values=len(value) if isinstance(value, list) else 0)
        operator = "in" if name == "in_" else name
        plain = tuple(map(_plain, value)) if isinstance(value, list) else _plain(value)
        for text in plain if isinstance(plain, tuple) else (plain,):
            _check_text(text, path)
        yield Condition(column, operator, plain)


def _given(operators: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The fields that the client wrote."""
    for field in fields(operators):
        value = getattr(operators, field.name)
        if value is UNSET:
            continue
        if value is None:
            name = _LOGIC.get(field.name, "in" if field.name == "in_" else _camel(field.name))
            missing = ", or find missing values with isNull: true" if hasattr(operators, "is_null") else ""
            raise bad_user_input(f"{path}.{name}: null is not a condition. Leave it out{missing}.")
        yield field.name, value


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _check_text(value: Any, path: str) -> None:
    if isinstance(value, str) and not is_storable(value):
        raise bad_user_input(f"{path}: {shortened(value)} holds a character that no stored text can have.")


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)
