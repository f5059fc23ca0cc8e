"""The SQL of the handwritten application: one hand-joined statement for each question, on either database."""

from functools import lru_cache
from typing import Literal, TypeAlias

Dialect: TypeAlias = Literal["sqlite", "postgresql"]

_FLIGHT = "f.id, f.carrier_code, f.flight_number"
_AIRPORT = "{0}.code, {0}.name, {0}.latitude, {0}.longitude, {0}.timezone"
_AIRPORTS = f"{_AIRPORT.format('o')}, {_AIRPORT.format('d')}"
_JOINED = """JOIN airlines AS c ON c.code = f.carrier_code JOIN airports AS o ON o.code = f.origin_code
    JOIN airports AS d ON d.code = f.destination_code"""
_FROM_HERE = "scheduled_departure >= {} ORDER BY scheduled_departure, id LIMIT {:d}"
_WEATHER = (
    "w.temperature_c, w.dew_point_c, w.relative_humidity_pct, w.wind_direction_deg, w.wind_speed_kt, w.wind_gust_kt, "
    "w.precipitation_mm, w.pressure_hpa, w.visibility_km"
)


def placeholder(dialect: Dialect, number: int) -> str:
    """The parameter of that number, from 1."""
    return f"?{number}" if dialect == "sqlite" else f"${number}"


def _instants(dialect: Dialect, *names: str) -> str:
    """Columns as the answer shows them: of PostgreSQL's instants orjson makes the text."""
    columns = (f"replace(f.{name}, ' ', 'T') || 'Z'" if dialect == "sqlite" else f"f.{name}" for name in names)
    return ", ".join(columns)


def _row(dialect: Dialect) -> str:
    """The columns of a flight: 9 of its own, 2 of its airline, 5 of each of its airports."""
    return f"""{_FLIGHT}, {_instants(dialect, "scheduled_departure", "scheduled_arrival")},
    f.departure_delay_minutes, f.arrival_delay_minutes, f.status, f.distance_miles, c.code, c.name, {_AIRPORTS}"""


@lru_cache
def point(dialect: Dialect) -> str:
    """A flight by carrier, number, origin and departure."""
    carrier, number, origin, departure = (placeholder(dialect, number) for number in range(1, 5))
    return f"""SELECT {_row(dialect)} FROM flights AS f {_JOINED}
    WHERE f.carrier_code = {carrier} AND f.flight_number = {number} AND f.origin_code = {origin}
    AND f.scheduled_departure = {departure}"""  # noqa: S608  only parameters come from a request


@lru_cache
def page(dialect: Dialect, first: int) -> str:
    """Flights from an instant on, with 5 columns of the aircraft.

    The limit stands in the text, and around the page alone: so PostgreSQL keeps a plan that joins few rows.
    """
    some = _FROM_HERE.format(placeholder(dialect, 1), first)
    return f"""SELECT {_row(dialect)}, a.tail_number, a.manufacturer, a.model, a.year, a.seats
    FROM (SELECT * FROM flights WHERE {some}) AS f {_JOINED} LEFT JOIN aircraft AS a ON a.tail_number = f.tail_number
    ORDER BY f.scheduled_departure, f.id"""  # noqa: S608


@lru_cache
def wide(dialect: Dialect, first: int) -> str:
    """Flights from an instant on, ten columns of their own."""
    some = _FROM_HERE.format(placeholder(dialect, 1), first)
    return f"""SELECT {_FLIGHT}, f.origin_code, f.destination_code,
    {_instants(dialect, "scheduled_departure", "scheduled_arrival")}, f.departure_delay_minutes,
    f.arrival_delay_minutes, f.status FROM flights AS f WHERE {some}"""  # noqa: S608


@lru_cache
def stats(dialect: Dialect) -> str:
    """The flights between two instants by carrier.

    PostgreSQL has quantiles, of whole numbers at tenths of a place: rounding undoes what its arithmetic adds. For
    SQLite the last column but one is all delays, joined by commas, and the last is null.
    """
    delays = (
        "group_concat(f.arrival_delay_minutes), NULL"
        if dialect == "sqlite"
        else """round((percentile_cont(0.5) WITHIN GROUP (ORDER BY f.arrival_delay_minutes))::numeric, 1)::float8,
        round((percentile_cont(0.9) WITHIN GROUP (ORDER BY f.arrival_delay_minutes))::numeric, 1)::float8"""
    )
    first, last = placeholder(dialect, 1), placeholder(dialect, 2)
    return f"""WITH g AS (SELECT f.carrier_code, count(*) AS flights,
        count(*) FILTER (WHERE f.status = 'CANCELLED') AS cancelled,
        count(*) FILTER (WHERE f.status = 'DIVERTED') AS diverted,
        count(*) FILTER (WHERE f.status IN ('CANCELLED', 'DIVERTED')
            OR f.status = 'LANDED' AND f.arrival_delay_minutes >= 15) AS late,
        nullif(count(*) FILTER (WHERE f.status IN ('LANDED', 'CANCELLED', 'DIVERTED')), 0) AS finished,
        CAST(sum(f.arrival_delay_minutes) AS double precision) / nullif(count(f.arrival_delay_minutes), 0) AS mean,
        max(f.arrival_delay_minutes) AS longest, {delays}
        FROM flights AS f WHERE f.scheduled_departure >= {first} AND f.scheduled_departure < {last}
        GROUP BY f.carrier_code)
    SELECT c.code, c.name, CAST(late AS double precision) / finished AS late_rate,
        CAST(cancelled AS double precision) / finished, g.*
    FROM g JOIN airlines AS c ON c.code = g.carrier_code
    ORDER BY late_rate DESC NULLS LAST, c.code LIMIT 100"""  # noqa: S608


@lru_cache
def surroundings(dialect: Dialect) -> str:
    """What the model reads of a flight beyond its input, in one row.

    Both places, the aircraft, how many flights leave the origin within half an hour before or after, of all carriers
    and of its own, whether it is itself among them, and the weather of the 12 hours before as JSON: each reading begins
    with how many hours it lies back. Parameters: carrier, number, origin, destination, tail number, departure, half an
    hour before, half an hour after, its hour, 12 hours before that.
    """
    (carrier, number, origin, destination, tail, departure, first, last, hour, earliest) = (
        placeholder(dialect, position) for position in range(1, 11)
    )
    as_json, group = ("json_array", "json_group_array") if dialect == "sqlite" else ("json_build_array", "json_agg")
    back = (
        f"(strftime('%s', {hour}) - strftime('%s', w.observed_at)) / 3600"
        if dialect == "sqlite"
        else f"CAST(extract(epoch FROM {hour} - w.observed_at) / 3600 AS integer)"
    )
    return f"""SELECT o.latitude, o.longitude, o.timezone, d.latitude, d.longitude, d.timezone, a.seats, a.year,
        n.flights, n.of_carrier, n.itself,
        (SELECT {group}({as_json}({back}, {_WEATHER})) FROM weather AS w
            WHERE w.airport_code = {origin} AND w.observed_at >= {earliest} AND w.observed_at < {hour})
    FROM airports AS o JOIN airports AS d ON d.code = {destination} LEFT JOIN aircraft AS a ON a.tail_number = {tail}
        CROSS JOIN (SELECT count(*) AS flights, count(*) FILTER (WHERE carrier_code = {carrier}) AS of_carrier,
            count(*) FILTER (WHERE carrier_code = {carrier} AND flight_number = {number}
                AND destination_code = {destination} AND scheduled_departure = {departure}) AS itself
            FROM flights WHERE origin_code = {origin} AND scheduled_departure BETWEEN {first} AND {last}) AS n
    WHERE o.code = {origin}"""  # noqa: S608
