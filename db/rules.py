"""What a row of each table must be, whoever brings it.

The rules are data with two readers: `db.faults` for the rows that clients write, in sentences, and `db.validate` for
whole files, as conditions on columns. So what a client may write and what a file may hold is the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import available_timezones

from db.plausible import (
    AIRCRAFT_RANGES,
    AIRPORT_RANGES,
    FLIGHT_RANGES,
    LONGEST_FLIGHT,
    LONGEST_JOURNEY,
    WEATHER_RANGES,
)
from db.tables import STATUSES


class Text(NamedTuple):
    """A text of 1 to `longest` characters; one with a `form`, a regular expression, matches the whole of it."""

    longest: int
    form: str | None = None
    meaning: str = "a text"


class Later(NamedTuple):
    """`later` is after `earlier`, by no more than `within`."""

    later: str
    earlier: str
    within: timedelta


class Delay(NamedTuple):
    """`column` is the whole minutes from `scheduled` to `actual`; null where either is, and for status `not_for`."""

    column: str
    scheduled: str
    actual: str
    not_for: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for every row of a table. `key` is what no two rows share; its columns must be given."""

    key: tuple[str, ...]
    required: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, Text] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    instants: tuple[str, ...] = ()
    full_hours: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    one_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    different: tuple[tuple[str, str], ...] = ()
    order: tuple[Later, ...] = ()
    delays: tuple[Delay, ...] = ()
    needs: Mapping[str, str] = field(default_factory=dict)
    """A column that may only be given where another is."""


_NAME = Text(200, meaning="a name")
# The Bureau of Transportation Statistics numbers airlines that had a code before another took it over, as in PA (1).
_AIRLINE_CODE = Text(7, r"[A-Z0-9]{2,3}( ?\([0-9]\))?", "a code of 2 or 3 capital letters and digits, as in UA")
_AIRPORT_CODE = Text(4, "[A-Z0-9]{3,4}", "a code of 3 or 4 capital letters and digits, as in EWR")
_TAIL_NUMBER = Text(10, "[A-Z0-9-]{1,10}", "a registration: up to 10 capital letters, digits and hyphens, as in N14228")

RULES: Mapping[str, Rules] = {
    "airlines": Rules(
        key=("code",),
        required=("name",),
        texts={"code": _AIRLINE_CODE, "name": _NAME},
    ),
    "airports": Rules(
        key=("code",),
        required=("name",),
        texts={"code": _AIRPORT_CODE, "name": _NAME},
        ranges=AIRPORT_RANGES,
        zones=("timezone",),
    ),
    "aircraft": Rules(
        key=("tail_number",),
        texts={"tail_number": _TAIL_NUMBER, "manufacturer": _NAME, "model": _NAME, "engine_type": _NAME},
        ranges=AIRCRAFT_RANGES,
    ),
    "flights": Rules(
        key=("carrier_code", "flight_number", "origin_code", "scheduled_departure"),
        required=("destination_code", "status"),
        references={
            "carrier_code": "airlines",
            "origin_code": "airports",
            "destination_code": "airports",
            "tail_number": "aircraft",
        },
        texts={"tail_number": _TAIL_NUMBER},
        ranges=FLIGHT_RANGES,
        instants=("scheduled_departure", "scheduled_arrival", "actual_departure", "actual_arrival"),
        one_of={"status": STATUSES},
        different=(("destination_code", "origin_code"),),
        order=(
            Later("scheduled_arrival", "scheduled_departure", LONGEST_FLIGHT),
            Later("actual_arrival", "actual_departure", LONGEST_JOURNEY),
        ),
        delays=(
            Delay("departure_delay_minutes", "scheduled_departure", "actual_departure"),
            Delay("arrival_delay_minutes", "scheduled_arrival", "actual_arrival", not_for="DIVERTED"),
        ),
        needs={"air_time_minutes": "actual_departure"},
    ),
    "weather": Rules(
        key=("airport_code", "observed_at"),
        references={"airport_code": "airports"},
        ranges=WEATHER_RANGES,
        instants=("observed_at",),
        full_hours=("observed_at",),
    ),
}

TIMES_OF_STATUS: Mapping[str, Mapping[str, bool]] = {
    "SCHEDULED": {"actual_departure": False, "actual_arrival": False},
    "DEPARTED": {"actual_departure": True, "actual_arrival": False},
    "LANDED": {"actual_departure": True, "actual_arrival": True},
    "CANCELLED": {"actual_departure": False, "actual_arrival": False},
    "DIVERTED": {"actual_departure": True},
}
"""Which actual times a flight has in each state. A diverted one may have reached its destination after all."""


@cache
def time_zones() -> frozenset[str]:
    """The IANA zones that this machine knows; not the names that mean whatever a machine is set to."""
    return frozenset(available_timezones() - {"localtime", "posixrules", "Factory"})
