"""The service on both databases with all flights, asked without HTTP."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from graphql_api.app import create_app, open_service
from graphql_api.context import Context, context_for
from graphql_api.encoding import encoded
from graphql_api.errors import RequestError
from graphql_api.execution import Answer, Executor
from graphql_api.principal import Principal, Scope
from graphql_api.schema import build_schema
from graphql_api.settings import Settings
from graphql_api.state import Service
from tests.bundles import COMMITTED
from tests.databases import Databases
from tests.small import refill

ROOT = Path(__file__).parents[2]
OPERATIONS = ROOT / "tests" / "operations"


ALL_SCOPES = Principal(1, "tests", "m7b0_testtest", frozenset(Scope))
"""Who may do everything: tests of what is done. What is refused to whom is tested by itself."""


def settings_for(url: str, **values: Any) -> Settings:
    return Settings(_env_file=None, database_url=SecretStr(url), **{"model_dir": ROOT / "mlruns", **values})


def without_models(url: str, **values: Any) -> Settings:
    """For what no model has a part in: a start with models begins a process that examines them."""
    return settings_for(url, model_dir=OPERATIONS, **values)


def operation(name: str) -> str:
    """A client's document with the fragments that it uses."""
    text = (OPERATIONS / f"{name}.graphql").read_text(encoding="utf-8")
    fragments = {path.stem: path.read_text(encoding="utf-8") for path in OPERATIONS.glob("*.graphql")}
    used = [fragments[fragment] for fragment in ("FlightRow", "Prediction") if f"...{fragment}" in text]
    return "\n".join([text, *used])


@dataclass
class Graph:
    """Asks the service as a client does, and says what it cost."""

    service: Service
    executor: Executor
    principal: Principal = ALL_SCOPES
    statements: list[str] = field(default_factory=list)

    async def context(self) -> Context:
        return context_for(self.service, self.principal)

    async def answer(
        self, query: str, variables: dict[str, Any] | None = None, name: str | None = None
    ) -> dict[str, Any]:
        """The whole response; `statements` holds the names of the SQL statements that it took."""
        self.statements.clear()
        self.service.reference.forget()
        try:
            prepared = self.executor.prepare(query, name)
            self.executor.price(prepared, variables or {})
        except RequestError as error:
            return Answer.refused(error.errors).body
        answer = await self.executor.execute(prepared, variables or {}, await self.context())
        body: dict[str, Any] = orjson.loads(encoded(answer.body))
        return body

    async def data(self, query: str, variables: dict[str, Any] | None = None, name: str | None = None) -> Any:
        """The data of a response without errors."""
        body = await self.answer(query, variables, name)
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def error(self, query: str, variables: dict[str, Any] | None = None) -> tuple[str, str]:
        """Code and message of the one error of a response."""
        (error,) = (await self.answer(query, variables))["errors"]
        return error["extensions"]["code"], error["message"]

    def counted(self, metric: str, **labels: str) -> float:
        """The value of a sample of the service's metrics, 0 before it is first counted."""
        return self.service.metrics.registry.get_sample_value(metric, labels) or 0.0


@asynccontextmanager
async def graph_on(url: str, **values: Any) -> AsyncIterator[Graph]:
    """The service on a database, asked without HTTP."""
    settings = settings_for(url, **values)
    async with open_service(settings) as service:
        asked = Graph(service, Executor(build_schema(), settings))
        measured = service.metrics.statement

        def observe(name: str, seconds: float) -> None:
            asked.statements.append(name)
            measured(name, seconds)

        service.database.observe = observe
        yield asked


@pytest.fixture(scope="session")
async def graph(flights_url: str) -> AsyncIterator[Graph]:
    async with graph_on(flights_url) as asked:
        yield asked


@pytest.fixture
async def copy_graph(copy_url: str) -> AsyncIterator[Graph]:
    """All flights, to be written to by this test alone."""
    async with graph_on(copy_url) as asked:
        yield asked


@pytest.fixture(scope="session")
async def small_service(small_url: str) -> AsyncIterator[Graph]:
    async with graph_on(small_url) as asked:
        yield asked


@pytest.fixture
async def small_graph(small_service: Graph) -> Graph:
    """A few rows, filled anew for this test, to be written to."""
    await refill(small_service.service.database)
    return small_service


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The committed models, to be changed."""
    directory = tmp_path / "models"
    directory.mkdir()
    for version in ("model_v1", "model_v2"):
        shutil.copytree(COMMITTED / version, directory / version)
    shutil.copy(COMMITTED / "aliases.json", directory)
    return directory


@asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[Starlette]:
    """The whole application, started."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the whole application."""
    async with started(settings) as app:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
            yield client


@pytest.fixture(scope="session")
async def client(databases: Databases) -> AsyncIterator[httpx2.AsyncClient]:
    """The application in development, on SQLite: HTTP is the same whatever the database."""
    async with running(settings_for(databases.flights("sqlite"))) as asked:
        yield asked
