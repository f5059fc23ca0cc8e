"""Structured logs: one line a request, in JSON for production and readable in a terminal."""

import logging
import re
import secrets
import sys
import time
from typing import Any

import orjson
import structlog
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.api_keys import without_keys
from graphql_api.headers import headers_of, text_of
from graphql_api.settings import Environment, Settings

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_QUIET_PATHS = frozenset({"/health/live", "/health/ready", "/health/model", "/metrics"})
# They say for each look at the schema, and for each push with its token, that all is well.
_TALKATIVE = ("alembic", "httpx2")
_UNWANTED = ('%s - "WebSocket %s"', "connection open", "Invalid UTF-8 sequence")
# Without local variables: they may hold what a client sent, or a password.
_tracebacks = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
_log = structlog.stdlib.get_logger("m7b0.request")


def configure_logging(settings: Settings) -> None:
    """Send the logs of this project and of its libraries to standard error in one format."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    production = settings.app_env is Environment.PRODUCTION
    renderers: list[structlog.typing.Processor] = (
        [_tracebacks, structlog.processors.JSONRenderer(_json)]
        if production
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    # What the project logs itself does not go through the standard library, which would take as long as a small query.
    structlog.configure(
        processors=[*shared, *renderers],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.getLogger("uvicorn.error").addFilter(_worth_a_line)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


class _Lines(structlog.WriteLogger):
    """Writes the lines of one logger to standard error."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(sys.stderr)
        self.name = name


def _json(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()


def _worth_a_line(record: logging.LogRecord) -> bool:
    """Leave out what uvicorn says of WebSockets: addresses with their parameters, tracebacks of what clients send."""
    return not str(record.msg).startswith(_UNWANTED)


def describe_request(scope: Scope, **facts: Any) -> None:
    """Add to the line that will be logged for this request."""
    scope.setdefault("m7b0.facts", {}).update(facts)


class RequestLog:
    """Gives each request an id, answers with it, and logs the request when it is over."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        offered = text_of(headers_of(scope), b"x-request-id") or ""
        request_id = offered if _REQUEST_ID.fullmatch(offered) else secrets.token_hex(8)
        if scope["type"] == "websocket":
            await self._connection(scope, receive, send, request_id)
            return
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                if scope["app"].state.service.stopping:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        started = time.perf_counter()
        unbound = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive, send_with_id)
        except Exception:  # noqa: BLE001 — the last place where an answer can be given.
            _log.exception("request failed")
            if status is None:
                message = f"Internal error {request_id}. The log of the service has the details."
                fault = {"errors": [{"message": message, "extensions": {"code": "INTERNAL"}}]}
                await JSONResponse(fault, 500)(scope, receive, send_with_id)
        finally:
            level = logging.DEBUG if scope["path"] in _QUIET_PATHS else logging.INFO
            _log.log(
                level,
                "request",
                method=scope["method"],
                path=without_keys(scope["path"]),
                status=status,
                milliseconds=round((time.perf_counter() - started) * 1000, 2),
                **scope.get("m7b0.facts", {}),
            )
            structlog.contextvars.reset_contextvars(**unbound)

    async def _connection(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        """A WebSocket is one line, too, when it is over."""
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send)
            finally:
                seconds = time.perf_counter() - started
                facts = scope.get("m7b0.facts", {})
                path = without_keys(scope["path"])
                _log.info("websocket", path=path, milliseconds=round(seconds * 1000, 2), **facts)
