"""Airports that only flights name, as the package airportsdata knows them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import airportsdata


@cache
def _by_code() -> Mapping[str, Mapping[str, Any]]:
    known: Mapping[str, Mapping[str, Any]] = airportsdata.load("IATA")
    return known


def known_airport(code: str) -> dict[str, Any] | None:
    """A row of `airports` for an IATA code, None where the package lacks it."""
    found = _by_code().get(code)
    if found is None:
        return None
    return {
        "code": code,
        "name": found["name"],
        "latitude": found["lat"],
        "longitude": found["lon"],
        "altitude_ft": round(found["elevation"]),
        "timezone": found["tz"],
    }


@cache
def usual_zones() -> dict[str, str]:
    """The time zone that most airports of each US state have, by the state's name."""
    zones: dict[str, list[str]] = {}
    for airport in _by_code().values():
        if airport["country"] == "US":
            zones.setdefault(airport["subd"], []).append(airport["tz"])
    return {state: max(sorted(set(found)), key=found.count) for state, found in zones.items()}
