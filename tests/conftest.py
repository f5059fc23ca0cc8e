"""Fixtures that all tests share, and the rule that nothing is left out silently."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from db.engine import Database
from db.migrate import upgrade
from graphql_api.settings import Settings
from tests.databases import Databases, DatabaseServer, settings_for
from tests.small import refill

DIALECTS = ("sqlite", "postgresql")
_server = pytest.StashKey[DatabaseServer]()
_databases = pytest.StashKey[Databases]()
# Debian has nginx where root's PATH alone leads.
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin"))


# A busy machine is no fault of what is tested: no test may fail because it was slow.
hypothesis_settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("patient")

# What a developer has set for the service must not reach the tests, nor the processes that they start.
for _name in Settings.model_fields:
    os.environ.pop(_name.upper(), None)


def pytest_configure(config: pytest.Config) -> None:
    """The process that controls the run starts the databases; its workers are told where they are."""
    workerinput: dict[str, Any] | None = getattr(config, "workerinput", None)
    if workerinput is not None:
        config.stash[_databases] = Databases(**workerinput["databases"])
    elif not config.option.collectonly:
        server = DatabaseServer()
        config.stash[_server] = server
        try:
            server.fill()
        except BaseException:
            server.stop()
            raise
        config.stash[_databases] = server.databases


def pytest_report_header() -> str:
    """What is not collected is not left out silently either: tests/monitoring/test_contract.py."""
    url = os.environ.get("KUMA_URL")
    if url:
        return f"Uptime Kuma: the contract is tested on the double, and on the real one at {url}"
    return "Uptime Kuma: the contract is tested on the double alone; set KUMA_URL and KUMA_PASSWORD for a real one"


def pytest_configure_node(node: Any) -> None:
    node.workerinput["databases"] = node.config.stash[_databases].workerinput()


def pytest_unconfigure(config: pytest.Config) -> None:
    if server := config.stash.get(_server, None):
        server.stop()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        if shutil.which(marker.args[0], path=_PATH) is None:
            pytest.skip(f"{marker.args[0]} is not installed")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    left_out = terminalreporter.stats.get("skipped", [])
    if left_out:
        reasons = sorted({str(report.longrepr[2]) for report in left_out if isinstance(report.longrepr, tuple)})
        terminalreporter.section("left out")
        terminalreporter.line(f"{len(left_out)} tests were left out: {'; '.join(reasons)}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a part that was left out is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Databases:
    return request.config.stash[_databases]


@pytest.fixture(scope="session", params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    """Tests that use this, directly or not, run on both databases."""
    return str(request.param)


@pytest.fixture(scope="session")
def flights_url(databases: Databases, dialect: str) -> str:
    """All flights, for reading."""
    return databases.flights(dialect)


@pytest.fixture
def copy_url(databases: Databases, dialect: str) -> Iterator[str]:
    """All flights, for this test alone."""
    url = databases.copy(dialect)
    yield url
    databases.drop(url)


@pytest.fixture
def postgresql_copy_url(databases: Databases) -> Iterator[str]:
    """All flights on PostgreSQL alone, for what SQLite has nothing of."""
    url = databases.copy("postgresql")
    yield url
    databases.drop(url)


@pytest.fixture
def empty_url(databases: Databases, dialect: str) -> Iterator[str]:
    """No tables, for this test alone."""
    url = databases.empty(dialect)
    yield url
    databases.drop(url)


@pytest.fixture
async def flights_database(flights_url: str) -> AsyncIterator[Database]:
    database = Database(settings_for(flights_url))
    yield database
    await database.close()


@pytest.fixture
async def empty_database(empty_url: str) -> AsyncIterator[Database]:
    database = Database(settings_for(empty_url), maintenance=True)
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def small_url(databases: Databases, dialect: str) -> AsyncIterator[str]:
    """A few rows, to be written to; whoever uses it fills it first."""
    url = await asyncio.to_thread(databases.empty, dialect)
    database = Database(settings_for(url), maintenance=True)
    await upgrade(database)
    await database.close()
    yield url
    await asyncio.to_thread(databases.drop, url)


@pytest.fixture
async def small_database(small_url: str) -> AsyncIterator[Database]:
    """A few rows, filled anew for this test."""
    database = Database(settings_for(small_url))
    await refill(database)
    yield database
    await database.close()
