"""Filters written as JSON mean what the graph's filters mean."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import strawberry
from pydantic import SecretStr

from db.filter_json import FilterError, filter_from_json
from db.filters import EVERYTHING, All, AnyOf, Condition, Filter, Not
from graphql_api.schema.filters import FlightFilter, flight_filter
from graphql_api.schema.scalars import DATE_TIME
from graphql_api.settings import Settings

FILTERS: list[dict[str, Any]] = [
    {},
    {"carrierCode": {"eq": "UA"}},
    {"carrierCode": {"in": ["UA", "AA"], "ne": "AA"}, "flightNumber": {"gte": 100, "lt": 200}},
    {
        "or": [{"status": {"eq": "DIVERTED"}}, {"arrivalDelayMinutes": {"gt": 60}}],
        "not": {"tailNumber": {"isNull": True}},
    },
    {"and": [], "or": []},
    {"and": [{"originCode": {"notIn": ["JFK"]}}, {}]},
    {"destinationCode": {"startsWith": "L", "isNull": False}, "distanceMiles": {"notIn": [1, 2], "lte": 900}},
    {"scheduledDeparture": {"gte": "2013-07-01T00:00:00-04:00", "ne": "2013-07-02T00:00:00Z"}},
    {"departureDelayMinutes": {"in": []}, "status": {"in": ["LANDED"], "notIn": [], "ne": "CANCELLED"}},
]


@strawberry.type
class _Query:
    @strawberry.field
    def parsed(self, info: strawberry.Info, where: FlightFilter) -> bool:
        settings = Settings(_env_file=None, database_url=SecretStr("sqlite:///x.db"))
        info.context.append(flight_filter(where, settings))
        return True


def as_the_graph_reads(where: dict[str, Any]) -> Filter:
    schema = strawberry.Schema(
        _Query, config=strawberry.schema.config.StrawberryConfig(scalar_map={datetime: DATE_TIME})
    )
    found: list[Filter] = []
    document = "query($where: FlightFilter!) { parsed(where: $where) }"
    result = schema.execute_sync(document, {"where": where}, context_value=found)
    assert result.errors is None
    return found[0]


def in_one_order(condition: Filter) -> str:
    """A filter as text in which the order of conditions makes no difference."""
    match condition:
        case All(parts) | AnyOf(parts):
            return f"{type(condition).__name__}({sorted(map(in_one_order, parts))})"
        case Not(part):
            return f"Not({in_one_order(part)})"
        case Condition():
            return repr(condition)


@pytest.mark.parametrize("where", FILTERS, ids=lambda where: orjson.dumps(where).decode())
def test_a_filter_means_what_it_means_in_the_graph(where: dict[str, Any]) -> None:
    ours, theirs = filter_from_json(orjson.dumps(where).decode()), as_the_graph_reads(where)
    assert in_one_order(ours) == in_one_order(theirs)


def test_conditions_are_read_with_their_types() -> None:
    assert filter_from_json('{"carrierCode": {"notIn": ["UA"]}}') == Condition("carrier_code", "not_in", ("UA",))
    moment = filter_from_json('{"scheduledDeparture": {"lt": "2013-01-01T05:15:00-05:00"}}')
    assert moment == Condition("scheduled_departure", "lt", datetime(2013, 1, 1, 10, 15, tzinfo=UTC))
    assert filter_from_json("{}") == EVERYTHING
    assert filter_from_json('{"or": []}') == AnyOf(())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "the filter is not JSON"),
        ("[]", "where: write an object"),
        ('{"carrier": {"eq": "UA"}}', "where.carrier: there is no such field; there are carrierCode, "),
        ('{"carrierCode": "UA"}', 'where.carrierCode: write an object of operators, such as {"eq": …}'),
        (
            '{"carrierCode": {"gt": "UA"}}',
            "where.carrierCode.gt: there is no such operator; there are eq, ne, in, notIn",
        ),
        ('{"carrierCode": {"eq": null}}', "where.carrierCode.eq: write text"),
        ('{"carrierCode": {"in": "UA"}}', "where.carrierCode.in: write a list"),
        ('{"flightNumber": {"eq": "1"}}', "where.flightNumber.eq: write a whole number"),
        ('{"flightNumber": {"eq": true}}', "where.flightNumber.eq: write a whole number"),
        ('{"flightNumber": {"eq": 3000000000}}', "where.flightNumber.eq: write a whole number of at most 32 bits"),
        ('{"status": {"eq": "LATE"}}', "where.status.eq: write one of SCHEDULED, "),
        ('{"tailNumber": {"isNull": 1}}', "where.tailNumber.isNull: write true or false"),
        ('{"scheduledDeparture": {"gt": "2013-01-01T00:00:00"}}', "write an instant with its offset"),
        ('{"or": {}}', "where.or: write a list of filters"),
        ('{"or": [{"not": {"x": 1}}]}', "where.or[0].not.x: there is no such field"),
        ('{"not": ' * 22 + "{}" + "}" * 22, "nested more than 20 deep"),
    ],
)
def test_what_is_no_filter_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(FilterError) as refusal:
        filter_from_json(text)
    assert words in str(refusal.value)
