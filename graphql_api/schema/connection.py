"""Connections of flights: pages with cursors, for all flights and for those of an airport, airline or aircraft."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

import strawberry
from strawberry import UNSET

from db.queries.pages import FlightSet, Page, Parent, Window, read_pages
from graphql_api.compiled.records import records, remembered
from graphql_api.context import Info
from graphql_api.cursors import decode_cursor, encode_cursor
from graphql_api.errors import bad_user_input
from graphql_api.loaders import BeyondAsk, CountAsk, Edge, PageAsk
from graphql_api.schema.filters import FlightFilter, flight_filter
from graphql_api.schema.ordering import FlightOrder, flight_order
from graphql_api.selection import response_keys
from graphql_api.settings import Settings
from graphql_api.weights import COUNT, LOADED, loaded, of_page, weighs

if TYPE_CHECKING:
    from graphql_api.schema.flight import Flight

_READERS = frozenset({"edges", "nodes", "pageInfo"})
LazyFlight = Annotated["Flight", strawberry.lazy("graphql_api.schema.flight")]

Where = Annotated[FlightFilter | None, strawberry.argument(description="Which flights; all when left out.")]
OrderBy = Annotated[
    list[FlightOrder] | None, strawberry.argument(description="By which terms; by scheduled departure when left out.")
]
First = Annotated[
    int | None,
    strawberry.argument(
        description="This many from the start, at most 500; 50 when neither first nor last is given. Not with last."
    ),
]
After = Annotated[
    str | None, strawberry.argument(description="Only flights after this cursor, which must be of the same order.")
]
Last = Annotated[int | None, strawberry.argument(description="This many from the end, at most 500. Not with first.")]
Before = Annotated[
    str | None, strawberry.argument(description="Only flights before this cursor, which must be of the same order.")
]


class PageArguments(NamedTuple):
    """The arguments of a connection field as a client gave them."""

    where: FlightFilter | None
    order_by: list[FlightOrder] | None
    first: int | None
    after: str | None
    last: int | None
    before: str | None

    def given(self) -> "PageArguments":
        """With None for what was left out, as for what is null."""
        return self._replace(**{name: None for name, value in self._asdict().items() if value is UNSET})


@strawberry.type(description="Where a page lies in its connection.")
class PageInfo:
    ask: strawberry.Private[PageAsk]
    page: strawberry.Private[Page]

    @strawberry.field(description="Whether flights follow the page.", metadata=loaded())
    async def has_next_page(self, info: Info) -> bool:
        window = self.ask.window
        return (self.page.more and not window.backward) or await self._any_beyond(info, before=False)

    @strawberry.field(description="Whether flights precede the page.", metadata=loaded())
    async def has_previous_page(self, info: Info) -> bool:
        window = self.ask.window
        return (self.page.more and window.backward) or await self._any_beyond(info, before=True)

    @strawberry.field(description="The cursor of the first flight, null on an empty page.")
    def start_cursor(self) -> str | None:
        return self._cursor(0) if self.page.rows else None

    @strawberry.field(description="The cursor of the last flight, null on an empty page.")
    def end_cursor(self) -> str | None:
        return self._cursor(-1) if self.page.rows else None

    def _cursor(self, index: int) -> str:
        window = self.ask.window
        return encode_cursor(window.order, window.position(self.page.rows[index]))

    async def _any_beyond(self, info: Info, *, before: bool) -> bool:
        """Whether the connection goes on outside the window, on the side that a cursor bounds."""
        window = self.ask.window
        place = window.after if before else window.before
        if place is None:
            return False
        edge = Edge(window.flights, window.order, place, before)
        return await info.context.loaders.flights_beyond.load(BeyondAsk(edge, self.ask.parent))


@strawberry.type(description="A flight in a connection.")
class FlightEdge:
    cursor: str = strawberry.field(description="Where to continue after or before this flight, in the same order.")
    node: LazyFlight = strawberry.field(description="The flight.")


@strawberry.type(description="A page of flights.")
class FlightConnection:
    ask: strawberry.Private[PageAsk]
    read_once: strawberry.Private[bool]
    """Whether one field alone will read the page, which then needs no loader.

    Two connections at the root that ask for the same are read twice, which few documents do.
    """

    @strawberry.field(description="The flights with their cursors.", metadata=of_page())
    async def edges(self, info: Info) -> list[FlightEdge]:
        from graphql_api.schema.layouts import edge_layout  # noqa: PLC0415 — flights have relations with connections.

        window = self.ask.window
        layout = edge_layout(info.context.database.dialect, window.columns, window.order)
        edges: list[FlightEdge] = records(info._raw_info, (await self._page(info)).rows, layout)
        return edges

    @strawberry.field(description="The flights.", metadata=of_page())
    async def nodes(self, info: Info) -> list[LazyFlight]:
        from graphql_api.schema.layouts import flight_layout  # noqa: PLC0415

        layout = flight_layout(info.context.database.dialect, self.ask.window.columns)
        flights: list[LazyFlight] = records(info._raw_info, (await self._page(info)).rows, layout)
        return flights

    @strawberry.field(description="Where the page lies in the connection.")
    async def page_info(self, info: Info) -> PageInfo:
        return PageInfo(ask=self.ask, page=await self._page(info))

    @strawberry.field(
        description="How many flights the connection has on all its pages. Counted only when asked for.",
        metadata=weighs(LOADED, once=COUNT),
    )
    async def total_count(self, info: Info) -> int:
        return await info.context.loaders.flight_counts.load(CountAsk(self.ask.window.flights, self.ask.parent))

    async def _page(self, info: Info) -> Page:
        if self.read_once:
            (page,) = await read_pages(info.context.database, self.ask.window, [None])
            return page
        return await info.context.loaders.flight_pages.load(self.ask)


def connect(
    info: Info, arguments: PageArguments, parent_column: str | None = None, parent: Parent = None
) -> FlightConnection:
    """The connection that a field with these arguments stands for; nothing is read before its fields are.

    Raises:
        GraphQLError: BAD_USER_INPUT or LIMIT_EXCEEDED, naming the argument.
    """
    from graphql_api.schema.layouts import flight_columns  # noqa: PLC0415

    settings = info.context.settings
    where, order_by, first, after, last, before = arguments.given()
    order = flight_order(order_by)
    window = Window(
        flights=FlightSet(flight_filter(where, settings), parent_column),
        order=order,
        limit=_page_size(first, last, settings),
        after=None if after is None else decode_cursor(order, after, "after"),
        before=None if before is None else decode_cursor(order, before, "before"),
        backward=last is not None,
        columns=flight_columns(info, ("nodes",), ("edges", "node")),
    )
    return FlightConnection(
        ask=PageAsk(window, parent),
        read_once=parent_column is None and remembered(info._raw_info, "readers", lambda: _readers(info)) == 1,
    )


def _readers(info: Info) -> int:
    """How many fields of the connection will read the page."""
    return sum(name in _READERS for name in response_keys(info._raw_info).values())


def _page_size(first: int | None, last: int | None, settings: Settings) -> int:
    if first is not None and last is not None:
        raise bad_user_input("first and last exclude each other: pass first to page forward, last to page backward.")
    name, size = ("last", last) if last is not None else ("first", first)
    if size is None:
        return min(settings.page_size_default, settings.page_size_max)
    if size < 0:
        raise bad_user_input(f"{name}: {size} is negative; ask for 0 to {settings.page_size_max} flights.")
    return size
