"""The headers of a request, as an ASGI server gives them."""

from collections.abc import Mapping
from typing import TypeAlias

from starlette.types import Scope

Headers: TypeAlias = Mapping[bytes, bytes]
"""By name, in lower case. https://asgi.readthedocs.io/en/stable/specs/www.html#http-connection-scope"""


def headers_of(scope: Scope) -> Headers:
    """The headers; several of one name are one list, as in https://www.rfc-editor.org/rfc/rfc9110#section-5.3"""
    given: list[tuple[bytes, bytes]] = scope["headers"]
    headers = dict(given)
    if len(headers) < len(given):
        headers = {name: b", ".join(value for other, value in given if other == name) for name in headers}
    return headers


def text_of(headers: Headers, name: bytes) -> str | None:
    """The value of a header."""
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")
