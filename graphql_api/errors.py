"""Errors that clients see: one table of codes, and what becomes of an exception."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Self

import structlog
from graphql import GraphQLError, GraphQLFormattedError

from db.engine import DatabaseUnavailableError

log = structlog.stdlib.get_logger(__name__)


class Code(StrEnum):
    """`extensions.code` of every error."""

    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    RATE_LIMITED = "RATE_LIMITED"
    TIMEOUT = "TIMEOUT"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"


class HTTPError(Exception):
    """A request that is refused before it is GraphQL. `error` is the one entry in the `errors` of its answer."""

    def __init__(
        self, status: int, message: str, headers: Mapping[str, str] | None = None, code: Code | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        if code is None:
            code = Code.LIMIT_EXCEEDED if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else Code.BAD_USER_INPUT
        self.error: GraphQLFormattedError = with_code(GraphQLError(message), code)


class RequestError(Exception):
    """A request that cannot be executed. `errors` is what the client gets instead of data.

    `status` is its HTTP status for every client, where the request and not its document is at fault.
    """

    def __init__(self, code: Code, *errors: GraphQLError, status: int | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.errors = [with_code(error, code) for error in errors]

    @classmethod
    def again(cls, errors: list[GraphQLFormattedError]) -> Self:
        """The same refusal once more."""
        error = cls(Code(errors[0]["extensions"]["code"]))
        error.errors = list(errors)
        return error


def api_error(code: Code, message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": code.value})


def bad_user_input(message: str) -> GraphQLError:
    return api_error(Code.BAD_USER_INPUT, message)


def limit_exceeded(message: str) -> GraphQLError:
    return api_error(Code.LIMIT_EXCEEDED, message)


def with_code(error: GraphQLError, code: Code) -> GraphQLFormattedError:
    """The error as clients see it, with `code` where it has none of its own."""
    formatted = error.formatted
    extensions: dict[str, Any] = {"code": code.value, **formatted.get("extensions", {})}
    return {**formatted, "extensions": extensions}


def in_order(errors: Sequence[GraphQLError], data: Any) -> Sequence[GraphQLError]:
    """The errors in the order of the places in the response that they belong to, and not of when they happened."""
    return sorted(errors, key=lambda error: _place(error.path or (), data)) if len(errors) > 1 else errors


def _place(path: Iterable[str | int], data: Any) -> tuple[int, ...]:
    place: list[int] = []
    for key in path:
        if isinstance(data, dict) and key in data:
            place.append(list(data).index(key))
            data = data[key]
        elif isinstance(data, list) and isinstance(key, int):
            place.append(key)
            data = data[key]
        else:
            break  # What it is in is null, for this error alone.
    return tuple(place)


def formatted(error: GraphQLError) -> GraphQLFormattedError:
    """An error of execution as clients see it.

    What a client did wrong says so; an unreachable database is UNAVAILABLE; everything else is a fault of the service,
    whose message goes to the log alone, under an id that the client gets too.
    """
    cause = error.original_error
    if error.extensions and "code" in error.extensions:
        return error.formatted
    # Without a path it is a variable that cannot be coerced; without a cause, an argument.
    if error.path is None or cause is None:
        return with_code(error, Code.BAD_USER_INPUT)
    if isinstance(cause, DatabaseUnavailableError):
        log.error("database unavailable", reason=str(cause), path=error.path)
        masked = GraphQLError("The database cannot be reached. Try again later.", error.nodes, path=error.path)
        return with_code(masked, Code.UNAVAILABLE)
    error_id = secrets.token_hex(8)
    log.error("resolver failed", error_id=error_id, path=error.path, exc_info=cause)
    masked = GraphQLError(
        f"Internal error {error_id}. The log of the service has the details.", error.nodes, path=error.path
    )
    return with_code(masked, Code.INTERNAL)
