"""Who sends a request: found out once, and charged for what is asked."""

from http import HTTPStatus
from typing import Final, overload

from graphql import GraphQLError
from starlette.types import Scope

from graphql_api.auth import authenticate
from graphql_api.errors import Code, HTTPError, RequestError
from graphql_api.principal import Principal
from graphql_api.rate_limit import Allowance, Client, RateLimitedError
from graphql_api.state import Service

REQUEST_COST: Final = 40
"""What every request is charged besides its operation, in the same units: about 0.2 ms. A refused one costs no more."""


class Sender:
    """Who is behind one request, or one operation on a WebSocket."""

    def __init__(self, service: Service, authorization: str | None, scope: Scope) -> None:
        self._service = service
        self._authorization = authorization
        self._scope = scope
        self._principal: Principal | None = None

    async def principal(self) -> Principal:
        """Who it is, looked up once.

        Raises:
            HTTPError: the key opens nothing, or cannot be looked up.
        """
        if self._principal is None:
            self._principal = await authenticate(self._service, self._authorization)
        return self._principal

    async def principal_now(self) -> Principal:
        """Who it is now: a key that was good a while ago may have been revoked.

        Raises:
            HTTPError: the key opens nothing any more, or cannot be looked up.
        """
        if self._authorization is not None:
            self._principal = None
        return await self.principal()

    async def charge_document(self, text: str) -> None:
        """Charge a document that is not short and was not seen before: a unit a character, before it is looked at.

        So who has used up a minute cannot have the service read documents that it will refuse.

        Raises:
            HTTPError: 429, RATE_LIMITED; or it is not known whom to charge, as of `principal`.
        """
        limiter = self._service.rate_limiter
        if limiter is not None:
            await self.principal()
            await limiter.charge(self._client(), min(len(text), limiter.limit))

    async def charge(self, cost: int) -> Allowance | None:
        """Charge an operation; None where there is no limit.

        Raises:
            HTTPError: 429, RATE_LIMITED; or it is not known whom to charge, as of `principal`.
            RequestError: LIMIT_EXCEEDED; it costs more than the whole limit.
        """
        limiter = self._service.rate_limiter
        if limiter is None:
            return None
        await self.principal()
        total = REQUEST_COST + cost
        if total > limiter.limit:
            message = (
                f"This costs {total}, more than the {limiter.limit} that may be asked for in a minute: it can never be "
                "answered. Ask for less at once."
            )
            raise RequestError(Code.LIMIT_EXCEEDED, GraphQLError(message))
        return await limiter.charge(self._client(), total)

    @overload
    async def charge_refusal(self) -> HTTPError | None: ...
    @overload
    async def charge_refusal(self, error: HTTPError) -> HTTPError: ...
    async def charge_refusal(self, error: HTTPError | None = None) -> HTTPError | None:
        """Charge a request that is refused before its cost is known.

        Returns what to refuse it with: `error`, or that even this is more than what is left.
        """
        limiter = self._service.rate_limiter
        ours = error is not None and error.status == HTTPStatus.SERVICE_UNAVAILABLE
        if limiter is None or ours or isinstance(error, RateLimitedError):
            return error
        try:
            await limiter.charge(self._client(), min(REQUEST_COST, limiter.limit))
        except RateLimitedError as limited:
            return limited
        return error

    def _client(self) -> Client:
        if self._principal is not None and self._principal.key_id is not None:
            return Client.of_key(self._principal.name)
        client = self._scope.get("client")
        return Client.at(client[0] if client else None)
