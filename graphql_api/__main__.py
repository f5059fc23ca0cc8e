"""`python -m graphql_api`: serve the API, print its schema, list the documents that it trusts, give out keys."""

import asyncio
import gc
import socket
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from db.settings import fault_of
from graphql_api.keys_command import app as keys_app
from graphql_api.settings import Access, Environment, Settings, separated

# A page of 100 flights makes 500 dictionaries, which nothing refers back to: with the 700 of Python's own threshold a
# quarter of its time went to looking at them.
_COLLECTED_EVERY = (10_000, 20, 20)
_SWITCH_SECONDS = 0.0005
app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="rich")
app.add_typer(keys_app, name="keys")
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def main() -> None:
    app(prog_name="python -m graphql_api")


@app.command("serve", epilog="Example: PORT=9000 python -m graphql_api serve")
def serve_command(
    host: Annotated[str | None, typer.Option(help="Address to listen on; the setting HOST when left out.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; the setting PORT when left out.")] = None,
) -> None:
    """Serve GraphQL at /graphql, with GraphiQL in the browser unless APP_ENV is production."""
    import uvicorn

    from graphql_api.app import create_app, end_streams
    from graphql_api.connections import HTTPConnection, WebSocketConnection
    from graphql_api.graphiql import GraphiQL
    from graphql_api.logs import configure_logging

    settings = _settings()
    configure_logging(settings)
    try:
        application = create_app(settings)
    except ValueError as error:
        raise _failure(str(error)) from error
    trusted = separated(settings.trusted_proxies)
    at, on = host or settings.host, port or settings.port
    config = uvicorn.Config(
        application,
        host=at,
        port=on,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http=HTTPConnection.patient_for(settings.body_timeout_seconds),
        ws=WebSocketConnection,
        ws_max_size=settings.body_bytes_max,
        ws_ping_interval=settings.ping_seconds,
        ws_ping_timeout=settings.ping_seconds,
        # Its memory for each connection is more than what it would save on messages this small.
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=30,
        proxy_headers=bool(trusted),
        forwarded_allow_ips=trusted,
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            # What is there now stays. The collector need not look at it again whenever a document leaves garbage.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_COLLECTED_EVERY)
            # While a thread checks a long document, each turn of the event loop waits this long for the interpreter.
            sys.setswitchinterval(_SWITCH_SECONDS)
            if self.started and settings.app_env is Environment.DEVELOPMENT:
                _announce(at, on, bundled=GraphiQL().bundled, writes=settings.writes)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            service = application.state.service
            service.stopping = True
            # Whoever looks whether it is ready finds another meanwhile. A second Ctrl+C ends the waiting, and all else.
            until = time.monotonic() + settings.shutdown_delay_seconds
            while (left := until - time.monotonic()) > 0 and not self.force_exit:  # noqa: ASYNC110 — uvicorn's flag.
                await asyncio.sleep(min(left, 0.1))
            # Before uvicorn ends the connections in its own way.
            await end_streams(service)
            await super().shutdown(sockets)

    server = Server(config)
    server.run()
    if not server.started:
        raise typer.Exit(1)


@app.command("schema", epilog="Example: python -m graphql_api schema > schema.graphql")
def schema_command() -> None:
    """Print the schema in the schema definition language."""
    from graphql_api.schema import print_schema

    sys.stdout.write(print_schema())


@app.command("manifest", epilog="Example: python -m graphql_api manifest operations --out trusted-documents.json")
def manifest_command(
    directory: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="Holds .graphql files, at any depth.")
    ],
    out: Annotated[Path | None, typer.Option(help="File to write; standard output when left out.")] = None,
) -> None:
    """Write the manifest of trusted documents: the operations that PERSISTED_OPERATIONS=trusted executes."""
    import orjson

    from graphql_api.manifest import ManifestError, manifest_of
    from graphql_api.schema import build_schema

    try:
        manifest = manifest_of(directory, build_schema())
    except ManifestError as error:
        raise _failure(str(error)) from error
    text = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if out is None:
        sys.stdout.buffer.write(text)
        return
    try:
        out.write_bytes(text)
    except OSError as error:
        raise _failure(f"{out} cannot be written: {error.strerror}") from error
    errors.print(f"{len(manifest['operations'])} operations in {out}")


@app.command("breaking", epilog="Example: python -m graphql_api breaking --against v1.4.0.graphql")
def breaking_command(
    schema: Annotated[Path, typer.Argument(help="The schema as it is to be.", exists=True, dir_okay=False)] = Path(
        "schema.graphql"
    ),
    against: Annotated[
        Path | None,
        typer.Option(help="The schema that clients have; from git when left out.", exists=True, dir_okay=False),
    ] = None,
) -> None:
    """Fail where the schema breaks what clients of the previous release rely on: docs/deprecation.md."""
    from datetime import UTC, datetime

    from rich.markup import escape

    from graphql_api.breaking import changes, hurried_deprecations, unclear_deprecations
    from graphql_api.previous_schema import Previous, previous_schema

    now = schema.read_text(encoding="utf-8")
    if unclear := unclear_deprecations(now):
        raise _failure(f'a deprecation says "Use …. Goes after YYYY-MM-DD.", not: {escape("; ".join(unclear))}')
    before = Previous(against.read_text(encoding="utf-8"), str(against)) if against else previous_schema(schema)
    if before.schema is None:
        errors.print(f"[bold yellow]warning:[/] {schema} was compared with nothing: {escape(before.source)}")
        return
    today = datetime.now(UTC).date()
    found = changes(before.schema, now, today)
    hurried = hurried_deprecations(before.schema, now, before.replaced or today)
    for line in found.dangerous:
        errors.print(f"[yellow]note:[/] {escape(line)}")
    breaking = [*found.breaking, *hurried]
    for line in breaking:
        errors.print(f"[red]breaks clients:[/] {escape(line)}")
    if breaking:
        raise _failure(f"{schema} breaks clients of {before.source}; docs/deprecation.md says how a thing may go")
    errors.print(f"{schema} breaks no client of {before.source}")


def _announce(host: str, port: int, *, bundled: bool, writes: Access) -> None:
    address = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 — compared, not listened on.
    where = "" if bundled else "  (from a CDN: it needs internet; with npm installed, `make run` builds it in)"
    errors.print(f"\n  GraphiQL and the API:  http://{address}:{port}/graphql{where}")
    errors.print(f"  Health and metrics:    http://{address}:{port}/health/ready  http://{address}:{port}/metrics")
    to_write = "for everybody who reaches this address (WRITES=open)"
    if writes is Access.KEYS:
        to_write = "with a key: python -m graphql_api keys create --name NAME --scope flights:write"
    errors.print(f"  Mutations:             {to_write}\n")


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        raise _failure(f"settings: {fault_of(error)}") from error


def _failure(message: str) -> typer.Exit:
    errors.print(f"[red]error:[/] {message}")
    return typer.Exit(1)


if __name__ == "__main__":
    main()
