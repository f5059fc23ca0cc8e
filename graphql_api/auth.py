"""Who sent a request: the one way in for every transport."""

import re
import shlex
from collections.abc import Iterable
from datetime import datetime

import structlog

from db.engine import DatabaseUnavailableError
from db.keys import KeyState
from graphql_api.api_keys import FORM, holds_key, prefix_of
from graphql_api.errors import Code, HTTPError
from graphql_api.principal import Principal
from graphql_api.state import Service

CHALLENGE = {"WWW-Authenticate": "Bearer"}
"""Goes with every 401: https://www.rfc-editor.org/rfc/rfc6750#section-3"""

_BEARER = re.compile(r"Bearer +(\S+)", re.IGNORECASE)
_SEND = "Send `Authorization: Bearer KEY`, with a key that `python -m graphql_api keys create` printed."
# Names of parameters, without their signs: api_key, apiKey, access-token, …
_IN_A_URL = {"accesstoken", "apikey", "auth", "authorization", "bearer", "bearertoken", "key", "token", "xapikey"}
log = structlog.stdlib.get_logger(__name__)


class AuthenticationError(HTTPError):
    """The key that was sent opens nothing: HTTP 401, UNAUTHENTICATED."""

    def __init__(self, message: str) -> None:
        super().__init__(401, message, CHALLENGE, Code.UNAUTHENTICATED)


async def authenticate(service: Service, authorization: str | None) -> Principal:
    """Who sent a request with this `Authorization`: the header, or what a transport without headers has in its place.

    Without one it is nobody in particular, who may do what is open to all. With one that is wrong the request is
    refused, also where it would have been answered without: whoever sends a key relies on it. That a key has expired or
    was revoked is told, since only its owner can send it; of others nobody learns whether prefix or secret was wrong.

    Raises:
        AuthenticationError: no bearer token, or a key that is malformed, unknown, expired or revoked.
        HTTPError: 503, UNAVAILABLE; the keys cannot be read now.
    """
    if authorization is None:
        service.metrics.authentication("anonymous")
        return Principal.anonymous(service.settings)
    bearer = _BEARER.fullmatch(authorization.strip())
    text = bearer.group(1) if bearer else None
    if text is None or prefix_of(text) is None:
        service.metrics.authentication("malformed")
        wrong = "The Authorization is not a bearer token" if text is None else f"This is not an API key, as in {FORM}"
        raise AuthenticationError(f"{wrong}. {_SEND}")
    try:
        found = await service.keyring.find(text)
    except DatabaseUnavailableError as error:
        service.metrics.authentication("unavailable")
        log.warning("API keys cannot be read", reason=str(error))
        message = "The API key cannot be looked up: the database cannot be reached. Try again later."
        raise HTTPError(503, message, code=Code.UNAVAILABLE) from error
    if found is None:
        service.metrics.authentication("unknown")
        raise AuthenticationError(f"No API key is like this one. {_SEND}")
    key, state = found
    if state is not KeyState.LIVE:
        service.metrics.authentication(state.value)
        since = _text(key.revoked_at if state is KeyState.REVOKED else key.expires_at)
        raise AuthenticationError(
            f"The API key {key.prefix} {'was revoked' if state is KeyState.REVOKED else 'expired'} at {since}. "
            f"Make another with `python -m graphql_api keys create --name {shlex.quote(key.name)}`, with its scopes."
        )
    service.metrics.authentication("accepted")
    return Principal.of_key(key, service.settings)


def refuse_key_in_url(service: Service, parameters: Iterable[tuple[str, str]]) -> None:
    """Refuse a request with a key, or what is called like one, among the parameters of its URL.

    Answering it would make it a habit: URLs are kept by browsers, proxies and logs.

    Raises:
        HTTPError: 400, BAD_USER_INPUT.
    """
    for name, value in parameters:
        if re.sub(r"[^a-z0-9]", "", name.lower()) in _IN_A_URL or holds_key(value) or holds_key(name):
            service.metrics.authentication("in_url")
            raise HTTPError(
                400,
                "A key does not belong in the URL, which browsers, proxies and logs keep. Send it in the header "
                "`Authorization: Bearer KEY`, and make it another: revoke the one in the URL with "
                "`python -m graphql_api keys revoke PREFIX`.",
            )


def _text(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
