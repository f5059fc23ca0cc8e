"""`python -m graphql_api keys`: make API keys, list them, revoke them."""

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from rich.table import Table

    from db.engine import Database
    from db.keys import StoredKey
    from graphql_api.principal import Scope

_NAME_LENGTH_MAX = 100
_DAYS_MAX = 36_500
Result = TypeVar("Result")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="API keys: who may write, promote models, and read where reading is not open to all.",
    epilog="Example: python -m graphql_api keys create --name timetable --scope flights:write",
)

# Each command imports what it needs, so that --help answers at once.


@app.command(
    "create",
    epilog="Example: python -m graphql_api keys create --name loader --scope flights:write --expires-in 90",
)
def create_command(
    name: Annotated[str, typer.Option(help="Whose key it is. What replaces a key has the same name.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="What it may do: flights:read, flights:write, models:admin, introspect. Several: --scope for each."
        ),
    ],
    expires_in: Annotated[
        int | None, typer.Option("--expires-in", metavar="DAYS", help="After how many days it expires; never without.")
    ] = None,
) -> None:
    """Make a key and print it, this once: only its hash is stored.

    A name has at most two live keys: make the second, let its owner change over, and revoke the first.
    """
    from datetime import timedelta

    from db.console import errors, failure
    from db.keys import TooManyKeysError, add_key
    from db.writes.writer import Writer, utc_now
    from graphql_api.api_keys import new_key

    name = name.strip()
    if not name or len(name) > _NAME_LENGTH_MAX or not name.isprintable():
        raise failure(
            f"--name: give the key a name of 1 to {_NAME_LENGTH_MAX} printable characters, as in --name loader"
        )
    scopes = " ".join(_scopes(scope))
    if expires_in is not None and not 1 <= expires_in <= _DAYS_MAX:
        in_past = "is in the past" if expires_in < 1 else "is too far away"
        raise failure(f"--expires-in: {expires_in} days from now {in_past}; give 1 to {_DAYS_MAX:,} days")
    expires_at = None if expires_in is None else utc_now() + timedelta(days=expires_in)
    key = new_key()

    async def add(database: "Database") -> "StoredKey":
        return await Writer(database).run(
            lambda writing: add_key(
                writing, name=name, prefix=key.prefix, sha256=key.sha256, scopes=scopes, expires_at=expires_at
            )
        )

    try:
        stored = _on_database(add)
    except TooManyKeysError as error:
        oldest, newest = error.keys[0], error.keys[-1]
        raise failure(
            f"{name} has {len(error.keys)} live keys already, {oldest.prefix} and {newest.prefix}. Revoke the one that "
            f"is no longer used: python -m graphql_api keys revoke {oldest.prefix}"
        ) from error
    # The key alone goes to standard output, so that a script can take it from there.
    sys.stdout.write(f"{key.text}\n")
    sys.stdout.flush()
    until = f"until {_minute(stored.expires_at)}" if stored.expires_at else "until it is revoked"
    errors.print(f"{name} may use it for {scopes.replace(' ', ', ')} {until}.", markup=False)
    errors.print("It is shown this once. Send it as the header: Authorization: Bearer KEY", markup=False)


@app.command("list", epilog="Example: python -m graphql_api keys list")
def list_command() -> None:
    """List every key: what it may do, when it was last used, to the minute, and whether it is still good."""
    from rich.console import Console

    from db.keys import all_keys

    keys = _on_database(all_keys)
    if not keys:
        typer.echo("There are no keys. `python -m graphql_api keys create` makes one.")
        return
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(_table(keys))


@app.command("revoke", epilog="Example: python -m graphql_api keys revoke m7b0_x4qk07bd")
def revoke_command(
    key: Annotated[str, typer.Argument(help="How the key begins, or its number in `keys list`.", metavar="PREFIX|ID")],
) -> None:
    """Revoke a key. Running services refuse it after KEY_CACHE_SECONDS at the latest."""
    from db.console import failure, out
    from db.keys import revoke_key
    from db.writes.writer import Writer
    from graphql_api.api_keys import shown_prefix

    which = int(key) if key.isascii() and key.isdecimal() and len(key) < 19 else shown_prefix(key)
    if which is None:
        raise failure("this is neither how a key begins, as in m7b0_x4qk07bd, nor the number of one")
    asked = which
    revoked = _on_database(lambda database: Writer(database).run(lambda writing: revoke_key(writing, asked)))
    if revoked is None:
        raise failure(f"there is no key {which}; `python -m graphql_api keys list` shows those that there are")
    out.print(f"{revoked.prefix} of {revoked.name} is revoked since {_minute(revoked.revoked_at)}", markup=False)


def _scopes(names: list[str]) -> list["Scope"]:
    """The scopes of these names, each once, in their one order."""
    from db.console import failure
    from graphql_api.principal import SCOPES, Scope, known_scopes

    unknown = [name for name in names if name not in set(Scope)]
    if unknown:
        raise failure(f"--scope: there is no {unknown[0][:40]!r}; there are {', '.join(SCOPES)}")
    given = known_scopes(names)
    return [scope for scope in SCOPES if scope in given]


def _on_database(work: Callable[["Database"], Awaitable[Result]]) -> Result:
    """Run `work` on the configured database, if its tables are what they should be."""
    from db.console import failure, run
    from db.migrate import schema_fault

    async def checked(database: "Database") -> Result:
        if fault := await schema_fault(database):
            raise failure(fault)
        return await work(database)

    return run(checked, maintenance=False)


def _table(keys: list["StoredKey"]) -> "Table":
    from rich.markup import escape
    from rich.table import Table

    from db.keys import KeyState
    from db.writes.writer import utc_now

    now = utc_now()
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "prefix", "name", "scopes", "created", "expires", "last used", "state"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("id", "prefix", "state"))
    for key in keys:
        state = key.state(now)
        table.add_row(
            str(key.id),
            key.prefix,
            escape(key.name),
            key.scopes.replace(" ", "\n"),
            _minute(key.created_at),
            _minute(key.expires_at),
            _minute(key.last_used_at),
            state.value,
            style="" if state is KeyState.LIVE else "dim",
        )
    return table


def _minute(instant: "datetime | None") -> str:
    """An instant as people read it, in UTC; `never` where there is none."""
    return "never" if instant is None else f"{instant:%Y-%m-%d %H:%MZ}"
