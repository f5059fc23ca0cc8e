"""The application: health, metrics, and what it does when its database or its model is broken."""

import shutil
from pathlib import Path

import httpx2
import pytest
import structlog
from sqlalchemy import select, text, update

from db.engine import Database, database_url
from db.migrate import head
from db.tables import Airline
from graphql_api.app import operation_names
from graphql_api.settings import Environment
from tests.databases import Databases
from tests.graphql_api.conftest import ROOT, running, settings_for, without_models

PREDICT = """{ predictDelay(input: {
    carrierCode: "UA", originCode: "EWR", destinationCode: "IAH", scheduledDeparture: "2013-07-01T10:15:00Z"
}) { __typename ... on Problem { message } } }"""


async def test_a_whole_service_is_live_and_ready(client: httpx2.AsyncClient) -> None:
    live, ready = await client.get("/health/live"), await client.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "live"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "database": "ok", "model": "ok"})


async def lives_without_its_database(url: str) -> None:
    async with running(settings_for(url)) as client:
        assert (await client.get("/health/live")).status_code == 200
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()["database"]) == (503, "the database cannot be reached")
        response = await client.post("/graphql", json={"query": "{ airlines { code } models { version } }"})
        (error,) = response.json()["errors"]
        assert error["extensions"] == {"code": "UNAVAILABLE"}
        assert error["message"] == "The database cannot be reached. Try again later."
        assert (await client.get("/metrics")).status_code == 200


async def test_without_its_server_it_lives_and_says_so_in_typed_errors() -> None:
    await lives_without_its_database("postgresql://nobody@127.0.0.1:9/none")


async def test_without_its_file_it_lives_and_does_not_make_an_empty_one(tmp_path: Path) -> None:
    await lives_without_its_database(f"sqlite:///{tmp_path}/not there?.db")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def text_url(tmp_path: Path) -> str:
    (tmp_path / "text.db").write_text("This is not a database. " * 100)
    return f"sqlite:///{tmp_path}/text.db"


async def test_a_file_that_is_no_database_is_unavailable(text_url: str) -> None:
    await lives_without_its_database(text_url)


async def test_a_database_that_was_never_migrated_is_named_in_readiness_and_its_tables_in_no_answer(
    empty_database: Database, empty_url: str
) -> None:
    await empty_database.fetch("test", select(1))
    async with running(settings_for(empty_url)) as client:
        ready = await client.get("/health/ready")
        expected = f"the schema is at migration none, not {head()}: run `python -m db upgrade`"
        assert (ready.status_code, ready.json()["database"]) == (503, expected)
        response = await client.post("/graphql", json={"query": "{ airlines { code } }"})
        assert response.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}


async def test_a_writer_makes_neither_readers_nor_readiness_wait(copy_url: str) -> None:
    writer = Database(settings_for(copy_url))
    async with running(settings_for(copy_url)) as client, writer.transaction() as connection:
        await connection.execute(update(Airline).values(name=Airline.name))
        assert (await client.get("/health/ready")).status_code == 200
        response = await client.post("/graphql", json={"query": "{ airlines { code } }"})
        assert "errors" not in response.json()
    await writer.close()


async def test_a_statement_that_waits_too_long_is_given_up(postgresql_copy_url: str) -> None:
    """SQLite has nothing of the kind: its readers do not wait for anybody."""
    holder = Database(settings_for(postgresql_copy_url), maintenance=True)
    settings = without_models(postgresql_copy_url, database_timeout_seconds=0.3)
    async with running(settings) as client, holder.transaction() as connection:
        await connection.execute(text("LOCK TABLE airlines"))
        response = await client.post("/graphql", json={"query": "{ airlines { code } }"})
        assert response.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}
    await holder.close()


async def test_a_connection_that_the_server_closed_is_replaced(databases: Databases, postgresql_copy_url: str) -> None:
    async with running(without_models(postgresql_copy_url)) as client:
        query = {"query": '{ airline(code: "UA") { code } }'}
        assert "errors" not in (await client.post("/graphql", json=query)).json()
        other = Database(settings_for(databases.flights("postgresql")))
        killed = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        await other.fetch("test", killed.bindparams(name=database_url(postgresql_copy_url).database))
        await other.close()
        assert (await client.post("/graphql", json=query)).json() == {"data": {"airline": {"code": "UA"}}}


async def test_an_answer_to_a_fault_of_the_service_carries_its_id_too(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("graphql_api.health._model_fault", broken)
    async with running(without_models(databases.flights("sqlite"))) as client:
        response = await client.get("/health/ready", headers={"x-request-id": "given"})
    assert response.status_code == 500
    assert response.headers["x-request-id"] == "given"
    assert "secret" not in response.text


@pytest.mark.parametrize("fault", ["corrupt", "missing"])
async def test_without_its_model_flights_are_served_and_predictions_are_a_typed_problem(
    databases: Databases, tmp_path: Path, fault: str
) -> None:
    if fault == "corrupt":
        shutil.copytree(ROOT / "mlruns" / "model_v2", tmp_path / "model_v2")
        shutil.copy(ROOT / "mlruns" / "aliases.json", tmp_path)
        content = bytearray((tmp_path / "model_v2" / "delay.onnx").read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / "model_v2" / "delay.onnx").write_bytes(content)
    settings = settings_for(databases.flights("sqlite"), model_dir=tmp_path)
    async with running(settings) as client:
        assert (await client.get("/health/ready")).status_code == 503
        answer = (await client.post("/graphql", json={"query": PREDICT})).json()["data"]["predictDelay"]
        assert answer["__typename"] == "ModelUnavailable"
        assert ("model_v2 failed its checks" if fault == "corrupt" else "No model is champion") in answer["message"]
        flights = await client.post("/graphql", json={"query": "{ flights(first: 1) { nodes { id } } }"})
        assert "errors" not in flights.json()


async def test_production_has_no_graphiql_and_no_suggestions(databases: Databases) -> None:
    settings = without_models(databases.flights("sqlite"), app_env=Environment.PRODUCTION)
    async with running(settings) as client:
        page = await client.get("/graphql", headers={"accept": "text/html"})
        assert page.status_code == 406
        assert (await client.get("/graphiql/index.html")).status_code == 404
        response = await client.post("/graphql", json={"query": "{ airlin { code } }"})
        assert response.json()["errors"][0]["message"] == "Cannot query field 'airlin' on type 'Query'."


async def test_a_fault_of_the_service_is_masked_under_an_id_that_the_log_has(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("graphql_api.schema.query.all_airlines", broken)
    async with running(without_models(databases.flights("sqlite"))) as client:
        with structlog.testing.capture_logs() as logged:
            response = await client.post("/graphql", json={"query": "{ airlines { code } }"})
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL"}
    assert "secret" not in response.text
    (entry,) = [each for each in logged if each["event"] == "resolver failed"]
    assert entry["error_id"] in error["message"]
    assert str(entry["exc_info"]) == "a secret of the inside"


async def test_metrics_tell_known_operations_apart_and_invented_ones_not(client: httpx2.AsyncClient) -> None:
    known = min(operation_names(ROOT / "graphiql" / "examples"))
    for name in (known, "InventedByAClient", "AnotherInvention"):
        await client.post("/graphql", json={"query": f"query {name} {{ airlines {{ code }} }}"})
    await client.post("/graphql", json={"query": "{ airlines { code } }"})
    text = (await client.get("/metrics")).text
    for name in (known, "other", "anonymous"):
        labels = f'operation_name="{name}",operation_type="query",outcome="success"'
        assert f"graphql_requests_total{{{labels}}}" in text
    assert "Invention" not in text
    assert "InventedByAClient" not in text


async def test_metrics_measure_statements_loaders_and_inference(client: httpx2.AsyncClient) -> None:
    query = """{ flights(first: 3) { nodes { predictDelay { __typename } } } airline(code: "UA") { name }
        airport(code: "EWR") { name } again: airport(code: "EWR") { name } }"""
    assert "errors" not in (await client.post("/graphql", json={"query": query})).json()
    text = (await client.get("/metrics")).text
    for sample in (
        'db_query_duration_seconds_count{statement="flights_page"}',
        'db_query_duration_seconds_count{statement="crowding_by_key"}',
        'dataloader_batch_size_count{loader="airlines"}',
        'dataloader_keys_total{loader="airports",result="cached"}',
        'inference_requests_total{model_version="model_v2",outcome="predicted"}',
        'inference_duration_seconds_count{phase="run"}',
        "inference_batch_size_count",
        'inference_probability_count{model_version="model_v2"}',
        'model_info{alias="champion",sha256=',
        "process_resident_memory_bytes",
    ):
        assert sample in text
