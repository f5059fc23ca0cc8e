"""The root of all queries."""

import asyncio
from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import UNSET

from db.faults import is_storable
from db.queries.reference import all_airlines, find_airports
from db.queries.rows import flight_by_key
from graphql_api.compiled.records import record, records
from graphql_api.context import Info
from graphql_api.errors import bad_user_input
from graphql_api.ids import GlobalId, decode_id, flight_row_id, shortened
from graphql_api.loaders import FlightAsk, RowAsk
from graphql_api.schema.aircraft import Aircraft
from graphql_api.schema.airline import Airline
from graphql_api.schema.airport import Airport
from graphql_api.schema.connection import (
    After,
    Before,
    First,
    FlightConnection,
    Last,
    OrderBy,
    PageArguments,
    Where,
    connect,
)
from graphql_api.schema.flight import Flight
from graphql_api.schema.flight_stats import FlightStats, statistics
from graphql_api.schema.flight_stats_inputs import FirstGroups, GroupBy, GroupOrder, Having
from graphql_api.schema.layouts import flight_columns, flight_layout, node_columns, node_layout
from graphql_api.schema.model import DelayModel, ModelSelector, select_bundle
from graphql_api.schema.node import Node
from graphql_api.schema.prediction import Model, PredictDelayResult, predict, predict_list
from graphql_api.schema.prediction_inputs import PredictDelayInput
from graphql_api.schema.question import Question
from graphql_api.schema.rate_limit import RateLimit
from graphql_api.selection import columns_for
from graphql_api.weights import GROUP, LOADED, LOOKUPS, MODEL, PREDICTION, SCAN, STATEMENT, Given, loaded, page, weighs
from ml.runtime import ModelUnavailableError

_AIRPORTS_DEFAULT = 50
_BY_IDS = Given(("ids",), 1, "page_size_max", "objects that one call may ask for.")
_AIRPORTS = Given(("first", "codes"), _AIRPORTS_DEFAULT, "page_size_max", "airports that one answer may have.")
_PREDICTED = Given(("inputs",), 1, "predictions_max", "flights that one call may ask about.")
_GROUPS = Given(
    ("first",),
    "groups_default",
    "groups_max",
    "groups that one answer may have. Ask for fewer, or narrow the groups with where and having.",
)
_TYPES: dict[str, type[Node]] = {entity.__name__: entity for entity in (Flight, Airport, Airline, Aircraft)}


@strawberry.input(description="What identifies a flight in the world: no two flights share it.")
class FlightKey:
    carrier_code: str = strawberry.field(description="The airline's IATA code.")
    flight_number: int = strawberry.field(description="The number without the carrier, 1 to 9999.")
    origin_code: str = strawberry.field(description="The origin's IATA code.")
    scheduled_departure: datetime = strawberry.field(description="Scheduled departure.")


@strawberry.type(
    description="Everything that can be read. The limits that descriptions name are those that the service has "
    "unless it is set otherwise; beyond one is an error (LIMIT_EXCEEDED)."
)
class Query:
    @strawberry.field(
        description="Any object by its ID, null where there is none. What is no ID of this service is an error "
        "(BAD_USER_INPUT).",
        metadata=loaded(),
    )
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="A value of an id field.")],  # noqa: A002
    ) -> Node | None:
        return await _node(info, decode_id(id))

    @strawberry.field(
        description="Objects by their IDs, in their order, null where there is none. What is no ID of this "
        "service is an error.",
        metadata=weighs(each=LOADED, items=_BY_IDS, once=STATEMENT),
    )
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Values of id fields, at most 500.")],
    ) -> list[Node | None]:
        return list(await asyncio.gather(*[_node(info, each) for each in list(map(decode_id, ids))]))

    @strawberry.field(
        description="A flight by its ID, null where there is none. The ID of something else is an error "
        "(BAD_USER_INPUT).",
        metadata=loaded(),
    )
    async def flight(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="A flight's id.")],  # noqa: A002
    ) -> Flight | None:
        wanted = decode_id(id)
        if wanted.type_name != Flight.__name__:
            raise bad_user_input(f"id: {shortened(id)} is the ID of something else: {wanted.type_name}, not Flight.")
        return await _flight(info, wanted.key)

    @strawberry.field(
        description="A flight by what identifies it in the world, null where there is none.",
        metadata=loaded(),
    )
    async def flight_by_key(
        self,
        info: Info,
        key: Annotated[FlightKey, strawberry.argument(description="Carrier, number, origin, departure.")],
    ) -> Flight | None:
        if not (is_storable(key.carrier_code) and is_storable(key.origin_code)):
            return None
        columns = flight_columns(info, ())
        row = await flight_by_key(
            info.context.database,
            (key.carrier_code, key.flight_number, key.origin_code, key.scheduled_departure),
            columns,
        )
        flight: Flight | None = record(info._raw_info, row, flight_layout(info.context.database.dialect, columns))
        return flight

    @strawberry.field(description="Flights, filtered, ordered and paged.", metadata=page())
    def flights(
        self,
        info: Info,
        where: Where = UNSET,
        order_by: OrderBy = UNSET,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> FlightConnection:
        return connect(info, PageArguments(where, order_by, first, after, last, before))

    @strawberry.field(
        description="An airport by its code, null where there is none.",
        metadata=loaded(),
    )
    async def airport(
        self, info: Info, code: Annotated[str, strawberry.argument(description="IATA code, as in EWR.")]
    ) -> Airport | None:
        found = await _node(info, GlobalId(Airport.__name__, code))
        return found if isinstance(found, Airport) else None

    @strawberry.field(
        description="Airports by codes, or by a text in their code or name; by code.",
        metadata=weighs(
            STATEMENT,
            each=1,
            items=_AIRPORTS,
        ),
    )
    async def airports(
        self,
        info: Info,
        codes: Annotated[list[str] | None, strawberry.argument(description="IATA codes, at most 500.")] = UNSET,
        search: Annotated[str | None, strawberry.argument(description="A part of the name, or the code.")] = UNSET,
        first: Annotated[
            int | None,
            strawberry.argument(description="At most this many, up to 500: 50 when left out, or all of the codes."),
        ] = UNSET,
    ) -> list[Airport]:
        maximum = info.context.settings.page_size_max
        if isinstance(first, int) and first < 0:
            raise bad_user_input(f"first: {first} is negative; ask for 0 to {maximum} airports.")
        if search and not is_storable(search):
            return []
        wanted = [code for code in codes if is_storable(code)] if isinstance(codes, list) else None
        columns = node_columns(info, Airport)
        rows = await find_airports(
            info.context.database,
            codes=wanted,
            search=search or None,
            limit=first if isinstance(first, int) else _AIRPORTS_DEFAULT if wanted is None else maximum,
            columns=columns,
        )
        airports: list[Airport] = records(info._raw_info, rows, node_layout(Airport, columns))
        return airports

    @strawberry.field(
        description="An airline by its code, null where there is none.",
        metadata=loaded(),
    )
    async def airline(
        self, info: Info, code: Annotated[str, strawberry.argument(description="IATA code, as in UA.")]
    ) -> Airline | None:
        found = await _node(info, GlobalId(Airline.__name__, code))
        return found if isinstance(found, Airline) else None

    @strawberry.field(description="All airlines, by code.", metadata=weighs(STATEMENT, each=1, items=16))
    async def airlines(self, info: Info) -> list[Airline]:
        columns = node_columns(info, Airline)
        rows = await all_airlines(info.context.database, columns)
        airlines: list[Airline] = records(info._raw_info, rows, node_layout(Airline, columns))
        return airlines

    @strawberry.field(
        description="An aircraft by its tail number, null where there is none.",
        metadata=loaded(),
    )
    async def aircraft(
        self, info: Info, tail_number: Annotated[str, strawberry.argument(description="Registration, as in N14228.")]
    ) -> Aircraft | None:
        found = await _node(info, GlobalId(Aircraft.__name__, tail_number))
        return found if isinstance(found, Aircraft) else None

    @strawberry.field(
        description="Flights counted and measured in groups.",
        metadata=weighs(
            SCAN,
            each=GROUP,
            items=_GROUPS,
        ),
    )
    async def flight_stats(
        self,
        info: Info,
        where: Where = UNSET,
        *,
        group_by: GroupBy,
        having: Having = UNSET,
        order_by: GroupOrder = UNSET,
        first: FirstGroups = UNSET,
    ) -> list[FlightStats]:
        limit = first if isinstance(first, int) else None
        return await statistics(info, where or None, group_by, having or None, order_by or None, limit)

    @strawberry.field(
        description="How late a flight will arrive that the service may not know.",
        metadata=weighs(PREDICTION, once=LOOKUPS),
    )
    async def predict_delay(
        self,
        info: Info,
        input: Annotated[PredictDelayInput, strawberry.argument(description="The flight.")],  # noqa: A002
        model: Model = UNSET,
    ) -> PredictDelayResult:
        return await predict(info, Question.of_input(input), model or None, ("input",))

    @strawberry.field(
        description="How late each of many flights will arrive, in the order of the inputs.",
        metadata=weighs(
            each=PREDICTION,
            items=_PREDICTED,
            once=LOOKUPS,
        ),
    )
    async def predict_delays(
        self,
        info: Info,
        inputs: Annotated[list[PredictDelayInput], strawberry.argument(description="The flights, at most 1,000.")],
        model: Model = UNSET,
    ) -> list[PredictDelayResult]:
        questions = [Question.of_input(each) for each in inputs]
        paths = [("inputs", str(index)) for index in range(len(inputs))]
        return await predict_list(info, questions, model or None, paths) if questions else []

    @strawberry.field(
        description="Every model that the service has loaded and verified.", metadata=weighs(items=2, each=MODEL)
    )
    def models(self, info: Info) -> list[DelayModel]:
        models = info.context.models
        return [DelayModel.from_bundle(bundle, models) for bundle in models.bundles]

    @strawberry.field(description="One model, null where there is none.", metadata=weighs(MODEL))
    def model(
        self,
        info: Info,
        select: Annotated[
            ModelSelector | None, strawberry.argument(description="Which model; the champion when left out.")
        ] = UNSET,
    ) -> DelayModel | None:
        try:
            return DelayModel.from_bundle(select_bundle(info.context.models, select or None), info.context.models)
        except ModelUnavailableError:
            return None

    @strawberry.field(description="What is left of the rate limit, null where there is none.")
    def rate_limit(self, info: Info) -> RateLimit | None:
        allowance = info.context.allowance
        return None if allowance is None else RateLimit.of(allowance)


async def _node(info: Info, wanted: GlobalId) -> Node | None:
    """The object of a global ID, read with the columns that the current selection needs of its type."""
    entity = _TYPES.get(wanted.type_name)
    if entity is None:
        kind = shortened(wanted.type_name)
        raise bad_user_input(f"This is not an ID of this service: {kind} is none of {', '.join(_TYPES)}.")
    if entity is Flight:
        return await _flight(info, wanted.key)
    loaders = info.context.loaders
    by_type = {
        Airport: loaders.airports,
        Airline: loaders.airlines,
        Aircraft: loaders.aircraft,
    }
    key = wanted.key if is_storable(wanted.key) else None
    row = None if key is None else await by_type[entity].load(RowAsk(key, columns_for(info, entity)))
    return None if row is None else entity.from_row(row)


async def _flight(info: Info, key: str) -> Flight | None:
    row_id = flight_row_id(key)
    if row_id is None:
        return None
    columns = flight_columns(info, ())
    row = await info.context.loaders.flights.load(FlightAsk(columns, row_id))
    flight: Flight | None = record(info._raw_info, row, flight_layout(info.context.database.dialect, columns))
    return flight
