"""GraphQL over Server-Sent Events: each request is a stream of its own, of results and a `complete` at the end.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, "distinct connections mode"
"""

import asyncio
from collections.abc import Mapping
from typing import NoReturn

from starlette.types import Message, Receive, Scope, Send

from graphql_api.changes import TooSlowError
from graphql_api.encoding import encoded
from graphql_api.errors import limit_exceeded
from graphql_api.execution import Answer, Answers
from graphql_api.metrics import SubscriptionEnd
from graphql_api.state import Service
from graphql_api.streams import cut_off, end_tasks

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # nginx passes each event on as it comes: https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering
    (b"x-accel-buffering", b"no"),
]
_KEEP_ALIVE = b":\n\n"
_COMPLETE = b"event: complete\ndata:\n\n"


class EventStream:
    """The response to one request, an ASGI application. A client that does not read is cut off."""

    def __init__(self, result: Answer | Answers, service: Service, headers: Mapping[str, str] | None = None) -> None:
        self._result = result
        self._headers = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        seconds = self._service.settings.send_timeout_seconds

        async def patiently(message: Message) -> None:
            async with asyncio.timeout(seconds):
                await send(message)

        with self._service.streams.opened():
            sending = asyncio.create_task(self._send_all(patiently))
            living = asyncio.create_task(self._keep_alive(patiently))
            gone = asyncio.create_task(_disconnect(receive))
            try:
                done, _ = await asyncio.wait({sending, living, gone}, return_when=asyncio.FIRST_COMPLETED)
                if any(not task.cancelled() and isinstance(task.exception(), TimeoutError) for task in done):
                    cut_off(scope)
                elif sending in done:
                    sending.result()
            finally:
                await end_tasks(sending, living, gone)
                if isinstance(self._result, Answers):
                    # Also where not even the beginning could be sent.
                    await self._result.aclose()

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, *self._headers]})
        if isinstance(self._result, Answer):
            await send(_body(_next(self._result)))
        else:
            await self._follow(self._result, send)
        await send(_body(_COMPLETE, more=False))

    async def _follow(self, answers: Answers, send: Send) -> None:
        metrics = self._service.metrics
        reason: SubscriptionEnd = "disconnected"
        metrics.subscription_began("sse")
        try:
            # A client sees at once that it is subscribed, and a proxy that there is an answer.
            await send(_body(_KEEP_ALIVE))
            async for answer in answers:
                await send(_body(_next(answer)))
                metrics.subscription_event("sse")
            reason = "refused" if answers.refused else "stopped"
        except TooSlowError as error:
            reason = "too_slow"
            fault = limit_exceeded(f"{error} Read again what you show, and subscribe again.")
            await send(_body(_next(Answer.refused([fault.formatted]))))
        except TimeoutError:
            reason = "too_slow"
            raise
        finally:
            metrics.subscription_ended("sse", reason)

    async def _keep_alive(self, send: Send) -> NoReturn:
        while True:
            await asyncio.sleep(self._service.settings.ping_seconds)
            await send(_body(_KEEP_ALIVE))


def _next(answer: Answer) -> bytes:
    return b"event: next\ndata: " + encoded(answer.body) + b"\n\n"


def _body(content: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
