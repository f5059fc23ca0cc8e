"""Counting what stays open, and waiting for its end."""

import asyncio

import pytest

from graphql_api.streams import Streams, cut_off, end_tasks


async def test_closing_waits_for_those_that_are_open() -> None:
    streams = Streams()

    async def stream() -> None:
        with streams.opened():
            await streams.stopping.wait()
            await asyncio.sleep(0.02)

    tasks = [asyncio.create_task(stream()) for _ in range(3)]
    await asyncio.sleep(0)
    assert len(streams) == 3
    await streams.close()
    assert len(streams) == 0
    await asyncio.gather(*tasks)


async def test_closing_waits_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphql_api.streams.SECONDS_TO_END", 0.01)
    streams = Streams()
    with streams.opened():
        await streams.close()
        assert len(streams) == 1


async def test_tasks_are_ended_however_they_end() -> None:
    async def fails() -> None:
        raise RuntimeError

    async def lasts() -> None:
        await asyncio.sleep(60)

    tasks = [asyncio.create_task(fails()), asyncio.create_task(lasts())]
    await asyncio.sleep(0)
    await end_tasks(*tasks)
    assert [task.done() for task in tasks] == [True, True]


def test_where_a_connection_cannot_be_dropped_nothing_happens() -> None:
    cut_off({"type": "websocket"})
    cut_off({"type": "websocket", "extensions": {"websocket.http.response": {}}})
