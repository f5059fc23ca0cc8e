"""Handing out changes: to whom, in which order, and what becomes of those who do not take them."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from graphql import GraphQLError

import graphql_api.changes
from db.filters import EVERYTHING, Condition
from db.writes.changes import Change, ChangeKind
from graphql_api.changes import Changes, ChangeStream, Interruption, TooSlowError
from tests.small import flight_values

LATE = Condition("departure_delay_minutes", "gte", 15)


def flight(number: int, **values: Any) -> dict[str, Any]:
    return {"id": number, "departure_delay_minutes": None, **flight_values(flight_number=number), **values}


def created(number: int, **values: Any) -> Change:
    return Change("flights", ChangeKind.CREATED, None, flight(number, **values))


def changes(**limits: int) -> Changes:
    return Changes(**{"queue_max": 10, "streams_max": 10, **limits})


async def taken(stream: ChangeStream) -> list[Any]:
    """What waits in a stream that has ended."""
    return [event async for event in stream]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [(None, 20, True), (None, 5, False), (5, 20, True), (20, 5, True), (5, 6, False), (20, None, True)],
)
async def test_a_change_is_told_where_the_flight_matches_before_or_after_it(
    before: int | None, after: int | None, *, told: bool
) -> None:
    hub = changes()
    stream = hub.stream(LATE)
    change = Change(
        "flights",
        ChangeKind.UPDATED,
        None if before is None else flight(1, departure_delay_minutes=before),
        None if after is None else flight(1, departure_delay_minutes=after),
    )
    hub.publish([change])
    hub.close()
    assert await taken(stream) == ([change] if told else [])


async def test_changes_are_told_in_their_order_from_the_moment_of_the_subscription() -> None:
    hub = changes()
    hub.publish([created(1)])
    stream = hub.stream(EVERYTHING)
    hub.publish([created(2), created(3)])
    hub.publish([created(4)])
    hub.close()
    assert await taken(stream) == [created(2), created(3), created(4)]


async def test_a_filter_is_decided_once_for_all_who_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    decided = 0

    def counting(condition: Any) -> Any:
        def matches(row: Any) -> bool:
            nonlocal decided
            decided += 1
            return True

        return matches

    monkeypatch.setattr(graphql_api.changes, "predicate", counting)
    hub = changes(streams_max=200)
    streams = [hub.stream(LATE) for _ in range(150)] + [hub.stream(EVERYTHING) for _ in range(50)]
    hub.publish([created(1)])
    assert decided == 2
    hub.close()
    assert [len(await taken(stream)) for stream in streams] == [1] * 200


async def test_who_takes_too_slowly_is_left_behind_alone() -> None:
    hub = changes(queue_max=2)
    slow, other = hub.stream(EVERYTHING), hub.stream(EVERYTHING)
    for number in (1, 2, 3):
        hub.publish([created(number)])
        assert await anext(other) == created(number)
    assert len(hub) == 1
    with pytest.raises(TooSlowError, match="More than 2 changes"):
        await anext(slow)


async def test_who_waits_is_woken_by_a_change_and_by_the_end() -> None:
    hub = changes()
    stream = hub.stream(EVERYTHING)
    waiting = asyncio.create_task(stream.__anext__())
    await asyncio.sleep(0)
    hub.publish([created(1)])
    assert await waiting == created(1)
    waiting = asyncio.create_task(stream.__anext__())
    await asyncio.sleep(0.01)
    hub.close()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_a_closed_stream_gets_nothing_and_leaves_nothing() -> None:
    hub = changes()
    stream = hub.stream(EVERYTHING)
    hub.publish([created(1)])
    await stream.aclose()
    await stream.aclose()
    hub.publish([created(2)])
    assert len(hub) == 0
    assert await taken(stream) == []
    assert hub._audiences == {}


async def test_an_interruption_is_told_to_everybody_between_the_changes() -> None:
    hub = changes()
    stream, late = hub.stream(EVERYTHING), hub.stream(LATE)
    since, until = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)
    hub.publish([created(1)])
    hub.interrupted(since, until)
    hub.publish([created(2)])
    hub.close()
    assert await taken(stream) == [created(1), Interruption(since, until), created(2)]
    assert await taken(late) == [Interruption(since, until)]


async def test_there_are_so_many_streams_at_most_and_none_after_the_end() -> None:
    hub = changes(streams_max=1)
    stream = hub.stream(EVERYTHING)
    with pytest.raises(GraphQLError, match="no more are accepted"):
        hub.stream(LATE)
    await stream.aclose()
    hub.stream(LATE)
    hub.close()
    with pytest.raises(GraphQLError, match="stopping"):
        hub.stream(LATE)


async def test_who_takes_many_in_a_row_lets_others_have_their_turn() -> None:
    hub = changes()
    stream = hub.stream(EVERYTHING)
    hub.publish([created(number) for number in range(5)])
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    for _ in range(5):
        await anext(stream)
    assert turns >= 4
    task.cancel()
