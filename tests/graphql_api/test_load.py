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


async def test_what_is_too_much_is_refused_at_once_and_may_come_again(databases: Databases) -> None:
    async with started(settings_for(databases.flights("sqlite"), requests_max=2)) as app:
        service: Service = app.state.service
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
            with service.load, service.load:
                assert sampled(service, "graphql_requests_under_way") == 2
                refused = await client.post("/graphql", json=QUERY)
            answered = await client.post("/graphql", json=QUERY)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        assert answered.json()["data"]["airlines"]
        assert sampled(service, "graphql_requests_shed_total") == 1
        assert sampled(service, "graphql_requests_under_way") == 0


def test_what_fails_is_no_longer_under_way() -> None:
    load = Load(1, Metrics())
    with pytest.raises(ZeroDivisionError), load:
        raise ZeroDivisionError
    with load, pytest.raises(HTTPError), load:
        pass
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
