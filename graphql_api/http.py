"""GraphQL over HTTP: one JSON request, and one JSON answer or a stream of events."""

import asyncio
import re

import orjson
from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graphql_api.asking import Contexts, GraphQLRequest, ask
from graphql_api.auth import CHALLENGE, authenticate, authorization_of, refuse_key_in_url
from graphql_api.errors import Code, HTTPError
from graphql_api.execution import Answer, Executor
from graphql_api.graphiql import GraphiQL
from graphql_api.logs import describe_request
from graphql_api.sse import EVENT_STREAM, EventStream
from graphql_api.state import Service

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"
# Of a request that is refused as a whole, for clients that asked for the GraphQL type.
_STATUS = {Code.UNAUTHENTICATED: 401, Code.FORBIDDEN: 403, Code.UNAVAILABLE: 503}
# A client that takes both gets single answers as JSON: a stream of one event helps nobody.
_ACCEPTS_JSON = re.compile(r"application/(graphql-response\+)?json|application/\*|\*/\*")
_JSON_TYPE = re.compile(r"application/(graphql-response\+)?json\s*(;|$)", re.IGNORECASE)


class GraphQLEndpoint:
    """The ASGI application at /graphql."""

    def __init__(self, executor: Executor, graphiql: GraphiQL | None) -> None:
        self._executor = executor
        self._graphiql = graphiql

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response: Response | EventStream
        try:
            response = await self._respond(request)
        except HTTPError as error:
            body = orjson.dumps({"errors": [error.error]})
            response = Response(body, error.status, error.headers, _media_type(request))
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response | EventStream:
        service: Service = request.app.state.service
        refuse_key_in_url(service, request.query_params.multi_items())
        if request.method == "GET" and self._graphiql and "text/html" in request.headers.get("accept", ""):
            return self._graphiql.page()
        if request.method != "POST":
            raise HTTPError(405, f"{request.method} is not accepted here; send the query by POST.", {"Allow": "POST"})
        authorization = authorization_of(request.headers)
        principal = await authenticate(service, authorization)
        parameters = await _parameters(request, service.settings.body_bytes_max, service.settings.body_timeout_seconds)
        contexts = Contexts(service, authorization, principal)
        accepted = request.headers.get("accept", "").lower()
        asked = await ask(self._executor, parameters, contexts, service.metrics, streaming=EVENT_STREAM in accepted)
        facts = {"operation": asked.operation_name, "operation_type": asked.operation_type, "outcome": asked.outcome}
        if principal.prefix:
            facts["key"] = principal.prefix
        describe_request(request.scope, **facts)
        answer = asked.result
        if not isinstance(answer, Answer) or (EVENT_STREAM in accepted and not _ACCEPTS_JSON.search(accepted)):
            return EventStream(answer, service)
        media_type = _media_type(request)
        # A client of plain JSON may be a proxy's; only the GraphQL type promises that the status speaks of the query.
        status = _status(answer) if media_type == GRAPHQL_RESPONSE else 200
        return Response(orjson.dumps(answer.body), status, CHALLENGE if status == 401 else None, media_type)


async def _parameters(request: Request, limit: int, seconds: float) -> GraphQLRequest:
    content_type = request.headers.get("content-type", "")
    if not _JSON_TYPE.match(content_type):
        raise HTTPError(415, f"The content type must be application/json, not {content_type[:60] or 'missing'}.")
    try:
        async with asyncio.timeout(seconds):
            body = await _body(request, limit)
    except TimeoutError as error:
        message = f"The body did not arrive within {seconds:g} seconds."
        raise HTTPError(408, message, {"Connection": "close"}) from error
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HTTPError(400, f"The body is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise HTTPError(400, 'The body must be a JSON object, as in {"query": "{ airlines { code } }"}.')
    try:
        return GraphQLRequest.model_validate(content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise HTTPError(400, f"{'.'.join(map(str, fault['loc'][:1]))}: {fault['msg']}.") from error


async def _body(request: Request, limit: int) -> bytes:
    """The body, read no further than the limit."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < 20 and int(declared) > limit:
        raise HTTPError(413, f"The body has {declared} bytes; at most {limit} are accepted.", {"Connection": "close"})
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPError(
                413, f"The body has more than the {limit} bytes that are accepted.", {"Connection": "close"}
            )
    return bytes(body)


def _status(answer: Answer) -> int:
    if answer.outcome != "request_error":
        return 200
    return _STATUS.get(answer.body["errors"][0]["extensions"]["code"], 400)


def _media_type(request: Request) -> str:
    return GRAPHQL_RESPONSE if GRAPHQL_RESPONSE in request.headers.get("accept", "") else JSON
