"""The role of monitors: what it may do on the real PostgreSQL, and what it may not."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from db.__main__ import app
from db.engine import Database
from db.migrate import upgrade
from db.monitor_role import CONNECTIONS_MAX, MONITOR_ROLE, MonitorRoleError, scram_verifier, set_monitor_role
from tests.databases import Databases, settings_for
from tests.small import refill

KUMA = (Path(__file__).parents[2] / "monitoring" / "kuma" / "kuma_config.yml").read_text(encoding="utf-8")
(QUERY,) = [each["query"] for each in yaml.safe_load(KUMA)["monitors"] if each["type"] == "postgres"]


@pytest.fixture(scope="module")
def url(databases: Databases) -> Iterator[str]:
    """A few rows on PostgreSQL."""
    url = databases.empty("postgresql")

    async def fill() -> None:
        database = Database(settings_for(url), maintenance=True)
        await upgrade(database)
        await refill(database)
        await database.close()

    asyncio.run(fill())
    yield url
    databases.drop(url)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(settings_for(url), maintenance=True)
    yield database
    await database.close()


@pytest.fixture
async def role(database: Database) -> AsyncIterator[str]:
    """A name that has to be quoted, for a role that is gone after the test: roles are not a database's own."""
    name = f'm7b0 "monitor" {uuid4().hex[:8]}'
    yield name
    await administer(database, name, "DROP OWNED BY {role}; DROP ROLE {role}")


async def administer(database: Database, role: str, statements: str) -> None:
    quoted = database.engine.dialect.identifier_preparer.quote_identifier(role)
    async with database.transaction() as connection:
        if (await connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})).all():
            for statement in statements.format(role=quoted).split("; "):
                await connection.exec_driver_sql(statement)


async def stored(database: Database, role: str) -> tuple[str, int, bool]:
    """The password as it is stored, how many connections there may be at once, and whether it can log in."""
    sql = text("SELECT rolpassword, rolconnlimit, rolcanlogin FROM pg_authid WHERE rolname = :role")
    async with database.transaction() as connection:
        password, limit, can_log_in = (await connection.execute(sql, {"role": role})).one()
    return str(password), int(limit), bool(can_log_in)


async def connect(url: str, role: str) -> asyncpg.Connection:
    parts = make_url(url)
    return await asyncpg.connect(host=str(parts.query["host"]), user=role, database=parts.database)


async def test_it_answers_what_uptime_kuma_asks(database: Database, url: str, role: str) -> None:
    assert await set_monitor_role(database, role, "p'a\\ss%I:x") is True
    connection = await connect(url, role)
    assert await connection.fetchval(QUERY) > 0
    await connection.close()
    password, limit, can_log_in = await stored(database, role)
    assert (password.split("$")[0], limit, can_log_in) == ("SCRAM-SHA-256", CONNECTIONS_MAX, True)


async def test_it_can_do_nothing_else(database: Database, url: str, role: str) -> None:
    await set_monitor_role(database, role, "secret")
    connection = await connect(url, role)
    for table in ("flights", "airports", "api_keys", "predictions", "alembic_version"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"TABLE {table}")
    for statement in (
        "INSERT INTO airlines (code, name) VALUES ('ZZ', 'Nobody')",
        "UPDATE airlines SET name = 'Nobody'",
        "DELETE FROM airlines",
        "TRUNCATE airlines",
        "CREATE TABLE mine (id int)",
        "CREATE ROLE another",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


async def test_once_more_a_new_password_replaces_the_former_and_what_it_could_do_beside_is_taken_back(
    database: Database, url: str, role: str
) -> None:
    await set_monitor_role(database, role, "secret")
    before, *_ = await stored(database, role)
    await administer(database, role, "GRANT SELECT ON flights TO {role}; ALTER ROLE {role} NOLOGIN CONNECTION LIMIT -1")
    assert await set_monitor_role(database, role, "another") is False
    after, limit, can_log_in = await stored(database, role)
    assert (after != before, limit, can_log_in) == (True, CONNECTIONS_MAX, True)
    connection = await connect(url, role)
    assert await connection.fetchval(QUERY) > 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetchval("SELECT count(*) FROM flights")
    await connection.close()


@pytest.mark.parametrize("attribute", ["SUPERUSER", "CREATEROLE", "IN ROLE pg_read_all_data"])
async def test_a_role_that_is_more_than_a_monitor_is_left_alone(database: Database, role: str, attribute: str) -> None:
    quoted = database.engine.dialect.identifier_preparer.quote_identifier(role)
    async with database.transaction() as connection:
        await connection.exec_driver_sql(f"CREATE ROLE {quoted} {attribute}")
    with pytest.raises(MonitorRoleError, match="may do more than a monitor should"):
        await set_monitor_role(database, role, "secret")
    assert (await stored(database, role))[0] == "None"


async def test_the_role_that_the_service_itself_uses_is_left_alone(database: Database) -> None:
    with pytest.raises(MonitorRoleError, match="may do more"):
        await set_monitor_role(database, "postgres", "secret")


async def test_who_may_not_make_roles_is_told_what_to_do(database: Database, url: str, role: str) -> None:
    await set_monitor_role(database, role, "secret")
    parts = make_url(url).set(username=role)
    its_own = Database(settings_for(parts.render_as_string(hide_password=False)), maintenance=True)
    with pytest.raises(MonitorRoleError, match="permission denied to create role; let an administrator run this"):
        await set_monitor_role(its_own, "m7b0_another", "secret")
    await its_own.close()


@pytest.mark.parametrize("name", ["", "pg_monitor", "x" * 64])
async def test_a_name_that_postgresql_would_refuse_or_change_is_refused(database: Database, name: str) -> None:
    with pytest.raises(MonitorRoleError, match="cannot be a role's name"):
        await set_monitor_role(database, name, "secret")


def test_the_role_has_the_name_that_uptime_kuma_knows() -> None:
    assert f"${{POSTGRES_MONITOR_USER:-{MONITOR_ROLE}}}" in KUMA


def test_a_password_is_stored_as_scram_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the exchange that RFC 7677 has in its section 3 as the example."""
    monkeypatch.setattr("os.urandom", lambda _size: base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    scheme, iterated, keys = scram_verifier("pencil").split("$")
    assert (scheme, iterated) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    stored_key, server_key = map(base64.b64decode, keys.split(":"))
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    said = (f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}").encode()
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    client_key = bytes(a ^ b for a, b in zip(proof, hmac.digest(stored_key, said, "sha256"), strict=True))
    assert hashlib.sha256(client_key).digest() == stored_key
    assert base64.b64encode(hmac.digest(server_key, said, "sha256")) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize("password", ["", "pässword", "two\nlines"])
def test_a_password_that_would_have_to_be_prepared_is_refused(password: str) -> None:
    with pytest.raises(MonitorRoleError, match="printed ASCII"):
        scram_verifier(password)


def test_the_command_takes_the_password_of_the_file_and_says_what_it_did(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"m7b0_monitor_{uuid4().hex[:8]}"
    (tmp_path / "password").write_text("secret\n")
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("DATABASE_MONITOR_PASSWORD_FILE", str(tmp_path / "password"))
    try:
        made, again = (CliRunner().invoke(app, ["monitor", "--role", name]) for _ in range(2))
    finally:

        async def clean() -> None:
            database = Database(settings_for(url), maintenance=True)
            await administer(database, name, "DROP OWNED BY {role}; DROP ROLE {role}")
            await database.close()

        asyncio.run(clean())
    assert (made.exit_code, made.output) == (0, f"role {name} made\n")
    assert (again.exit_code, again.output) == (0, f"role {name} up to date\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "set DATABASE_MONITOR_PASSWORD_FILE to a file"),
        ("", "DATABASE_MONITOR_PASSWORD_FILE: {file} is empty"),
        ("secret", "SQLite has no roles, and needs none"),
    ],
)
def test_the_command_says_what_is_wrong(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, message: str
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content)
        monkeypatch.setenv("DATABASE_MONITOR_PASSWORD_FILE", str(file))
    monkeypatch.setenv("DATABASE_URL", databases.flights("sqlite"))
    done = CliRunner().invoke(app, ["monitor"])
    assert done.exit_code == 1
    assert f"error: {message.format(file=file)}" in done.stderr
