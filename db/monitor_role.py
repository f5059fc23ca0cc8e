"""The role with which a monitor asks PostgreSQL a question, and can do nothing else."""

import base64
import hashlib
import hmac
import os
import re
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine import Database, one_at_a_time
from db.tables import Airline

MONITOR_ROLE = "m7b0_monitor"
"""As monitoring/kuma/kuma_config.yml has it where nothing else is said."""
CONNECTIONS_MAX = 3
"""At once. Uptime Kuma has one for each question; a second may still be closing."""
NAME_BYTES_MAX = 63
"""PostgreSQL cuts a longer name off, and it would be another one's."""

_ITERATIONS = 4096  # PostgreSQL's own default: scram_iterations.
_INSUFFICIENT_PRIVILEGE = "42501"

_ROLE = text("""
    SELECT r.rolname = ANY (ARRAY[current_user, session_user]) AS is_own,
           r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
             OR EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid) AS can_more
    FROM pg_roles r WHERE r.rolname = :role
""")
# https://www.postgresql.org/docs/current/functions-string.html#FUNCTIONS-STRING-FORMAT: %I is quoted as a name.
_GRANTS = (
    "REVOKE ALL ON ALL TABLES IN SCHEMA %2$I FROM %1$I",
    "GRANT CONNECT ON DATABASE %3$I TO %1$I",
    "GRANT USAGE ON SCHEMA %2$I TO %1$I",
    "GRANT SELECT ON %2$I.%4$I TO %1$I",
)


class MonitorRoleError(Exception):
    """The role cannot be made as it is wanted. The message says what to do."""


async def set_monitor_role(database: Database, role: str, password: str) -> bool:
    """Make the role, or bring the one that is there up to date, in one transaction.

    Beside what PostgreSQL lets everybody do, it can log in, at most `CONNECTIONS_MAX` times at once, and read airlines.
    The server is told no password but what it stores of one, so that none can stand in its log.

    Returns:
        Whether it was made anew.

    Raises:
        MonitorRoleError: the database has no roles, the name is of a role that is more than a monitor, or whoever is
            connected may not do this.
        DatabaseUnavailableError: no connection, or no airlines to be read.
    """
    if database.dialect != "postgresql":
        raise MonitorRoleError(
            "SQLite has no roles, and needs none: a monitor is for the PostgreSQL that DATABASE_URL names"
        )
    if not 0 < len(role.encode()) <= NAME_BYTES_MAX or role.startswith("pg_") or "\0" in role:
        raise MonitorRoleError(f"{role!r} cannot be a role's name: 1 to {NAME_BYTES_MAX} bytes that begin not with pg_")
    try:
        async with database.transaction() as connection:
            await one_at_a_time(connection, "monitor")
            return await _set(connection, role, scram_verifier(password))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _INSUFFICIENT_PRIVILEGE:
            raise
        raise MonitorRoleError(
            f"{database.url.username} may not make the role {role}: {str(error.orig).splitlines()[0].split(': ')[-1]}; "
            "let an administrator run this, with a DATABASE_URL of theirs"
        ) from error


async def _set(connection: AsyncConnection, role: str, verifier: str) -> bool:
    known = (await connection.execute(_ROLE, {"role": role})).one_or_none()
    if known is not None and (known.is_own or known.can_more):
        raise MonitorRoleError(
            f"the role {role} is there and may do more than a monitor should: name another with --role"
        )
    verb = "CREATE" if known is None else "ALTER"
    await _run(connection, f"{verb} ROLE %1$I LOGIN CONNECTION LIMIT {CONNECTIONS_MAX} PASSWORD %2$L", role, verifier)
    schema, database = (await connection.execute(text("SELECT current_schema(), current_database()"))).one()
    for template in _GRANTS:
        await _run(connection, template, role, schema, database, Airline.__tablename__)
    return known is None


async def _run(connection: AsyncConnection, template: str, *values: str) -> None:
    """Run a statement that takes no parameters, with what PostgreSQL itself makes of them."""
    names = [f"CAST(:value{position} AS text)" for position in range(len(values))]
    given = {f"value{position}": value for position, value in enumerate(values)}
    formatted = text(f"SELECT format(:template, {', '.join(names)})")
    statement = (await connection.execute(formatted, {"template": template, **given})).scalar_one()
    await connection.exec_driver_sql(statement)


def scram_verifier(password: str) -> str:
    """What PostgreSQL stores of a password: https://www.rfc-editor.org/rfc/rfc5803.

    Raises:
        MonitorRoleError: it has other characters than those of ASCII that are printed, which would have to be prepared.
    """
    if not re.fullmatch(r"[\x20-\x7e]+", password):
        raise MonitorRoleError("the password has to be of printed ASCII characters")
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    client, server = (hmac.digest(salted, name, "sha256") for name in (b"Client Key", b"Server Key"))
    salt_text, stored, server_text = (
        base64.b64encode(each).decode() for each in (salt, hashlib.sha256(client).digest(), server)
    )
    return f"SCRAM-SHA-256${_ITERATIONS}:{salt_text}${stored}:{server_text}"


def read_password(file: str) -> str:
    """The password in a file, which may end with a line break.

    Raises:
        MonitorRoleError: no file is named, it cannot be read or is empty.
    """
    if not file:
        raise MonitorRoleError("set DATABASE_MONITOR_PASSWORD_FILE to a file that holds the password of the role")
    try:
        password = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise MonitorRoleError(f"DATABASE_MONITOR_PASSWORD_FILE: {file} cannot be read: {error}") from error
    if not password:
        raise MonitorRoleError(f"DATABASE_MONITOR_PASSWORD_FILE: {file} is empty")
    return password
