"""What a client says it takes, and what it says it sends: media types, read once for each spelling of a header."""

from functools import lru_cache
from typing import NamedTuple

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"
EVENT_STREAM = "text/event-stream"

_HTML = "text/html"
# The wildcards that stand for each type which an answer may have.
_RANGES = {
    GRAPHQL_RESPONSE: (GRAPHQL_RESPONSE,),
    # A client that does not name the GraphQL type may not know what its status codes mean.
    JSON: (JSON, "application/*", "*/*"),
    EVENT_STREAM: (EVENT_STREAM,),
}


class Accepted(NamedTuple):
    """What a client takes."""

    single: str | None
    """The media type of an answer that is not a stream: None where the client takes none that there is."""
    stream: bool
    """Whether it takes a stream of events."""
    html: bool
    """Whether it names HTML, as a browser does that opens a page."""


@lru_cache(maxsize=256)
def accepted(header: str) -> Accepted:
    """What an `Accept` header says. Without one, a client takes anything: https://www.rfc-editor.org/rfc/rfc9110#name-accept

    A client that takes single answers both as JSON and as a stream gets JSON: a stream of one event helps nobody.
    """
    weights = _weights(header or "*/*")
    stream = _weight(weights, EVENT_STREAM) > 0
    candidates = {media_type: _weight(weights, media_type) for media_type in (GRAPHQL_RESPONSE, JSON)}
    best = max(candidates, key=candidates.__getitem__)
    single = best if candidates[best] > 0 else EVENT_STREAM if stream else None
    return Accepted(single, stream, weights.get(_HTML, 0.0) > 0)


@lru_cache(maxsize=256)
def is_json(content_type: str) -> bool:
    """Whether a `Content-Type` says JSON in UTF-8, which is what JSON is when nothing else is said."""
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    if media_type not in (JSON, GRAPHQL_RESPONSE):
        return False
    charsets = [value.strip('" ') for name, _, value in (p.partition("=") for p in parameters) if name == "charset"]
    return all(charset in ("utf-8", "utf8") for charset in charsets)


def _weights(header: str) -> dict[str, float]:
    """By media type or range how much it is wanted, 0 to 1. What cannot be read counts as not said."""
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for name, _, value in (parameter.partition("=") for parameter in parameters):
            if name.strip() == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        if media_type:
            weights[media_type] = max(weight, weights.get(media_type, 0.0))
    return weights


def _weight(weights: dict[str, float], media_type: str) -> float:
    """The weight of the most specific range that speaks of a media type."""
    return next((weights[name] for name in _RANGES[media_type] if name in weights), 0.0)
