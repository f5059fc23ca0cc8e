"""The statements of pages: one for each shape, with what is needed and no more, and read in order."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from db.engine import Database
from db.filters import EVERYTHING, All, AnyOf, Condition, Filter, Not
from db.ordering import Order, Term
from db.prepared import SHAPES_MAX, Prepared
from db.queries.columns import FlightColumns
from db.queries.page_statements import beyond_statement, page_statement
from db.queries.pages import FlightSet, Page, Position, Window, any_beyond, read_pages

RELATIONS = (
    ("aircraft", ("model", "seats")),
    ("airline", ("name",)),
    ("destination", ("name",)),
    ("origin", ("latitude", "name")),
)
ROW = FlightColumns(("flight_number", "status"), RELATIONS)
BY_DEPARTURE = Order.by([])
UNITED = Condition("carrier_code", "eq", "UA")
IN_JULY = Condition("scheduled_departure", "gte", datetime(2013, 7, 1, tzinfo=UTC))


def window(where: Filter = EVERYTHING, order: Order = BY_DEPARTURE, **change: Any) -> Window:
    settings = {"limit": 20, "after": None, "before": None, "backward": False, "columns": ROW, **change}
    return Window(FlightSet(where, settings.pop("parent_column", None)), order, **settings)


class Asked:
    """A database, and what was asked of it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.statements: list[tuple[str, Sequence[Any]]] = []
        self._rows_of_each = database.rows_of_each
        database.rows_of_each = self._remember  # type: ignore[method-assign]  # to look on

    async def _remember(self, name: str, statement: Prepared, several: Sequence[Sequence[Any]]) -> Any:
        self.statements += [(statement.sql, statement.parameters(values)) for values in several]
        return await self._rows_of_each(name, statement, several)

    async def page(self, asked: Window, parent: str | None = None) -> Page:
        (page,) = await read_pages(self.database, asked, [parent])
        return page

    async def plan(self) -> str:
        """How the last statement is executed."""
        sql, values = self.statements[-1]
        explain = "EXPLAIN QUERY PLAN " if self.database.dialect == "sqlite" else "EXPLAIN "
        (rows,) = await self.database._raw.fetch(explain + sql, [values])
        return "\n".join(str(row[-1]) for row in rows)


@pytest.fixture
async def asked(flights_url: str, flights_database: Database) -> Asked:
    return Asked(flights_database)


async def test_pages_that_differ_in_values_alone_are_one_statement(asked: Asked) -> None:
    for carrier, row_id in (("UA", 5), ("AA", 70_000)):
        after = Position((datetime(2013, 2, 3, 10, 15, tzinfo=UTC),), row_id)
        where = All((Condition("carrier_code", "eq", carrier), Condition("origin_code", "in", ("EWR",) * row_id)))
        await asked.page(window(where, after=after))
    (one, other) = asked.statements
    assert one[0] == other[0]
    assert one[1] != other[1]


@pytest.mark.parametrize("statement", [page_statement, beyond_statement])
def test_the_shapes_that_are_kept_are_bounded(statement: Any) -> None:
    assert statement.cache_parameters()["maxsize"] == SHAPES_MAX


@pytest.mark.parametrize(
    "where",
    [EVERYTHING, UNITED, IN_JULY, All((UNITED, IN_JULY)), Condition("status", "eq", "CANCELLED")],
    ids=["all", "carrier", "since", "carrier since", "status"],
)
@pytest.mark.parametrize("deep", [False, True])
async def test_a_page_with_its_relations_looks_at_no_more_than_it_shows(
    asked: Asked, where: Filter, *, deep: bool
) -> None:
    after = Position((datetime(2013, 11, 1, 12, tzinfo=UTC),), 5) if deep else None
    page = await asked.page(window(where, after=after))
    assert len(page.rows) == 20
    plan = await asked.plan()
    for scanned in ("Seq Scan on flights", "SCAN flights\n", "TEMP B-TREE", "Sort"):
        assert scanned not in plan + "\n"


async def test_relations_are_joined_to_what_is_left_of_flights_that_had_to_be_sorted(asked: Asked) -> None:
    where = All((Condition("origin_code", "eq", "JFK"), Condition("destination_code", "eq", "LAX")))
    page = await asked.page(window(where, Order.by([Term("FLIGHT_NUMBER", descending=True)])))
    sql = asked.statements[-1][0]
    assert sql.index("LIMIT 21") < sql.index("JOIN")
    numbers = [row[ROW.positions["flight_number"]] for row in page.rows]
    assert numbers == sorted(numbers, reverse=True)
    assert {row[ROW.positions["origin.name"]] for row in page.rows} == {"John F Kennedy Intl"}


async def test_only_the_key_of_a_relation_needs_no_join(asked: Asked) -> None:
    columns = FlightColumns((), (("aircraft", ()), ("airline", ()), ("origin", ("name",))))
    page = await asked.page(window(columns=columns, limit=1))
    assert asked.statements[-1][0].count("JOIN") == 1
    row = page.rows[0]
    assert [row[columns.positions[name]] for name in ("carrier_code", "tail_number")] == ["UA", "N14228"]


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("where", [EVERYTHING, All((UNITED, Not(Condition("status", "in", ("CANCELLED",)))))])
async def test_many_parents_have_what_each_has_alone(asked: Asked, where: Filter, *, backward: bool) -> None:
    parents = ["LGA", "???", "EWR", "JFK"]
    order = Order.by([Term("DISTANCE", descending=True), Term("FLIGHT_NUMBER", descending=False)])
    each = window(where, order, limit=4, backward=backward, parent_column="origin_code")
    together = await read_pages(asked.database, each, parents)
    for parent, page in zip(parents, together, strict=True):
        (alone,) = await read_pages(asked.database, each, [parent])
        width = len(alone.rows[0]) if alone.rows else 0
        assert [tuple(row)[:width] for row in page.rows] == [tuple(row) for row in alone.rows]
        assert page.more == alone.more == (parent != "???")
    place = each.position(together[0].rows[0])
    for before in (False, True):
        found = await any_beyond(asked.database, each.flights, order, place, parents, before=before)
        alone_found = [
            (await any_beyond(asked.database, each.flights, order, place, [parent], before=before))[0]
            for parent in parents
        ]
        assert found == alone_found


async def test_a_filter_that_matches_nothing_is_a_statement_like_any_other(asked: Asked) -> None:
    for nothing in (AnyOf(()), Condition("carrier_code", "in", ()), Condition("tail_number", "starts_with", "%")):
        assert (await asked.page(window(nothing))).rows == []
