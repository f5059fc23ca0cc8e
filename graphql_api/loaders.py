"""DataLoaders: what one request asks for one by one, the database (or the model) is asked for at once.

Each batch is one statement on a connection of its own, so that batches of siblings run side by side.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import datetime
from functools import cached_property, partial
from typing import Any, Generic, NamedTuple, TypeVar

from strawberry.dataloader import DataLoader

from db.engine import Database, Row
from db.ordering import Order
from db.queries.columns import FlightColumns
from db.queries.pages import FlightSet, Page, Parent, Position, Window, any_beyond, count_flights, read_pages
from db.queries.rows import flights_by_id, rows_by_key, weather_by_hour
from db.reader import RawRow
from graphql_api.metrics import Metrics

Key = TypeVar("Key", bound=Hashable)
Of = TypeVar("Of", bound=Hashable)
Value = TypeVar("Value")
Spec = TypeVar("Spec", bound=Hashable)


class RowAsk(NamedTuple):
    """A row by its key, with the columns that will be read. A batch reads the union of all columns asked for.

    No row has the key None. Asking for it waits for the batch all the same, so that what comes after stays one wave.
    """

    key: Hashable
    columns: frozenset[str]


class FlightAsk(NamedTuple):
    """A flight by its row id, with what will be read of it. A batch is one statement for all that read the same."""

    columns: FlightColumns
    row_id: int


class WeatherAsk(NamedTuple):
    airport_code: str
    hour: datetime
    columns: frozenset[str]


class PageAsk(NamedTuple):
    window: Window
    parent: Parent


class CountAsk(NamedTuple):
    flights: FlightSet
    parent: Parent


class Edge(NamedTuple):
    """Beyond which place of an order to look, and in which direction."""

    flights: FlightSet
    order: Order
    place: Position
    before: bool


class BeyondAsk(NamedTuple):
    edge: Edge
    parent: Parent


class Loader(DataLoader[Key, Value], Generic[Key, Value]):
    """A DataLoader whose batches and cache hits are counted under its name; not where it has none."""

    def __init__(
        self, name: str | None, metrics: Metrics, load: Callable[[list[Key]], Awaitable[Sequence[Value]]]
    ) -> None:
        self._name = name
        self._metrics = metrics
        self._batches: set[asyncio.Task[Any]] = set()
        self._stopped = False

        async def load_batch(keys: list[Key]) -> Sequence[Value]:
            task = asyncio.current_task()
            if self._stopped or task is None:
                raise asyncio.CancelledError
            if name is not None:
                metrics.loader_batch(name, len(keys))
            self._batches.add(task)
            try:
                return await load(keys)
            finally:
                self._batches.discard(task)

        super().__init__(load_batch)

    def stop(self) -> Sequence[asyncio.Task[Any]]:
        """Load nothing any more, and cancel the batches that are under way, each a task of its own: these."""
        self._stopped = True
        batches = list(self._batches)
        for batch in batches:
            batch.cancel()
        return batches

    def load(self, key: Key) -> Awaitable[Value]:
        # The base class keeps its answers by key; an answer that is there is one the batch will not ask for.
        if self._name is not None:
            self._metrics.loader_key(self._name, cached=self.cache_map.get(key) is not None)
        return super().load(key)


class Loaders:
    """The loaders of one request, each made when it is first used."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database, self._metrics = database, metrics

    @cached_property
    def airlines(self) -> Loader[RowAsk, Row | None]:
        return self._rows("airlines")

    @cached_property
    def airports(self) -> Loader[RowAsk, Row | None]:
        return self._rows("airports")

    @cached_property
    def aircraft(self) -> Loader[RowAsk, Row | None]:
        return self._rows("aircraft")

    @cached_property
    def flights(self) -> Loader[FlightAsk, RawRow | None]:
        return Loader("flights", self._metrics, partial(_flights, self._database))

    @cached_property
    def weather(self) -> Loader[WeatherAsk, Row | None]:
        async def load(asks: list[WeatherAsk]) -> list[Row | None]:
            columns = frozenset[str]().union(*(ask.columns for ask in asks))
            found = await weather_by_hour(self._database, {(ask.airport_code, ask.hour) for ask in asks}, columns)
            return [found.get((ask.airport_code, ask.hour)) for ask in asks]

        return Loader("weather", self._metrics, load)

    @cached_property
    def flight_pages(self) -> Loader[PageAsk, Page]:
        async def load(asks: list[PageAsk]) -> list[Page]:
            return await _by_spec(asks, partial(read_pages, self._database))

        return Loader("flight_pages", self._metrics, load)

    @cached_property
    def flight_counts(self) -> Loader[CountAsk, int]:
        async def load(asks: list[CountAsk]) -> list[int]:
            return await _by_spec(asks, partial(count_flights, self._database))

        return Loader("flight_counts", self._metrics, load)

    @cached_property
    def flights_beyond(self) -> Loader[BeyondAsk, bool]:
        def look(edge: Edge, parents: Sequence[Parent]) -> Awaitable[list[bool]]:
            return any_beyond(self._database, edge.flights, edge.order, edge.place, parents, before=edge.before)

        async def load(asks: list[BeyondAsk]) -> list[bool]:
            return await _by_spec(asks, look)

        return Loader("flights_beyond", self._metrics, load)

    @property
    def used(self) -> list[Loader[Any, Any]]:
        """Those that were asked for something."""
        return [each for each in vars(self).values() if isinstance(each, Loader)]

    def forget(self) -> None:
        """Read everything anew from now on, since it may have changed."""
        for loader in self.used:
            loader.clear_all()

    def _rows(self, table: str) -> Loader[RowAsk, Row | None]:
        async def load(asks: list[RowAsk]) -> list[Row | None]:
            columns = frozenset[str]().union(*(ask.columns for ask in asks))
            keys = {ask.key for ask in asks if ask.key is not None}
            found = await rows_by_key(self._database, table, keys, columns) if keys else {}
            return [found.get(ask.key) for ask in asks]

        return Loader(table, self._metrics, load)


async def _flights(database: Database, asks: Sequence[FlightAsk]) -> list[RawRow | None]:
    async def read(columns: FlightColumns, row_ids: Sequence[int]) -> list[RawRow | None]:
        found = await flights_by_id(database, row_ids, columns)
        return [found.get(row_id) for row_id in row_ids]

    return await _by_spec(asks, read)


async def _by_spec(
    asks: Sequence[tuple[Spec, Of]], read: Callable[[Spec, Sequence[Of]], Awaitable[Sequence[Value]]]
) -> list[Value]:
    """Answer asks of the same spec together: one `read` for each spec, all specs side by side."""
    if len(asks) == 1:
        ((spec, of),) = asks
        return list(await read(spec, [of]))
    of_specs: dict[Spec, dict[Of, None]] = {}
    for spec, of in asks:
        of_specs.setdefault(spec, {})[of] = None
    answers = await asyncio.gather(*(read(spec, list(of_spec)) for spec, of_spec in of_specs.items()))
    found = {
        (spec, of): value
        for (spec, of_spec), values in zip(of_specs.items(), answers, strict=True)
        for of, value in zip(of_spec, values, strict=True)
    }
    return [found[(spec, of)] for spec, of in asks]
