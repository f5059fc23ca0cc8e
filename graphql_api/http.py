"""GraphQL over HTTP: one request, and one answer or a stream of events.

https://graphql.github.io/graphql-over-http/draft/; where the draft and graphql-http's audit differ, as the audit says.
"""

import hashlib
import re

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graphql_api.asking import ask
from graphql_api.auth import CHALLENGE, refuse_key_in_url
from graphql_api.encoding import encoded
from graphql_api.errors import Code, HTTPError
from graphql_api.execution import Answer, Executor
from graphql_api.graphiql import GraphiQL
from graphql_api.headers import Headers, headers_of, text_of
from graphql_api.logs import describe_request
from graphql_api.negotiation import EVENT_STREAM, GRAPHQL_RESPONSE, JSON, Accepted, accepted
from graphql_api.parameters import parameters_of_get, parameters_of_post
from graphql_api.persisted import GraphQLRequest
from graphql_api.sender import Sender
from graphql_api.sse import EventStream
from graphql_api.state import Service

METHODS = ("GET", "POST")
# Of a request that is refused as a whole, for clients that asked for the GraphQL type.
_STATUS = {Code.UNAUTHENTICATED: 401, Code.FORBIDDEN: 403, Code.UNAVAILABLE: 503, Code.TIMEOUT: 504}
_NOT_KEPT = {"Cache-Control": "no-store"}
_VARY = "Accept, Authorization, GraphQL-Cost"
# Each without its W/: a tag that is weak is compared by what it says alone.
_TAGS = re.compile(rb'(?:W/)?("[^"]*")')


class GraphQLEndpoint:
    """The ASGI application at /graphql."""

    def __init__(self, executor: Executor, graphiql: GraphiQL | None) -> None:
        self._executor = executor
        self._graphiql = graphiql

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        headers = headers_of(scope)
        takes = accepted(text_of(headers, b"accept") or "")
        sender = Sender(scope["app"].state.service, text_of(headers, b"authorization"), scope)
        response: Response | EventStream
        try:
            response = await self._respond(request, headers, takes, sender)
        except HTTPError as error:
            response = _refusal(await sender.charge_refusal(error), takes)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _respond(
        self, request: Request, headers: Headers, takes: Accepted, sender: Sender
    ) -> Response | EventStream:
        service: Service = request.app.state.service
        if request.scope["query_string"]:
            refuse_key_in_url(service, request.query_params.multi_items())
        reading = request.method == "GET"
        if reading and self._graphiql and takes.html:
            return self._graphiql.page()
        if request.method not in METHODS:
            allowed = ", ".join(METHODS)
            raise HTTPError(405, f"{request.method} is not accepted here; send the query by POST.", {"Allow": allowed})
        if takes.single is None:
            raise HTTPError(406, f"There are answers as {GRAPHQL_RESPONSE}, {JSON} and {EVENT_STREAM} here.")
        principal = await sender.principal()
        if reading:
            parameters = parameters_of_get(request)
        else:
            posted = await parameters_of_post(request, headers, service)
            if isinstance(posted, list):
                return await self._batch(request, headers, posted, takes, sender)
            parameters = posted
        parameters = _with_cost(headers, parameters)
        asked = await ask(
            self._executor, parameters, sender, service, streaming=takes.stream and not reading, reading=reading
        )
        facts = {"operation": asked.operation_name, "operation_type": asked.operation_type, "outcome": asked.outcome}
        if principal.prefix:
            facts["key"] = principal.prefix
        describe_request(request.scope, **facts)
        answer = asked.result
        charged = asked.allowance.headers if asked.allowance else {}
        if not isinstance(answer, Answer) or (takes.single == EVENT_STREAM and answer.status is None):
            return EventStream(answer, service, charged)
        response = _response(answer, _single(takes))
        if charged:
            response.headers.update(charged)
        return _for_caches(headers, answer, response, service) if reading else response

    async def _batch(
        self, request: Request, headers: Headers, batch: list[GraphQLRequest], takes: Accepted, sender: Sender
    ) -> Response:
        """The answers of a batch, one after the other. The status is 200, since it cannot speak of each."""
        if takes.single == EVENT_STREAM:
            raise HTTPError(406, f"The answers of a batch are {JSON}.")
        service: Service = request.app.state.service
        asked = [
            await ask(self._executor, _with_cost(headers, each), sender, service, streaming=False) for each in batch
        ]
        describe_request(request.scope, operations=len(asked), outcomes=[each.outcome for each in asked])
        if prefix := (await sender.principal()).prefix:
            describe_request(request.scope, key=prefix)
        charged = [each.allowance.headers for each in asked if each.allowance]
        bodies = [each.result.body for each in asked if isinstance(each.result, Answer)]
        return Response(encoded(bodies), 200, charged[-1] if charged else None, JSON)


def _with_cost(headers: Headers, parameters: GraphQLRequest) -> GraphQLRequest:
    return parameters.with_cost() if headers.get(b"graphql-cost") else parameters


def _single(takes: Accepted) -> str:
    """The media type of what is never a stream."""
    return GRAPHQL_RESPONSE if takes.single == GRAPHQL_RESPONSE else JSON


def _response(answer: Answer, media_type: str) -> Response:
    """A single answer. A client of plain JSON may be a proxy's; to others the status speaks of the query."""
    status = answer.status
    if status is None:
        refused = media_type == GRAPHQL_RESPONSE and answer.outcome == "request_error"
        status = _STATUS.get(answer.body["errors"][0]["extensions"]["code"], 400) if refused else 200
    headers = answer.headers or (CHALLENGE if status == 401 else None)
    return Response(encoded(answer.body), status, headers, media_type)


def _for_caches(headers: Headers, answer: Answer, response: Response, service: Service) -> Response:
    """The answer to a GET, with what caches must know; 304 to who has it already.

    What needs a key is for its owner alone, and so is everything where clients are limited, since what is left to one
    of them is told beside the answer. What has errors is for nobody to keep.
    """
    seconds, limited = service.settings.get_max_age_seconds, service.rate_limiter is not None
    if answer.outcome != "success":
        response.headers.update(_NOT_KEPT)
        return response
    for_whom = "private" if limited or b"authorization" in headers else "public"
    fresh = f"max-age={seconds}" if seconds else "no-cache"
    represented = f"{response.media_type} ".encode() + bytes(response.body)
    tag = f'"{hashlib.blake2b(represented, digest_size=16).hexdigest()}"'
    for_cache = {"Cache-Control": f"{for_whom}, {fresh}", "ETag": tag, "Vary": _VARY}
    if (have := headers.get(b"if-none-match")) is not None and _is_named(tag.encode(), have):
        return Response(None, 304, for_cache)
    response.headers.update(for_cache)
    return response


def _is_named(tag: bytes, have: bytes) -> bool:
    """Whether If-None-Match is `*` or lists the tag, weak or not: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2."""
    return have.strip() == b"*" or tag in _TAGS.findall(have)


def _refusal(error: HTTPError, takes: Accepted) -> Response:
    """What is answered to a request that is refused before it is GraphQL."""
    headers = {**_NOT_KEPT, **(error.headers or {})}
    return Response(encoded({"errors": [error.error]}), error.status, headers, _single(takes))
