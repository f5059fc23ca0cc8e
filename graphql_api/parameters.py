"""The parameters of GraphQL requests, as HTTP carries them: in the body of a POST, or in the URL of a GET."""

from typing import Any

import orjson
from pydantic import ValidationError
from starlette.requests import Request

from graphql_api.errors import HTTPError
from graphql_api.headers import Headers, text_of
from graphql_api.negotiation import is_json
from graphql_api.persisted import GraphQLRequest
from graphql_api.state import Service

PREFLIGHT = ("graphql-preflight", "apollo-require-preflight", "x-apollo-operation-name", "x-requested-with")
"""Headers that a page of another site can only send once the service has agreed to it by CORS."""

_OF_A_URL = ("query", "documentId", "operationName", "variables", "extensions")
_DISCARDED_MAX = 16_777_216
_CLOSE = {"Connection": "close"}


def parameters_of_get(request: Request) -> GraphQLRequest:
    """The parameters in the URL of a GET, which a page of another site cannot have sent unasked.

    Raises:
        HTTPError: a header is missing, or the parameters are not as they must be.
    """
    if not any(request.headers.get(name) for name in PREFLIGHT):
        raise HTTPError(
            400,
            "A GET needs a header that no page of another site can send unasked, such as `GraphQL-Preflight: 1` "
            f"({', '.join(PREFLIGHT[1:])} do as well). Or send the query by POST.",
        )
    given: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name not in _OF_A_URL:
            continue
        if name in given:
            raise HTTPError(400, f"{name} is in the URL twice.")
        given[name] = _from_url(name, value) if name in ("variables", "extensions") else value
    return _checked(given)


async def parameters_of_post(
    request: Request, headers: Headers, service: Service
) -> GraphQLRequest | list[GraphQLRequest]:
    """The parameters in the body of a POST; a list of them where batches are accepted and the client sent one.

    Raises:
        HTTPError: the body is not JSON, not in time, too large, or not as it must be.
    """
    settings = service.settings
    content_type = text_of(headers, b"content-type") or ""
    if not is_json(content_type):
        found = f"not {content_type[:60]}" if content_type else "and there is none"
        raise HTTPError(415, f"The content type must be application/json in UTF-8, {found}.")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise HTTPError(415, "The body must not be compressed.", {"Accept-Encoding": "identity"})
    try:
        with service.bodies.begin():
            body = await _body(request, headers, settings.body_bytes_max)
    except TimeoutError as error:
        raise HTTPError(
            408, f"The body did not arrive within {settings.body_timeout_seconds:g} seconds.", _CLOSE
        ) from error
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HTTPError(400, f"The body is not JSON: {error}.") from error
    if isinstance(content, list) and settings.batch_max:
        if not 1 <= len(content) <= settings.batch_max:
            raise HTTPError(400, f"The batch has {len(content)} operations; it must have 1 to {settings.batch_max}.")
        return [_checked(each) for each in content]
    return _checked(content)


async def _body(request: Request, headers: Headers, limit: int) -> bytes:
    """The body, kept no further than the limit."""
    declared = text_of(headers, b"content-length") or ""
    length = int(declared) if declared.isdecimal() and len(declared) < 20 else 0
    if length > limit:
        await _discard(request, length)
        raise HTTPError(413, f"The body has {declared} bytes; at most {limit} are accepted.", _CLOSE)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            body.clear()
            await _discard(request, 0)
            raise HTTPError(413, f"The body has more than the {limit} bytes that are accepted.", _CLOSE)
    return bytes(body)


async def _discard(request: Request, length: int) -> None:
    """Read on without keeping anything, so that the client is still there to read why it is refused.

    Closing a connection on which something is unread resets it, and the answer is lost. A client that sends very much
    gets no such courtesy, and one that asks first whether it should send it at all gets its answer at once.
    """
    if length > _DISCARDED_MAX or request.headers.get("expect"):
        return
    discarded = 0
    while discarded <= _DISCARDED_MAX:
        message = await request.receive()
        discarded += len(message.get("body", b""))
        if not message.get("more_body"):
            return


def _from_url(name: str, value: str) -> Any:
    try:
        return orjson.loads(value) if value else None
    except orjson.JSONDecodeError as error:
        raise HTTPError(400, f"{name} in the URL is not JSON: {error}.") from error


def _checked(content: Any) -> GraphQLRequest:
    if not isinstance(content, dict):
        raise HTTPError(400, 'The body must be a JSON object, as in {"query": "{ airlines { code } }"}.')
    try:
        return GraphQLRequest.model_validate(content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise HTTPError(400, f"{'.'.join(map(str, fault['loc'][:1]))}: {fault['msg']}.") from error
