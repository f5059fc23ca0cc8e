"""Statistics by every dimension, against Polars on the source's own clocks; orders, limits, nulls, what it costs."""

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from db.engine import Database
from db.migrate import upgrade
from db.tables import Airline, Airport, Flight
from graphql_api.app import open_service
from graphql_api.execution import Executor
from graphql_api.schema import build_schema
from tests.databases import PROCESSED
from tests.graphql_api.conftest import Graph, operation, settings_for, without_models
from tests.graphql_api.schema.test_filters import filters, matching
from tests.graphql_api.schema.test_mutation import NEW, create, delete, update
from tests.graphql_api.schema.test_upsert import upsert

# The clock at the origin comes from the source: it is what the database must have worked out from instants.
SOURCE = pl.read_parquet(PROCESSED.parent / "raw" / "flights.parquet").select(
    day=pl.date("year", "month", "day").cast(pl.String),
    month=pl.date("year", "month", "day").cast(pl.String).str.slice(0, 7),
    dayOfWeek=pl.date("year", "month", "day").dt.weekday(),
    hourOfDay=pl.col("sched_dep_time") // 100,
)
FLIGHTS = pl.read_parquet(PROCESSED / "flights.parquet").with_columns(
    SOURCE, carrier="carrier_code", origin="origin_code", destination="destination_code", aircraft="tail_number"
)
KEYS = {
    "CARRIER": ("carrier",),
    "ORIGIN": ("origin",),
    "DESTINATION": ("destination",),
    "ROUTE": ("origin", "destination"),
    "AIRCRAFT": ("aircraft",),
    "STATUS": ("status",),
    "HOUR_OF_DAY": ("hourOfDay",),
    "DAY_OF_WEEK": ("dayOfWeek",),
    "DAY": ("day",),
    "MONTH": ("month",),
}
KEY_FIELDS = "carrier { code } origin { code } destination { code } aircraft { tailNumber } status hourOfDay dayOfWeek"
FIGURES = """flights landed cancelled diverted delayed delayedRate cancelledRate
    departureDelayMinutes { mean p50 p90 max } arrivalDelayMinutes { mean p50 p90 max }"""
QUERY = f"""query(
    $where: FlightFilter, $groupBy: [FlightDimension!]!, $having: FlightStatsHaving, $orderBy: FlightStatsOrder,
    $first: Int
) {{
    flightStats(where: $where, groupBy: $groupBy, having: $having, orderBy: $orderBy, first: $first) {{
        key {{ {KEY_FIELDS} day month }} {FIGURES}
    }}
}}"""
ORDERS = {
    "FLIGHTS": "flights",
    "DELAYED_RATE": "delayedRate",
    "CANCELLED_RATE": "cancelledRate",
    "MEAN_ARRIVAL_DELAY": "arrivalDelayMinutes.mean",
}
FLIGHTS_OF_GROUP = pl.col("flights")


async def stats(graph: Graph, *group_by: str, **variables: Any) -> list[dict[str, Any]]:
    """The groups of an answer, flat: the fields of the key, and a delay's figures as arrivalDelayMinutes.p50."""
    data = await graph.data(QUERY, {"groupBy": group_by, **variables})
    return [_flat(group) for group in data["flightStats"]]


def _flat(group: dict[str, Any]) -> dict[str, Any]:
    flat = {name: _own_key(value) for name, value in group["key"].items()}
    for name, value in group.items():
        if isinstance(value, dict) and name != "key":
            flat |= {f"{name}.{part}": figure for part, figure in value.items()}
        elif name != "key":
            flat[name] = value
    return flat


def _own_key(value: Any) -> Any:
    return next(iter(value.values())) if isinstance(value, dict) else value


def delay_figures(column: str, name: str) -> list[pl.Expr]:
    delay = pl.col(column)
    return [
        delay.mean().alias(f"{name}.mean"),
        delay.quantile(0.5, "linear").alias(f"{name}.p50"),
        delay.quantile(0.9, "linear").alias(f"{name}.p90"),
        delay.max().alias(f"{name}.max"),
    ]


def expected(
    flights: pl.DataFrame, *group_by: str, order: tuple[str, str] = ("KEY", "ASC"), least: int = 0, first: int = 100
) -> list[dict[str, Any]]:
    """The same statistics, worked out without the service."""
    keys = list(dict.fromkeys(key for dimension in group_by for key in KEYS[dimension]))
    never = pl.col("status").is_in(["CANCELLED", "DIVERTED"])
    late = ((pl.col("status") == "LANDED") & (pl.col("arrival_delay_minutes") >= 15)).fill_null(value=False)
    finished = pl.col("landed") + pl.col("cancelled") + pl.col("diverted")
    figures = [
        pl.len().alias("flights"),
        *((pl.col("status") == status.upper()).sum().alias(status) for status in ("landed", "cancelled", "diverted")),
        (late | never).sum().alias("delayed"),
        *delay_figures("departure_delay_minutes", "departureDelayMinutes"),
        *delay_figures("arrival_delay_minutes", "arrivalDelayMinutes"),
    ]
    groups = flights.group_by(keys).agg(figures) if keys else flights.select(figures)
    groups = groups.with_columns(
        delayedRate=pl.when(finished > 0).then(pl.col("delayed") / finished),
        cancelledRate=pl.when(finished > 0).then(pl.col("cancelled") / finished),
    )
    field, direction = order
    by = [ORDERS[field], *keys] if field in ORDERS else keys
    down = direction == "DESC"
    descending = [down, *[False] * len(keys)] if field in ORDERS else [down] * len(keys)
    ordered = groups.sort(by, descending=descending, nulls_last=True) if by else groups
    absent = [pl.lit(None).alias(key) for key in sorted({key for of in KEYS.values() for key in of} - set(keys))]
    return ordered.filter(pl.col("flights") >= least).head(first).with_columns(absent).to_dicts()


def same(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    """Counts, keys and their order are equal, and so are figures but for the rounding of their last digits."""
    assert [set(group) for group in found] == [set(group) for group in wanted]
    different = [
        (name, group[name], other[name], group)
        for group, other in zip(found, wanted, strict=True)
        for name in group
        if not _equal(group[name], other[name])
    ]
    assert different == []


def _equal(value: Any, other: Any) -> bool:
    if isinstance(value, float) and isinstance(other, float):
        return math.isclose(value, other, rel_tol=1e-12, abs_tol=1e-12)
    return bool(value == other)


@pytest.mark.parametrize("dimension", KEYS)
async def test_each_dimension_gives_what_polars_finds(graph: Graph, dimension: str) -> None:
    same(await stats(graph, dimension, first=1000), expected(FLIGHTS, dimension, first=1000))


@pytest.mark.parametrize(
    ("group_by", "order"),
    [
        (("ROUTE", "HOUR_OF_DAY"), ("DELAYED_RATE", "DESC")),
        (("DAY", "ROUTE"), ("FLIGHTS", "DESC")),
        (("DAY", "ROUTE"), ("KEY", "DESC")),
        (("HOUR_OF_DAY", "DAY_OF_WEEK"), ("MEAN_ARRIVAL_DELAY", "DESC")),
        (("CARRIER", "MONTH"), ("CANCELLED_RATE", "ASC")),
        (("STATUS", "MONTH", "ORIGIN"), ("MEAN_ARRIVAL_DELAY", "ASC")),
        (("MONTH", "DAY", "DESTINATION", "ROUTE"), ("KEY", "ASC")),
    ],
)
async def test_dimensions_together_give_what_polars_finds(
    graph: Graph, group_by: tuple[str, ...], order: tuple[str, str]
) -> None:
    found = await stats(graph, *group_by, orderBy={"field": order[0], "direction": order[1]}, first=1000)
    same(found, expected(FLIGHTS, *group_by, order=order, first=1000))


async def test_all_dimensions_at_once(graph: Graph) -> None:
    found = await stats(graph, *KEYS, where={"carrierCode": {"in": ["AS", "HA"]}}, first=1000)
    same(found, expected(FLIGHTS.filter(pl.col("carrier").is_in(["AS", "HA"])), *KEYS, first=1000))


questions = st.tuples(
    filters,
    st.lists(st.sampled_from(sorted(KEYS)), max_size=4, unique=True),
    st.tuples(st.sampled_from(["KEY", *ORDERS]), st.sampled_from(["ASC", "DESC"])),
    st.sampled_from([0, 1, 10, 500]),
    st.sampled_from([1, 7, 100]),
)


async def test_any_question_is_answered_as_polars_answers_it(graph: Graph) -> None:
    tried = []

    @settings(max_examples=15, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(questions)
    def collect(question: tuple[Any, ...]) -> None:
        tried.append(question)

    collect()
    for where, group_by, order, least, first in tried:
        found = await stats(
            graph,
            *group_by,
            where=where,
            having={"flights": {"gte": least}},
            orderBy={"field": order[0], "direction": order[1]},
            first=first,
        )
        flights = FLIGHTS.filter(matching(where))
        same(found, expected(flights, *group_by, order=order, least=least, first=first))
    assert len(tried) == 15


async def test_without_an_order_groups_come_by_key_and_without_first_there_are_100(graph: Graph) -> None:
    found = await stats(graph, "DESTINATION")
    assert len(found) == 100
    assert [group["destination"] for group in found] == sorted(FLIGHTS["destination"].unique())[:100]


async def test_the_direction_of_an_order_is_down_where_none_is_given(graph: Graph) -> None:
    found = await stats(graph, "CARRIER", orderBy={"field": "FLIGHTS"})
    counts = [group["flights"] for group in found]
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_equal_groups_come_by_ascending_key_whatever_the_direction(graph: Graph, direction: str) -> None:
    """On the first day of the year most routes have the same few numbers of flights."""
    where = {"scheduledDeparture": {"lt": "2013-01-02T05:00:00Z"}}
    found = await stats(graph, "ROUTE", where=where, orderBy={"field": "FLIGHTS", "direction": direction}, first=1000)
    sign = 1 if direction == "ASC" else -1
    order = [(sign * group["flights"], group["origin"], group["destination"]) for group in found]
    assert order == sorted(order)
    assert len({flights for flights, *_ in order}) < len(order)


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ({"eq": 342}, FLIGHTS_OF_GROUP == 342),
        ({"ne": 342}, FLIGHTS_OF_GROUP != 342),
        ({"in": [342, 714]}, FLIGHTS_OF_GROUP.is_in([342, 714])),
        ({"in": []}, pl.lit(value=False)),
        ({"notIn": [342, 714]}, ~FLIGHTS_OF_GROUP.is_in([342, 714])),
        ({"gt": 342, "lte": 20_536}, (FLIGHTS_OF_GROUP > 342) & (FLIGHTS_OF_GROUP <= 20_536)),
        ({"gte": 342, "lt": 20_536}, (FLIGHTS_OF_GROUP >= 342) & (FLIGHTS_OF_GROUP < 20_536)),
        ({"isNull": True}, pl.lit(value=False)),
        ({"isNull": False}, pl.lit(value=True)),
        ({}, pl.lit(value=True)),
    ],
)
async def test_having_keeps_the_groups_whose_flights_it_describes(
    graph: Graph, condition: dict[str, Any], kept: pl.Expr
) -> None:
    found = await stats(graph, "CARRIER", having={"flights": condition})
    counts = FLIGHTS.group_by("carrier").agg(flights=pl.len()).filter(kept).sort("carrier")
    assert [(group["carrier"], group["flights"]) for group in found] == counts.rows()


async def test_having_comes_before_first_and_may_be_null(graph: Graph) -> None:
    found = await stats(graph, "CARRIER", having={"flights": {"lt": 1000}}, orderBy={"field": "FLIGHTS"}, first=2)
    assert [group["carrier"] for group in found] == ["AS", "F9"]
    everything = await stats(graph, "CARRIER", having=None, orderBy=None, where=None, first=None)
    assert everything == await stats(graph, "CARRIER")


async def test_no_dimension_is_one_group_of_all_flights_even_if_there_are_none(graph: Graph) -> None:
    same(await stats(graph), expected(FLIGHTS))
    (nothing,) = await stats(graph, where={"or": []})
    assert {name: value for name, value in nothing.items() if value is not None} == {
        "flights": 0,
        "landed": 0,
        "cancelled": 0,
        "diverted": 0,
        "delayed": 0,
    }
    assert await stats(graph, where={"or": []}, having={"flights": {"gt": 0}}) == []


async def test_no_flight_is_no_group_and_first_0_is_none_of_them(graph: Graph) -> None:
    assert await stats(graph, "CARRIER", "DAY", where={"carrierCode": {"eq": "??"}}) == []
    assert await stats(graph, "CARRIER", first=0) == []


async def test_flights_without_a_tail_number_are_a_group_that_comes_last(graph: Graph) -> None:
    where = {"or": [{"tailNumber": {"isNull": True}}, {"tailNumber": {"startsWith": "N1422"}}]}
    for direction in ("ASC", "DESC"):
        found = await stats(graph, "AIRCRAFT", where=where, orderBy={"field": "KEY", "direction": direction})
        assert (found[-1]["aircraft"], found[-1]["flights"]) == (None, 2_512)
        assert None not in [group["aircraft"] for group in found[:-1]]


@pytest.fixture
async def small(empty_database: Database, empty_url: str) -> AsyncIterator[Graph]:
    """Flights that have not happened yet, one that has, and an airport without a time zone."""
    await upgrade(empty_database)
    times = {"scheduled_departure": datetime(2030, 6, 1, 3, tzinfo=UTC)}
    landed = {"departure_delay_minutes": 2, "arrival_delay_minutes": 15, "status": "LANDED"}
    clock = {"local_date": "2030-05-31", "local_hour": 23, "local_weekday": 5}
    async with empty_database.transaction() as connection:
        await connection.execute(insert(Airline).values(code="UA", name="United"))
        await connection.execute(insert(Airport).values(code="EWR", name="Newark", timezone="America/New_York"))
        await connection.execute(insert(Airport).values(code="XXX", name="Nowhere"))
        for number, values in enumerate(
            [
                {"origin_code": "EWR", "destination_code": "XXX", "status": "SCHEDULED", **clock},
                {"origin_code": "EWR", "destination_code": "XXX", "status": "DEPARTED", **clock},
                {"origin_code": "XXX", "destination_code": "EWR", **landed},
            ],
            1,
        ):
            await connection.execute(insert(Flight).values(carrier_code="UA", flight_number=number, **times, **values))
    config = without_models(empty_url)
    async with open_service(config) as service:
        yield Graph(service, Executor(build_schema(), config))


async def test_what_no_flight_of_a_group_has_is_null_and_comes_last_in_both_directions(small: Graph) -> None:
    for field in ("DELAYED_RATE", "CANCELLED_RATE", "MEAN_ARRIVAL_DELAY"):
        for direction in ("ASC", "DESC"):
            order = {"field": field, "direction": direction}
            landed, unfinished = await stats(small, "ORIGIN", orderBy=order)
            assert (landed["origin"], unfinished["origin"]) == ("XXX", "EWR")
    assert {name: unfinished[name] for name in ("flights", "landed", "delayed")} == {
        "flights": 2,
        "landed": 0,
        "delayed": 0,
    }
    assert {unfinished[name] for name in ("delayedRate", "cancelledRate")} == {None}
    assert {value for name, value in unfinished.items() if "Minutes." in name} == {None}
    assert (landed["delayed"], landed["delayedRate"], landed["cancelledRate"]) == (1, 1.0, 0.0)
    assert [landed[f"arrivalDelayMinutes.{name}"] for name in ("mean", "p50", "p90", "max")] == [15.0, 15.0, 15.0, 15]


async def test_where_the_origin_has_no_time_zone_its_clock_is_null(small: Graph) -> None:
    for direction in ("ASC", "DESC"):
        order = {"field": "KEY", "direction": direction}
        known, unknown = await stats(small, "MONTH", "DAY", "HOUR_OF_DAY", "DAY_OF_WEEK", orderBy=order)
        names = ("month", "day", "hourOfDay", "dayOfWeek", "flights")
        assert [known[name] for name in names] == ["2030-05", "2030-05-31", 23, 5, 2]
        assert [unknown[name] for name in names] == [None, None, None, None, 1]


async def test_statistics_show_a_write_as_soon_as_it_is_answered(small_graph: Graph) -> None:
    async def seen(*group_by: str) -> list[tuple[Any, ...]]:
        fields = ("origin", "day", "hourOfDay", "flights", "delayed", "departureDelayMinutes.p50")
        return [tuple(group[name] for name in fields) for group in await stats(small_graph, *group_by)]

    ewr = ("EWR", "2030-06-01", 8, 1, 0, None)
    by_clock = ("ORIGIN", "DAY", "HOUR_OF_DAY")
    assert await seen(*by_clock) == [ewr]
    flight = (await create(small_graph, actualDeparture="2030-06-02T12:30:00Z"))["flight"]
    assert await seen(*by_clock) == [ewr, ("JFK", "2030-06-02", 8, 1, 0, 30.0)]
    cancelled = (await update(small_graph, flight, status="CANCELLED", actualDeparture=None))["flight"]
    assert await seen(*by_clock) == [ewr, ("JFK", "2030-06-02", 8, 1, 1, None)]
    await delete(small_graph, cancelled)
    assert await seen(*by_clock) == [ewr]
    rows = [{**NEW, "flightNumber": number, "originCode": "LAX", "destinationCode": "JFK"} for number in (8, 9)]
    await upsert(small_graph, "upsertFlights", rows)
    assert await seen(*by_clock) == [ewr, ("LAX", "2030-06-02", 5, 2, 0, None)]
    moved = {"code": "LAX", "name": "Airport LAX", "timezone": "Pacific/Kiritimati"}
    await upsert(small_graph, "upsertAirports", [moved])
    assert await seen(*by_clock) == [ewr, ("LAX", "2030-06-03", 2, 2, 0, None)]
    await upsert(small_graph, "upsertAirports", [{**moved, "timezone": None}])
    assert await seen(*by_clock) == [ewr, ("LAX", None, None, 2, 0, None)]


def too_deep() -> dict[str, Any]:
    where: dict[str, Any] = {"carrierCode": {"eq": "UA"}}
    for _ in range(6):
        where = {"not": where}
    return where


@pytest.mark.parametrize(
    ("variables", "code", "words"),
    [
        ({"groupBy": ["DAY", "ROUTE", "DAY"]}, "BAD_USER_INPUT", "groupBy: DAY is named twice"),
        ({"groupBy": ["DAY"], "first": -1}, "BAD_USER_INPUT", "first: -1 is negative; ask for 0 to 1000 groups"),
        ({"groupBy": ["DAY"], "first": 1001}, "LIMIT_EXCEEDED", "first: 1001 is more than the 1000 groups"),
        ({"groupBy": ["DAY"], "having": {"flights": None}}, "BAD_USER_INPUT", "having.flights: null is not a condi"),
        ({"groupBy": ["DAY"], "having": {"flights": {"gte": None}}}, "BAD_USER_INPUT", "having.flights.gte: null"),
        (
            {"groupBy": ["DAY"], "having": {"flights": {"in": list(range(1001))}}},
            "LIMIT_EXCEEDED",
            "the lists of a filter hold at most 1000 values",
        ),
        ({"groupBy": ["DAY"], "where": {"carrierCode": {"eq": None}}}, "BAD_USER_INPUT", "where.carrierCode.eq"),
        ({"groupBy": ["WEEK"]}, "BAD_USER_INPUT", "WEEK"),
        ({"groupBy": None}, "BAD_USER_INPUT", "groupBy"),
        ({"groupBy": [None]}, "BAD_USER_INPUT", "groupBy"),
        ({"groupBy": ["DAY"], "first": 2**31}, "BAD_USER_INPUT", "first"),
        ({"groupBy": ["DAY"], "having": {"flights": {"lt": -(2**31) - 1}}}, "BAD_USER_INPUT", "non 32-bit"),
        ({"groupBy": ["DAY"], "having": {"delayed": {"gt": 1}}}, "BAD_USER_INPUT", "delayed"),
        ({"groupBy": ["DAY"], "orderBy": {"field": None}}, "BAD_USER_INPUT", "field"),
        ({"groupBy": ["DAY"], "orderBy": [{"field": "KEY"}, {"field": "FLIGHTS"}]}, "BAD_USER_INPUT", "orderBy"),
        ({"groupBy": ["DAY"], "where": too_deep()}, "LIMIT_EXCEEDED", "5 levels"),
        ({"groupBy": ["DAY"], "orderBy": {"direction": "ASC"}}, "BAD_USER_INPUT", "field"),
    ],
)
async def test_a_question_that_cannot_be_meant_is_an_error_that_says_why(
    graph: Graph, variables: dict[str, Any], code: str, words: str
) -> None:
    found, message = await graph.error(QUERY, variables)
    assert (found, words in message) == (code, True), message
    assert graph.statements == []


async def test_a_ranking_of_carriers_takes_two_statements(graph: Graph) -> None:
    groups = (await graph.data(operation("CarrierRanking"), {}))["flightStats"]
    assert len(groups) == 16
    assert graph.statements == ["flight_stats", "airlines_by_key"]


async def test_objects_of_keys_are_loaded_in_one_batch_for_each_type(graph: Graph) -> None:
    query = """{ flightStats(groupBy: [ROUTE, CARRIER, AIRCRAFT], first: 1000) {
        flights key { ...K carrier { name } aircraft { model } } } }
        fragment K on FlightStatsKey { from: origin { name } destination { name timezone } }"""
    groups = (await graph.data(query))["flightStats"]
    assert len(groups) == 1000
    assert {group["key"]["from"]["name"] for group in groups} == {"Newark Liberty Intl"}
    assert sorted(graph.statements) == ["aircraft_by_key", "airlines_by_key", "airports_by_key", "flight_stats"]


async def test_of_a_dimension_that_was_not_asked_for_nothing_is_loaded(graph: Graph) -> None:
    query = "{ flightStats(groupBy: [MONTH]) { key { month carrier { name } origin { name } status } } }"
    groups = (await graph.data(query))["flightStats"]
    assert groups[0] == {"key": {"month": "2013-01", "carrier": None, "origin": None, "status": None}}
    assert graph.statements == ["flight_stats"]


async def test_a_key_leads_on_into_the_graph(graph: Graph) -> None:
    query = """{ flightStats(groupBy: [CARRIER], having: { flights: { eq: 342 } }) {
        key { carrier { id flights(first: 1) { totalCount } } } } }"""
    (group,) = (await graph.data(query))["flightStats"]
    assert group["key"]["carrier"] == {"id": "QWlybGluZTpIQQ==", "flights": {"totalCount": 342}}


async def test_what_is_not_selected_is_not_computed(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, set[str]]] = []
    fetch = graph.service.database.fetch

    async def remembering(name: str, statement: Any) -> Any:
        rows = await fetch(name, statement)
        asked.append((str(statement), set(rows[0]._fields)))
        return rows

    monkeypatch.setattr(graph.service.database, "fetch", remembering)
    query = "{ flightStats(groupBy: [CARRIER]) { key { hourOfDay } %s } }"
    await graph.data(query % "cancelled ... @skip(if: true) { delayed arrivalDelayMinutes { p50 } }")
    await graph.data(query % "arrivalDelayMinutes { max __typename } departureDelayMinutes { __typename }")
    await graph.data(query % "a: arrivalDelayMinutes { p50 } b: arrivalDelayMinutes { p90 }")
    await graph.data(query % "__typename")
    key_and_count = {"carrier_code", "flights"}
    assert [columns for _, columns in asked] == [
        {*key_and_count, "cancelled"},
        {*key_and_count, "arrival_delay_minutes.max"},
        {*key_and_count, "arrival_delay_minutes.values"},
        key_and_count,
    ]
    assert ["aggregate_strings" in statement for statement, _ in asked] == [False, False, True, False]
    assert "delay" not in asked[0][0] + asked[3][0]


async def test_how_many_groups_an_answer_has_is_a_setting(flights_url: str) -> None:
    config = without_models(flights_url, groups_default=2, groups_max=3)
    async with open_service(config) as service:
        graph = Graph(service, Executor(build_schema(), config))
        assert len(await stats(graph, "CARRIER")) == 2
        assert len(await stats(graph, "CARRIER", first=3)) == 3
        assert (await graph.error(QUERY, {"groupBy": ["CARRIER"], "first": 4}))[0] == "LIMIT_EXCEEDED"
    with pytest.raises(ValueError, match="GROUPS_DEFAULT is larger than GROUPS_MAX"):
        settings_for(flights_url, groups_default=4, groups_max=3)
