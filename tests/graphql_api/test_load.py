import asyncio

import httpx2
import pytest

from graphql_api.errors import HTTPError
from graphql_api.load import Load
from graphql_api.metrics import Metrics
from graphql_api.state import Service
from tests.databases import Databases
from tests.graphql_api.conftest import settings_for, started

QUERY = {"query": "{ airlines { code } }"}


def sampled(service: Service, name: str) -> float:
    value = service.metrics.registry.get_sample_value(name)
    assert value is not None, name
    return value


async def test_what_is_too_much_waits_and_is_refused_and_may_come_again(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphql_api.load.PATIENCE_SECONDS", 0.02)
    async with started(settings_for(databases.flights("sqlite"), requests_max=2, requests_waiting_max=1)) as app:
        service: Service = app.state.service
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
            async with service.load, service.load:
                assert sampled(service, "graphql_requests_under_way") == 2
                refused, beyond = await asyncio.gather(*(client.post("/graphql", json=QUERY) for _ in range(2)))
                waiting = asyncio.create_task(client.post("/graphql", json=QUERY))
                while not sampled(service, "graphql_requests_waiting"):  # noqa: ASYNC110 — a metric is only read.
                    await asyncio.sleep(0)
            answered = await waiting
        for each in (refused, beyond):
            assert (each.status_code, each.headers["retry-after"]) == (503, "0.02")
            assert each.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        assert answered.json()["data"]["airlines"]
        assert sampled(service, "graphql_requests_shed_total") == 2
        assert sampled(service, "graphql_requests_under_way") == 0


async def test_who_waits_has_a_turn_in_the_order_of_coming() -> None:
    load, order = Load(1, 10, Metrics()), list[int]()

    async def one(number: int) -> None:
        async with load:
            order.append(number)

    async with load:
        waiting = [asyncio.create_task(one(number)) for number in range(5)]
        await asyncio.sleep(0)
        assert order == []
        waiting[2].cancel()
    await asyncio.wait(waiting)
    assert order == [0, 1, 3, 4]
    assert load.under_way == 0


async def test_a_place_that_came_too_late_is_passed_on() -> None:
    load = Load(1, 10, Metrics())

    async def one() -> None:
        async with load:
            pass

    async with load:
        given_up, next_one = asyncio.create_task(one()), asyncio.create_task(one())
        await asyncio.sleep(0)
    given_up.cancel()  # It has its place, and has not run since.
    await asyncio.wait([given_up, next_one])
    assert given_up.cancelled()
    assert next_one.exception() is None
    assert load.under_way == 0


async def test_what_fails_is_no_longer_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphql_api.load.PATIENCE_SECONDS", 0.01)
    load = Load(1, 0, Metrics())
    with pytest.raises(ZeroDivisionError):
        async with load:
            raise ZeroDivisionError
    async with load:
        with pytest.raises(HTTPError, match="as many requests"):
            await load.__aenter__()
    assert load.under_way == 0


async def test_a_service_that_is_about_to_end_answers_and_says_so(databases: Databases) -> None:
    async with started(settings_for(databases.flights("sqlite"))) as app:
        app.state.service.stopping = True
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
            ready, answered = await client.get("/health/ready"), await client.post("/graphql", json=QUERY)
            live = await client.get("/health/live")
        assert (ready.status_code, ready.json()["status"]) == (503, "stopping")
        assert (answered.status_code, answered.headers["connection"]) == (200, "close")
        assert live.status_code == 200
