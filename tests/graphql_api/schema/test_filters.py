"""The filter of flights: every operator, two-valued logic, limits; checked against Polars on the same rows."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.graphql_api.conftest import Graph
from tests.graphql_api.schema.test_connection import FLIGHTS

COUNT = "query($where: FlightFilter) { flights(where: $where) { totalCount } }"
COLUMNS = {
    "carrierCode": "carrier_code",
    "flightNumber": "flight_number",
    "originCode": "origin_code",
    "destinationCode": "destination_code",
    "tailNumber": "tail_number",
    "scheduledDeparture": "scheduled_departure",
    "departureDelayMinutes": "departure_delay_minutes",
    "arrivalDelayMinutes": "arrival_delay_minutes",
    "distanceMiles": "distance_miles",
    "status": "status",
}
EVERY = FLIGHTS.height


async def count(graph: Graph, where: dict[str, Any]) -> int:
    return int((await graph.data(COUNT, {"where": where}))["flights"]["totalCount"])


def matching(where: dict[str, Any]) -> pl.Expr:
    """What the filter means, written down a second time."""
    return reduce(pl.Expr.and_, [_part(name, value) for name, value in where.items()], pl.lit(True))


def _part(name: str, value: Any) -> pl.Expr:
    if name == "and":
        return reduce(pl.Expr.and_, map(matching, value), pl.lit(True))
    if name == "or":
        return reduce(pl.Expr.or_, map(matching, value), pl.lit(False))
    if name == "not":
        return matching(value).not_()
    column = pl.col(COLUMNS[name])
    return reduce(pl.Expr.and_, [_compare(column, *item) for item in value.items()], pl.lit(True))


def _compare(column: pl.Expr, operator: str, value: Any) -> pl.Expr:
    if isinstance(value, str) and "T" in value and value.endswith("Z"):
        value = pl.lit(datetime.fromisoformat(value)).cast(pl.Datetime("us", "UTC"))
    comparisons: dict[str, Callable[[], pl.Expr]] = {
        "eq": lambda: column == value,
        "ne": lambda: (column == value).fill_null(False).not_(),
        "in": lambda: column.is_in(value),
        "notIn": lambda: column.is_in(value).fill_null(False).not_(),
        "lt": lambda: column < value,
        "lte": lambda: column <= value,
        "gt": lambda: column > value,
        "gte": lambda: column >= value,
        "startsWith": lambda: column.str.starts_with(value),
        "isNull": lambda: column.is_null() if value else column.is_not_null(),
    }
    return comparisons[operator]().fill_null(False)


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"carrierCode": {}},
        {"carrierCode": {"eq": "UA"}},
        {"carrierCode": {"ne": "UA"}},
        {"carrierCode": {"in": ["UA", "AA"], "ne": "AA"}},
        {"carrierCode": {"eq": "ua"}},
        {"carrierCode": {"startsWith": "u"}},
        {"tailNumber": {"startsWith": "N1"}},
        {"tailNumber": {"startsWith": ""}},
        {"tailNumber": {"startsWith": "N1_%"}},
        {"tailNumber": {"ne": "N14228"}},
        {"tailNumber": {"notIn": ["N14228"]}},
        {"tailNumber": {"isNull": True}},
        {"tailNumber": {"isNull": False}},
        {"not": {"tailNumber": {"eq": "N14228"}}},
        {"not": {"not": {"tailNumber": {"eq": "N14228"}}}},
        {"arrivalDelayMinutes": {"gte": 15}},
        {"arrivalDelayMinutes": {"gt": 15, "lt": 30}},
        {"arrivalDelayMinutes": {"lte": -30}},
        {"arrivalDelayMinutes": {"eq": 0}},
        {"arrivalDelayMinutes": {"ne": 0}},
        {"arrivalDelayMinutes": {"in": [0, 1]}},
        {"arrivalDelayMinutes": {"notIn": [0, 1]}},
        {"arrivalDelayMinutes": {"isNull": True}},
        {"arrivalDelayMinutes": {"gte": -2147483648}},
        {"arrivalDelayMinutes": {"lte": 2147483647}},
        {"not": {"arrivalDelayMinutes": {"gte": 15}}},
        {"not": {"departureDelayMinutes": {"lt": 15}}},
        {"scheduledDeparture": {"gte": "2013-07-04T00:00:00Z", "lt": "2013-07-05T00:00:00Z"}},
        {"scheduledDeparture": {"eq": "2013-01-01T10:15:00Z"}},
        {"scheduledDeparture": {"ne": "2013-01-01T10:15:00Z"}},
        {"scheduledDeparture": {"isNull": True}},
        {"scheduledDeparture": {"gt": "0001-01-01T00:00:00Z", "lte": "9999-12-31T23:59:59.999999Z"}},
        {"status": {"eq": "CANCELLED"}},
        {"status": {"ne": "LANDED"}},
        {"status": {"in": ["CANCELLED", "DIVERTED"]}},
        {"status": {"notIn": ["LANDED"]}},
        {"distanceMiles": {"gt": 2500}, "originCode": {"eq": "JFK"}, "destinationCode": {"ne": "LAX"}},
        {"or": [{"flightNumber": {"lt": 10}}, {"flightNumber": {"gte": 8000}}]},
        {
            "and": [
                {"originCode": {"eq": "EWR"}},
                {"or": [{"carrierCode": {"eq": "UA"}}, {"not": {"status": {"eq": "LANDED"}}}]},
            ]
        },
    ],
)
async def test_a_filter_matches_what_it_says(graph: Graph, where: dict[str, Any]) -> None:
    assert await count(graph, where) == FLIGHTS.filter(matching(where)).height


@pytest.mark.parametrize(
    ("where", "everything"),
    [
        ({"and": []}, True),
        ({"or": []}, False),
        ({"not": {}}, False),
        ({"not": {"or": []}}, True),
        ({"carrierCode": {"in": []}}, False),
        ({"carrierCode": {"notIn": []}}, True),
        ({"tailNumber": {"notIn": []}}, True),
        ({"not": {"tailNumber": {"in": []}}}, True),
        ({"arrivalDelayMinutes": {"in": []}}, False),
        ({"status": {"notIn": []}}, True),
    ],
)
async def test_empty_lists_match_nothing_or_everything(
    graph: Graph, where: dict[str, Any], *, everything: bool
) -> None:
    assert await count(graph, where) == (EVERY if everything else 0)


async def test_an_absent_filter_and_a_null_filter_match_everything(graph: Graph) -> None:
    assert (await graph.data(COUNT))["flights"]["totalCount"] == EVERY
    assert (await graph.data(COUNT, {"where": None}))["flights"]["totalCount"] == EVERY


integers = st.sampled_from([-20, 0, 15, 60, 300, 1000])
strings = st.sampled_from(["UA", "EWR", "JFK", "LAX", "N1", "N14228", ""])
conditions = st.one_of(
    st.tuples(
        st.sampled_from(["departureDelayMinutes", "arrivalDelayMinutes", "distanceMiles", "flightNumber"]),
        st.dictionaries(st.sampled_from(["eq", "ne", "lt", "lte", "gt", "gte"]), integers, min_size=1, max_size=2),
    ),
    st.tuples(
        st.sampled_from(["carrierCode", "originCode", "destinationCode", "tailNumber"]),
        st.one_of(
            st.dictionaries(st.sampled_from(["eq", "ne", "startsWith"]), strings, min_size=1, max_size=2),
            st.dictionaries(st.sampled_from(["in", "notIn"]), st.lists(strings, max_size=3), min_size=1),
            st.dictionaries(st.just("isNull"), st.booleans(), min_size=1),
        ),
    ),
).map(lambda pair: {pair[0]: pair[1]})
filters = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: {"and": parts}),
        st.lists(inner, max_size=3).map(lambda parts: {"or": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=6,
)


async def test_any_filter_matches_what_polars_finds(graph: Graph) -> None:
    tried: list[dict[str, Any]] = []

    @settings(max_examples=60, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(filters)
    def collect(where: dict[str, Any]) -> None:
        if _depth(where) <= 5:
            tried.append(where)

    collect()
    for where in tried:
        assert await count(graph, where) == FLIGHTS.filter(matching(where)).height, where
    assert len(tried) > 40


def _depth(where: dict[str, Any]) -> int:
    nested = [part for name in ("and", "or") for part in where.get(name, [])]
    nested += [where["not"]] if "not" in where else []
    return 1 + max(map(_depth, nested)) if nested else 0


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ("{ carrierCode: { eq: null } }", "where.carrierCode.eq"),
        ("{ carrierCode: null }", "where.carrierCode"),
        ("{ tailNumber: { isNull: null } }", "where.tailNumber.isNull"),
        ("{ flightNumber: { in: null } }", "where.flightNumber.in"),
        ("{ arrivalDelayMinutes: { notIn: null } }", "where.arrivalDelayMinutes.notIn"),
        ("{ not: null }", "where.not"),
        ("{ or: [{ and: [{ status: { eq: null } }] }] }", "where.or[0].and[0].status.eq"),
        ("{ tailNumber: { startsWith: null } }", "where.tailNumber.startsWith"),
    ],
)
async def test_null_is_no_condition_and_the_error_says_where(graph: Graph, where: str, place: str) -> None:
    code, message = await graph.error(f"{{ flights(where: {where}) {{ totalCount }} }}")
    assert code == "BAD_USER_INPUT"
    assert message.startswith(f"{place}: null is not a condition")


async def test_a_null_in_a_variable_is_no_condition_either(graph: Graph) -> None:
    code, message = await graph.error(COUNT, {"where": {"carrierCode": {"eq": None}}})
    assert (code, "where.carrierCode.eq" in message) == ("BAD_USER_INPUT", True)
    code, message = await graph.error(
        "query($code: String) { flights(where: { carrierCode: { eq: $code } }) { totalCount } }", {"code": None}
    )
    assert (code, "where.carrierCode.eq" in message) == ("BAD_USER_INPUT", True)


def nested(levels: int) -> dict[str, Any]:
    return reduce(lambda inner, _: {"not": inner}, range(levels), {"carrierCode": {"eq": "UA"}})


async def test_five_levels_are_allowed_and_six_are_not(graph: Graph) -> None:
    assert await count(graph, nested(5)) == FLIGHTS.filter(pl.col("carrier_code") != "UA").height
    code, message = await graph.error(COUNT, {"where": nested(6)})
    assert code == "LIMIT_EXCEEDED"
    assert "nested 6 deep; at most 5 levels" in message


async def test_fifty_conditions_are_allowed_and_51_are_not(graph: Graph) -> None:
    def conditions_of(number: int) -> dict[str, Any]:
        return {"or": [{"flightNumber": {"eq": each}} for each in range(number)]}

    assert await count(graph, conditions_of(50)) == FLIGHTS.filter(pl.col("flight_number") < 50).height
    code, message = await graph.error(COUNT, {"where": conditions_of(51)})
    assert (code, "at most 50 conditions" in message) == ("LIMIT_EXCEEDED", True)


async def test_empty_filters_count_as_conditions(graph: Graph) -> None:
    assert await count(graph, {"or": [{}] * 50}) == EVERY
    assert (await graph.error(COUNT, {"where": {"or": [{}] * 51}}))[0] == "LIMIT_EXCEEDED"


async def test_the_lists_of_a_filter_hold_a_thousand_values_together(graph: Graph) -> None:
    def lists(*lengths: int) -> dict[str, Any]:
        return {"or": [{"flightNumber": {"in": list(range(length))}} for length in lengths]}

    assert await count(graph, lists(1_000)) == FLIGHTS.filter(pl.col("flight_number") < 1_000).height
    code, message = await graph.error(COUNT, {"where": lists(600, 401)})
    assert (code, "at most 1000 values" in message) == ("LIMIT_EXCEEDED", True)


@pytest.mark.parametrize("text", ["N1\0", "\ud800", "a\udfff"])
@pytest.mark.parametrize("operator", ["eq", "ne", "startsWith"])
async def test_a_text_that_cannot_be_stored_is_an_error(graph: Graph, text: str, operator: str) -> None:
    code, message = await graph.error(COUNT, {"where": {"tailNumber": {operator: text}}})
    assert (code, "where.tailNumber" in message) == ("BAD_USER_INPUT", True)


@pytest.mark.parametrize(
    "moment",
    [
        "2013-01-01T10:15:00",
        "2013-01-01",
        "20130101T101500Z",
        "2013-02-30T00:00:00Z",
        "2013-01-01T24:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "2013-01-01T10:15:00+25:00",
        "2013-01-01T10:15:00+00:99",
        "",
        1357035300,
        True,
    ],
)
async def test_a_time_that_is_not_an_instant_is_an_error_with_an_example(graph: Graph, moment: Any) -> None:
    code, message = await graph.error(COUNT, {"where": {"scheduledDeparture": {"eq": moment}}})
    assert code == "BAD_USER_INPUT"
    assert "scheduledDeparture" in message
    assert "DateTime" in message


async def test_a_literal_without_an_offset_is_refused_before_anything_runs(graph: Graph) -> None:
    query = '{ flights(where: { scheduledDeparture: { gte: "2013-01-01T10:15:00" } }) { totalCount } }'
    code, message = await graph.error(query)
    assert code == "GRAPHQL_VALIDATION_FAILED"
    assert "2013-01-01T10:15:00Z" in message
    assert graph.statements == []


async def test_an_instant_keeps_its_microseconds_whatever_its_offset() -> None:
    from graphql_api.schema.scalars import parse_datetime, serialize_datetime  # noqa: PLC0415

    parsed = parse_datetime("2013-01-01T05:15:00.250001-05:00")
    assert parsed == datetime(2013, 1, 1, 10, 15, 0, 250001, UTC)
    assert serialize_datetime(parsed) == "2013-01-01T10:15:00.250001Z"
