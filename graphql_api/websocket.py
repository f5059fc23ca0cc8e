"""GraphQL over WebSocket: many operations on one connection, each answered as its results come.

The sub-protocol is graphql-transport-ws: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md

Pages of other sites may connect too. That gives them nothing: a browser adds no credentials of its own here, since the
service knows no cookies, and a page that has a key may use it from anywhere.
"""

import asyncio
from typing import Any, Final

import structlog
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from graphql_api.asking import ask
from graphql_api.auth import AuthenticationError, refuse_key_in_url
from graphql_api.changes import TooSlowError
from graphql_api.encoding import encoded
from graphql_api.errors import HTTPError, limit_exceeded
from graphql_api.execution import Answer, Answers, Executor
from graphql_api.headers import headers_of, text_of
from graphql_api.logs import describe_request
from graphql_api.messages import Close, Complete, ConnectionInit, Message, Ping, ProtocolError, Subscribe, message_of
from graphql_api.metrics import SubscriptionEnd
from graphql_api.persisted import GraphQLRequest
from graphql_api.sender import Sender
from graphql_api.state import Service
from graphql_api.streams import SECONDS_TO_END, cut_off, end_tasks

SUBPROTOCOL: Final = "graphql-transport-ws"
_REASON_BYTES_MAX = 123  # RFC 6455, section 5.5.
_LATER = 1013
"""Try again later: to clients of the protocol a reason to connect again, as 1008 would not be."""
_LATE = Close(4408, "Connection initialisation timeout")
_INTERNAL = Close(4500, "Internal server error")
_STOPPING = Close(1001, "The service is stopping")
# Nothing can be said to these any more.
_GONE = Close(1006, "The client is gone")
_NOT_READING = Close(1006, "The client does not read")
_DISCONNECTED = (OSError, WebSocketDisconnect, WebSocketDisconnected)
_log = structlog.stdlib.get_logger("m7b0.websocket")


class WebSocketEndpoint:
    """The ASGI application of WebSockets at /graphql."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._open += 1
        try:
            await self._serve(WebSocket(scope, receive, send))
        finally:
            self._open -= 1

    async def _serve(self, websocket: WebSocket) -> None:
        scope = websocket.scope
        service: Service = scope["app"].state.service
        refusal = _refusal(websocket, service)
        if self._open > service.settings.websockets_max:
            refusal = Close(_LATER, "Too many connections: try again later")
        elif limited := await Sender(service, None, scope).charge_refusal():
            refusal = Close(_LATER, str(limited))
        try:
            await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None)
            if refusal:
                describe_request(scope, code=refusal.code)
                async with asyncio.timeout(service.settings.send_timeout_seconds):
                    await websocket.close(refusal.code, _reason(refusal.reason))
                return
        except _DISCONNECTED:
            return  # It did not wait for the answer.
        except TimeoutError:
            cut_off(scope)
            return
        with service.streams.opened():
            await Connection(websocket, service, self._executor).run()


class Connection:
    """One client and its operations."""

    def __init__(self, websocket: WebSocket, service: Service, executor: Executor) -> None:
        self._websocket = websocket
        self._service, self._settings = service, service.settings
        self._executor = executor
        self._authorization: str | None = None
        self._ended: asyncio.Future[Close] = asyncio.get_running_loop().create_future()
        self._initialised = self._acknowledged = False
        self._awaited: dict[str, asyncio.Task[None]] = {}
        """The operations that the client waits for, by its names for them."""
        self._running: set[asyncio.Task[None]] = set()
        self._following: set[asyncio.Task[None]] = set()
        """Those of the running ones that are subscriptions."""

    async def run(self) -> None:
        """Serve the client until one of the two ends the connection, or the service stops."""
        seconds = self._settings.connection_init_seconds
        limit = asyncio.get_running_loop().call_later(seconds, self._end, _LATE)
        reading = asyncio.create_task(self._read(limit))
        stopping = asyncio.create_task(self._service.streams.stopping.wait())
        stopping.add_done_callback(lambda _task: self._end(_STOPPING))
        try:
            close = await self._ended
            if close is _STOPPING and self._running:
                # The subscriptions end by themselves, and what was asked is answered.
                await asyncio.wait(self._running, timeout=SECONDS_TO_END / 2)
        finally:
            limit.cancel()
            self._awaited.clear()
            await end_tasks(reading, stopping, *self._following)
            # A write that was begun is not broken off: it would be uncertain what became of it.
            await asyncio.gather(*self._running, return_exceptions=True)
        describe_request(self._websocket.scope, code=close.code, reason=close.reason)
        await self._close(close)

    def _end(self, close: Close) -> None:
        if not self._ended.done():
            self._ended.set_result(close)

    async def _close(self, close: Close) -> None:
        if close is _GONE:
            return
        if close is not _NOT_READING:
            try:
                async with asyncio.timeout(self._settings.send_timeout_seconds):
                    await self._websocket.close(close.code, _reason(close.reason))
            except _DISCONNECTED:
                return
            except TimeoutError:
                close = _NOT_READING
        if close is _NOT_READING:
            cut_off(self._websocket.scope)

    async def _read(self, limit: asyncio.TimerHandle) -> None:
        try:
            while True:
                frame = await self._websocket.receive()
                if frame["type"] == "websocket.disconnect":
                    self._end(_GONE)
                    return
                message = message_of(frame)
                if isinstance(message, ConnectionInit):
                    limit.cancel()
                await self._take(message)
        except ProtocolError as error:
            self._end(error.close)
        except Exception:  # noqa: BLE001 — whatever fails, the connection must not stay half alive.
            _log.exception("a connection failed")
            self._end(_INTERNAL)

    async def _take(self, message: Message) -> None:
        match message:
            case ConnectionInit():
                if self._initialised:
                    raise ProtocolError(4429, "Too many initialisation requests")
                self._initialised = True
                await self._authenticate(message.authorization)
                self._acknowledged = True
                await self._send({"type": "connection_ack"})
            case Ping(payload):
                await self._send({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})
            case Subscribe(name, request):
                await self._subscribe(name, request)
            case Complete(name):
                task = self._awaited.pop(name, None)
                if task in self._following:
                    task.cancel()

    async def _authenticate(self, authorization: str | None) -> None:
        """Find out who the client is: by its first message, or else by the handshake, which browsers send bare."""
        sent = text_of(headers_of(self._websocket.scope), b"authorization")
        self._authorization = sent if authorization is None else authorization
        sender = self._sender()
        try:
            principal = await sender.principal()
        except HTTPError as error:
            refusal = await sender.charge_refusal(error)
            code = 4403 if isinstance(refusal, AuthenticationError) else _LATER
            raise ProtocolError(code, str(refusal)) from error
        if principal.prefix:
            describe_request(self._websocket.scope, key=principal.prefix)

    def _sender(self) -> Sender:
        return Sender(self._service, self._authorization, self._websocket.scope)

    async def _subscribe(self, name: str, request: GraphQLRequest) -> None:
        if not self._acknowledged:
            raise ProtocolError(4401, "Unauthorized")
        if name in self._awaited:
            raise ProtocolError(4409, f"Subscriber for {name} already exists")
        maximum = self._settings.operations_per_connection_max
        if len(self._running) >= maximum:
            error = limit_exceeded(f"{maximum} operations are under way on this connection, and no more are accepted.")
            await self._send({"id": name, "type": "error", "payload": [error.formatted]})
            return
        task = asyncio.create_task(self._perform(name, request))
        self._awaited[name] = task
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _perform(self, name: str, request: GraphQLRequest) -> None:
        try:
            sender = self._sender()
            asked = await ask(self._executor, request, sender, self._service, streaming=True)
            if isinstance(asked.result, Answers):
                await self._follow(name, asked.result)
            elif asked.outcome == "request_error":
                await self._finish(name, {"type": "error", "payload": asked.result.body["errors"]})
                return
            else:
                await self._send_next(name, asked.result)
            await self._finish(name, {"type": "complete"})
        except TooSlowError:
            pass  # The connection is about to be closed.
        except Exception:  # noqa: BLE001 — nobody else would hear of it.
            _log.exception("an operation failed")
            self._end(_INTERNAL)

    async def _follow(self, name: str, answers: Answers) -> None:
        task = asyncio.current_task()
        metrics = self._service.metrics
        metrics.subscription_began("websocket")
        try:
            if task is not None and self._is_awaited(name):
                self._following.add(task)
                async for answer in answers:
                    await self._send_next(name, answer)
                    metrics.subscription_event("websocket")
        except TooSlowError as error:
            self._end(Close(_LATER, f"Too slow: {error}"))
            raise
        finally:
            self._following.discard(task)
            metrics.subscription_ended("websocket", "refused" if answers.refused else self._why_ended())
            await answers.aclose()

    def _why_ended(self) -> SubscriptionEnd:
        if not self._ended.done():
            return "completed"
        close = self._ended.result()
        if close is _STOPPING:
            return "stopped"
        if close is _GONE:
            return "disconnected"
        return "too_slow" if close is _NOT_READING or close.code == _LATER else "refused"

    def _is_awaited(self, name: str) -> bool:
        """Whether the client waits for this operation still, and not for another of the same name."""
        return self._awaited.get(name) is asyncio.current_task()

    async def _send_next(self, name: str, answer: Answer) -> None:
        if self._is_awaited(name):
            await self._send({"id": name, "type": "next", "payload": answer.body})

    async def _finish(self, name: str, message: dict[str, Any]) -> None:
        """Say the last about an operation, whose name is free by then."""
        if self._is_awaited(name):
            del self._awaited[name]
            await self._send({"id": name, **message})

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._settings.send_timeout_seconds):
                await self._websocket.send_text(encoded(message).decode())
        except TimeoutError:
            self._end(_NOT_READING)
        except _DISCONNECTED:
            self._end(_GONE)


def _reason(text: str) -> str:
    """As much of a text as a closing frame holds."""
    return text.encode()[:_REASON_BYTES_MAX].decode(errors="ignore")


def _refusal(websocket: WebSocket, service: Service) -> Close | None:
    """How a connection is closed that is wrong from the handshake on."""
    if SUBPROTOCOL not in websocket.scope["subprotocols"]:
        return Close(4406, f"Subprotocol not acceptable: the one here is {SUBPROTOCOL}")
    try:
        refuse_key_in_url(service, websocket.query_params.multi_items())
    except HTTPError as error:
        return Close(4400, str(error))
    return None
