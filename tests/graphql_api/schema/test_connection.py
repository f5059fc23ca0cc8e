"""Pages of flights: every order, both directions, exact at the ends, right when rows come and go."""

import base64
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import orjson
import polars as pl
import pytest
from sqlalchemy import delete, insert

from db.tables import Flight
from graphql_api.app import open_service
from graphql_api.execution import Executor
from graphql_api.schema import build_schema
from tests.graphql_api.conftest import ROOT, Graph, settings_for

FLIGHTS = pl.read_parquet(ROOT / "data" / "processed" / "flights.parquet").with_row_index("row_id", 1)
ALASKA = FLIGHTS.filter(carrier_code="AS")
COLUMNS = {
    "SCHEDULED_DEPARTURE": "scheduled_departure",
    "DEPARTURE_DELAY": "departure_delay_minutes",
    "ARRIVAL_DELAY": "arrival_delay_minutes",
    "DISTANCE": "distance_miles",
    "FLIGHT_NUMBER": "flight_number",
}
QUERY = """query(
    $where: FlightFilter, $orderBy: [FlightOrder!], $first: Int, $after: String, $last: Int, $before: String
) {
    flights(where: $where, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
        edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
}"""
AS_ONLY = {"carrierCode": {"eq": "AS"}}


def ids(frame: pl.DataFrame) -> list[str]:
    return [base64.b64encode(f"Flight:{row_id}".encode()).decode() for row_id in frame["row_id"]]


def expected(*terms: tuple[str, str]) -> list[str]:
    """The IDs of Alaska's flights in an order, worked out without the service."""
    descending = [direction == "DESC" for _, direction in terms]
    columns = [COLUMNS[field] for field, _ in terms]
    return ids(ALASKA.sort([*columns, "row_id"], descending=[*descending, descending[-1]], nulls_last=True))


def order(*terms: tuple[str, str]) -> list[dict[str, str]]:
    return [{"field": field, "direction": direction} for field, direction in terms]


ORDERS: list[tuple[tuple[str, str], ...]] = [
    ((field, direction),) for field in COLUMNS for direction in ("ASC", "DESC")
]
MIXED: list[tuple[tuple[str, str], ...]] = [
    (("DISTANCE", "DESC"), ("ARRIVAL_DELAY", "ASC")),
    (("ARRIVAL_DELAY", "ASC"), ("FLIGHT_NUMBER", "DESC"), ("SCHEDULED_DEPARTURE", "ASC")),
    (("FLIGHT_NUMBER", "ASC"), ("DEPARTURE_DELAY", "ASC")),
]


@pytest.mark.parametrize("terms", ORDERS + MIXED)
async def test_paging_forward_meets_every_flight_once_in_order(
    graph: Graph, terms: tuple[tuple[str, str], ...]
) -> None:
    met: list[str] = []
    after = None
    while True:
        variables = {"where": AS_ONLY, "orderBy": order(*terms), "first": 97, "after": after}
        page = (await graph.data(QUERY, variables))["flights"]
        info = page["pageInfo"]
        assert info["hasPreviousPage"] == bool(met)
        met += [edge["node"]["id"] for edge in page["edges"]]
        assert info["hasNextPage"] == (len(met) < ALASKA.height)
        assert (info["startCursor"], info["endCursor"]) == (page["edges"][0]["cursor"], page["edges"][-1]["cursor"])
        if not info["hasNextPage"]:
            break
        after = info["endCursor"]
    assert met == expected(*terms)


@pytest.mark.parametrize("terms", ORDERS + MIXED)
async def test_paging_backward_meets_the_same_flights_in_the_same_order(
    graph: Graph, terms: tuple[tuple[str, str], ...]
) -> None:
    met: list[str] = []
    before = None
    while True:
        variables = {"where": AS_ONLY, "orderBy": order(*terms), "last": 119, "before": before}
        page = (await graph.data(QUERY, variables))["flights"]
        assert page["pageInfo"]["hasNextPage"] == bool(met)
        met = [edge["node"]["id"] for edge in page["edges"]] + met
        assert page["pageInfo"]["hasPreviousPage"] == (len(met) < ALASKA.height)
        if not page["pageInfo"]["hasPreviousPage"]:
            break
        before = page["pageInfo"]["startCursor"]
    assert met == expected(*terms)


MESA = FLIGHTS.filter(pl.col("carrier_code") == "YV", pl.col("scheduled_departure").dt.month() < 4)
UNTIL_APRIL = {"carrierCode": {"eq": "YV"}, "scheduledDeparture": {"lt": "2013-04-01T00:00:00Z"}}


@pytest.mark.parametrize("terms", [*ORDERS[2:8], *MIXED])
@pytest.mark.parametrize("end", ["first", "last"])
async def test_a_page_goes_on_after_a_missing_value_as_after_any_other(
    graph: Graph, terms: tuple[tuple[str, str], ...], end: str
) -> None:
    """With pages of 3, some end among the cancelled flights, whose delays are missing."""
    assert MESA["arrival_delay_minutes"].null_count() > 6
    met: list[str] = []
    cursor = None
    while True:
        variables = {
            "where": UNTIL_APRIL,
            "orderBy": order(*terms),
            end: 3,
            ("after" if end == "first" else "before"): cursor,
        }
        page = (await graph.data(QUERY, variables))["flights"]
        found = [edge["node"]["id"] for edge in page["edges"]]
        met = met + found if end == "first" else found + met
        if not page["pageInfo"]["hasNextPage" if end == "first" else "hasPreviousPage"]:
            break
        cursor = page["pageInfo"]["endCursor" if end == "first" else "startCursor"]
    descending = [direction == "DESC" for _, direction in terms]
    columns = [COLUMNS[field] for field, _ in terms]
    assert met == ids(MESA.sort([*columns, "row_id"], descending=[*descending, descending[-1]], nulls_last=True))


async def test_the_flags_see_a_single_flight_beyond_the_page(graph: Graph) -> None:
    every = (await graph.data(QUERY, {"where": AS_ONLY, "first": 500}))["flights"]["edges"]
    second = (await graph.data(QUERY, {"where": AS_ONLY, "first": 1, "after": every[0]["cursor"]}))["flights"]
    assert second["pageInfo"]["hasPreviousPage"] is True
    first = (await graph.data(QUERY, {"where": AS_ONLY, "last": 1, "before": every[1]["cursor"]}))["flights"]
    assert first["pageInfo"]["hasNextPage"] is True
    assert first["pageInfo"]["hasPreviousPage"] is False


async def test_flights_of_hundreds_of_aircraft_come_in_one_answer(graph: Graph) -> None:
    """More than SQLite joins in one statement."""
    query = """query($cursor: String!) { flights(first: 500, orderBy: [{ field: DISTANCE }]) { nodes {
        tailNumber aircraft { flights(first: 1, after: $cursor) { nodes { tailNumber } pageInfo { hasPreviousPage } } }
    } } }"""
    start = (await graph.data(QUERY, {"first": 1}))["flights"]["pageInfo"]["endCursor"]
    nodes = (await graph.data(query, {"cursor": start}))["flights"]["nodes"]
    assert len({node["tailNumber"] for node in nodes}) > 150
    for node in nodes:
        for inner in (node["aircraft"] or {}).get("flights", {}).get("nodes", []):
            assert inner["tailNumber"] == node["tailNumber"]


async def test_both_cursors_bound_a_page_and_its_flags_look_beyond_them(graph: Graph) -> None:
    every = (await graph.data(QUERY, {"where": AS_ONLY, "first": 500}))["flights"]["edges"]
    window = {"where": AS_ONLY, "after": every[9]["cursor"], "before": every[20]["cursor"]}
    for size, inside in (({"first": 50}, every[10:20]), ({"first": 3}, every[10:13]), ({"last": 3}, every[17:20])):
        page = (await graph.data(QUERY, {**window, **size}))["flights"]
        assert page["edges"] == inside
        assert page["pageInfo"]["hasNextPage"] is True
        assert page["pageInfo"]["hasPreviousPage"] is True


async def test_a_page_of_none_still_knows_what_lies_around_it(graph: Graph) -> None:
    page = (await graph.data(QUERY, {"where": AS_ONLY, "first": 0}))["flights"]
    assert page == {
        "edges": [],
        "pageInfo": {"hasNextPage": True, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    }
    nothing = (await graph.data(QUERY, {"where": {"carrierCode": {"eq": "??"}}}))["flights"]
    assert nothing["pageInfo"]["hasNextPage"] is False
    last = (await graph.data(QUERY, {"where": AS_ONLY, "last": 1}))["flights"]["edges"][0]["cursor"]
    beyond = (await graph.data(QUERY, {"where": AS_ONLY, "after": last}))["flights"]
    assert beyond["edges"] == []
    assert beyond["pageInfo"]["hasPreviousPage"] is True


async def test_fifty_flights_come_when_no_number_is_given(graph: Graph) -> None:
    assert len((await graph.data(QUERY))["flights"]["edges"]) == 50


async def test_the_total_is_counted_only_when_asked_for(graph: Graph) -> None:
    await graph.data("{ flights(first: 1) { nodes { id } } }")
    assert graph.statements == ["flights_page"]
    data = await graph.data('{ flights(where: { carrierCode: { eq: "AS" } }) { totalCount } }')
    assert data == {"flights": {"totalCount": ALASKA.height}}
    assert graph.statements == ["flights_count"]


async def test_edges_nodes_and_page_info_come_from_one_statement(graph: Graph) -> None:
    await graph.data("{ flights(first: 2) { edges { cursor } nodes { id } pageInfo { hasNextPage hasPreviousPage } } }")
    assert graph.statements == ["flights_page"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("first: -1", "BAD_USER_INPUT", "first: -1 is negative; ask for 0 to 500 flights."),
        ("last: -5", "BAD_USER_INPUT", "last: -5 is negative"),
        ("first: 501", "LIMIT_EXCEEDED", "first: 501 is more than the 500 flights"),
        ("last: 10000", "LIMIT_EXCEEDED", "last: 10000 is more than the 500 flights"),
        ("first: 1, last: 1", "BAD_USER_INPUT", "first and last exclude each other"),
        ('after: "abc"', "BAD_USER_INPUT", "after: this is not a cursor of this service, or it was damaged"),
        ('before: ""', "BAD_USER_INPUT", "before: this is not a cursor"),
        ('after: "é"', "BAD_USER_INPUT", "after: this is not a cursor"),
    ],
)
async def test_arguments_that_cannot_be_are_named(graph: Graph, arguments: str, code: str, words: str) -> None:
    found = await graph.error(f"{{ flights({arguments}) {{ nodes {{ id }} }} }}")
    assert found[0] == code
    assert words in found[1]


async def test_every_damaged_cursor_is_refused(graph: Graph) -> None:
    cursor = (await graph.data(QUERY, {"first": 1}))["flights"]["pageInfo"]["endCursor"]
    for position, character in enumerate(cursor):
        replacement = "A" if character != "A" else "B"
        damaged = cursor[:position] + replacement + cursor[position + 1 :]
        body = await graph.answer(QUERY, {"after": damaged})
        # The bits that pad the last character carry nothing.
        assert "errors" in body or position == len(cursor) - 1
    assert (await graph.error(QUERY, {"after": cursor[:-4]}))[0] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "content",
    [
        5,
        None,
        [],
        {"order": "SCHEDULED_DEPARTURE", "values": [], "row_id": 1},
        {"order": "SCHEDULED_DEPARTURE", "values": [None], "row_id": 1},
        {"order": "SCHEDULED_DEPARTURE", "values": [5], "row_id": 1},
        {"order": "SCHEDULED_DEPARTURE", "values": ["x"], "row_id": 1},
        {"order": "SCHEDULED_DEPARTURE", "values": ["2013-01-01T00:00:00"], "row_id": 1},
        {"order": "SCHEDULED_DEPARTURE", "values": ["2013-01-01T00:00:00Z"], "row_id": "1"},
        {"order": "SCHEDULED_DEPARTURE", "values": ["2013-01-01T00:00:00Z"], "row_id": 2**63},
        {"order": "SCHEDULED_DEPARTURE", "values": ["2013-01-01T00:00:00Z", 1], "row_id": 1},
    ],
)
async def test_a_forged_cursor_is_refused_as_a_damaged_one_is(graph: Graph, content: Any) -> None:
    payload = orjson.dumps(content)
    forged = base64.urlsafe_b64encode(zlib.crc32(payload).to_bytes(4) + payload).decode().rstrip("=")
    code, message = await graph.error(QUERY, {"after": forged})
    assert (code, message.split(":")[0]) == ("BAD_USER_INPUT", "after")


async def test_a_cursor_of_another_order_is_refused_naming_both(graph: Graph) -> None:
    cursor = (await graph.data(QUERY, {"first": 1}))["flights"]["pageInfo"]["endCursor"]
    code, message = await graph.error(QUERY, {"orderBy": order(("DISTANCE", "DESC")), "after": cursor})
    assert code == "BAD_USER_INPUT"
    assert "belongs to the order 'SCHEDULED_DEPARTURE', but orderBy asks for '-DISTANCE'" in message


async def test_a_field_ordered_by_twice_counts_once(graph: Graph) -> None:
    twice = order(("DISTANCE", "DESC"), ("DISTANCE", "ASC"))
    found = (await graph.data(QUERY, {"where": AS_ONLY, "orderBy": twice, "first": 500}))["flights"]["edges"]
    assert [edge["node"]["id"] for edge in found] == expected(("DISTANCE", "DESC"))[:500]


@pytest.fixture
async def changing(copy_url: str) -> AsyncIterator[Graph]:
    """A graph on a database that the test may write to."""
    settings = settings_for(copy_url)
    async with open_service(settings) as service:
        yield Graph(service, Executor(build_schema(), settings))


async def test_a_cursor_stays_right_when_rows_are_added_and_its_own_row_is_gone(changing: Graph) -> None:
    every = (await changing.data(QUERY, {"where": AS_ONLY, "first": 20}))["flights"]["edges"]
    tenth = every[9]
    async with changing.service.database.transaction() as connection:
        await connection.execute(delete(Flight).where(Flight.id == row_id(tenth)))
        for departure in (datetime(2013, 1, 1, 0, tzinfo=UTC), datetime(2013, 12, 31, tzinfo=UTC)):
            await connection.execute(insert(Flight).values(**flight(departure)))
    window = {"where": AS_ONLY, "first": 10}
    page = (await changing.data(QUERY, {**window, "after": tenth["cursor"]}))["flights"]
    assert page["edges"] == every[10:20]
    first = (await changing.data(QUERY, window))["flights"]["edges"]
    assert first[1:10] == every[:9], "the added flight comes first, the deleted one is gone"


def row_id(edge: dict[str, Any]) -> int:
    return int(base64.b64decode(edge["node"]["id"]).decode().split(":")[1])


def flight(departure: datetime) -> dict[str, Any]:
    return {
        "carrier_code": "AS",
        "flight_number": 9999,
        "origin_code": "EWR",
        "destination_code": "SEA",
        "scheduled_departure": departure,
        "status": "SCHEDULED",
    }
