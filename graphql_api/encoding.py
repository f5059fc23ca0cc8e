"""What is answered, as the bytes of JSON."""

from typing import Any

import orjson

# Instants in UTC end in Z, as the scalar DateTime writes them: rows that are handed through hold them as instants.
_OPTIONS = orjson.OPT_UTC_Z


def encoded(body: Any) -> bytes:
    """The JSON of a response, or of several."""
    return orjson.dumps(body, option=_OPTIONS)
