"""Filters decided in Python against the same filters in SQL, on real flights of both databases."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import or_, select

from db.engine import Database
from db.filters import EVERYTHING, All, AnyOf, Condition, Filter, Not, to_sql
from db.matching import predicate
from db.tables import STATUSES, Flight

TABLE = Flight.__table__
NUMBERS = ("flight_number", "departure_delay_minutes", "arrival_delay_minutes", "distance_miles")
TEXTS = ("carrier_code", "origin_code", "destination_code", "tail_number")


async def sample(database: Database) -> list[dict[str, Any]]:
    """A thousand flights; some never left, some arrived elsewhere, some have no tail number."""
    odd = or_(TABLE.c.status != "LANDED", TABLE.c.tail_number.is_(None))
    rows = [
        *await database.fetch("test", select(TABLE).where(TABLE.c.id % 331 == 7).limit(800)),
        *await database.fetch("test", select(TABLE).where(odd).limit(200)),
    ]
    return [dict(row._mapping) for row in rows]


async def found_by_sql(database: Database, condition: Filter, rows: list[dict[str, Any]]) -> set[int]:
    among = TABLE.c.id.in_([row["id"] for row in rows])
    return {row_id for (row_id,) in await database.fetch("test", select(TABLE.c.id).where(among, to_sql(condition)))}


def found(condition: Filter, rows: list[dict[str, Any]]) -> set[int]:
    matches = predicate(condition)
    return {row["id"] for row in rows if matches(row)}


def filters_of(rows: list[dict[str, Any]]) -> st.SearchStrategy[Filter]:
    """Filters whose values are those of real flights, and some that none has."""

    def values(column: str) -> Any:
        present = sorted({row[column] for row in rows if row[column] is not None})
        return st.sampled_from(present[:: len(present) // 40 + 1])

    def comparisons(column: str, operators: tuple[str, ...], one: Any) -> Any:
        single = st.builds(Condition, st.just(column), st.sampled_from(operators), one)
        lists = st.lists(one, max_size=4).map(tuple)
        several = st.builds(Condition, st.just(column), st.sampled_from(["in", "not_in"]), lists)
        missing = st.builds(Condition, st.just(column), st.just("is_null"), st.booleans())
        return st.one_of(single, several, missing)

    order = ("eq", "ne", "lt", "lte", "gt", "gte")
    numbers = [comparisons(each, order, values(each) | st.integers(-(2**31), 2**31 - 1)) for each in NUMBERS]
    prefixes = st.sampled_from(["", "N", "N1", "n1", "E", "e", "N1_%", "%", "ü"])
    texts = [
        comparisons(each, ("eq", "ne", "starts_with"), values(each) | values(each).map(str.lower) | prefixes)
        for each in TEXTS
    ]
    instant = st.builds(
        Condition, st.just("scheduled_departure"), st.sampled_from(order), values("scheduled_departure")
    )
    status = comparisons("status", ("eq", "ne"), st.sampled_from(STATUSES))
    return st.recursive(
        st.one_of(*numbers, *texts, instant, status),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda parts: All(tuple(parts))),
            st.lists(inner, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
            inner.map(Not),
        ),
        max_leaves=6,
    )


async def test_any_filter_finds_in_python_what_it_finds_in_sql(flights_database: Database) -> None:
    rows = await sample(flights_database)
    tried: list[Filter] = []

    @settings(max_examples=250, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(filters_of(rows))
    def collect(condition: Filter) -> None:
        tried.append(condition)

    collect()
    decisive = 0
    for condition in tried:
        expected = await found_by_sql(flights_database, condition, rows)
        assert found(condition, rows) == expected, condition
        decisive += 0 < len(expected) < len(rows)
    assert decisive > 60


TAIL = Condition("tail_number", "eq", "N14228")


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        (EVERYTHING, True),
        (AnyOf(()), False),
        (TAIL, False),
        (Not(TAIL), True),
        (Not(Not(TAIL)), False),
        (Condition("tail_number", "ne", "N14228"), True),
        (Condition("tail_number", "in", ("N14228",)), False),
        (Condition("tail_number", "in", ()), False),
        (Condition("tail_number", "not_in", ("N14228",)), True),
        (Condition("tail_number", "not_in", ()), True),
        (Condition("tail_number", "starts_with", ""), False),
        (Condition("tail_number", "is_null", True), True),
        (Condition("tail_number", "is_null", False), False),
        (Condition("distance_miles", "gte", -(2**31)), False),
        (Condition("distance_miles", "lt", 2**31 - 1), False),
    ],
)
def test_a_missing_value_is_compared_as_sql_compares_it(condition: Filter, *, matches: bool) -> None:
    assert predicate(condition)({"tail_number": None, "distance_miles": None}) is matches
