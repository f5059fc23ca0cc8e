"""API keys for tests, made in a database as the command makes them."""

from collections.abc import Iterable
from datetime import datetime

from db.engine import Database
from db.keys import add_key
from db.writes.writer import Writer
from graphql_api.api_keys import new_key
from graphql_api.principal import Scope


async def make_key(
    database: Database, scopes: Iterable[Scope] = Scope, *, name: str | None = None, expires_at: datetime | None = None
) -> str:
    """A key with these scopes, all by default, and with a name of its own where none is given."""
    key = new_key()
    await Writer(database).run(
        lambda writing: add_key(
            writing,
            name=name or key.prefix,
            prefix=key.prefix,
            sha256=key.sha256,
            scopes=" ".join(scopes),
            expires_at=expires_at,
        )
    )
    return key.text


def bearer(key: str) -> dict[str, str]:
    """The headers of a request with a key."""
    return {"authorization": f"Bearer {key}"}
