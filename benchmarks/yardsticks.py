"""What a careful programmer would write by hand for one question, without any GraphQL."""

import sqlite3

import orjson

_FLIGHT_ROWS = """
SELECT f.id, f.carrier_code, f.flight_number, f.scheduled_departure, f.scheduled_arrival, f.departure_delay_minutes,
    f.arrival_delay_minutes, f.status, f.distance_miles, c.code, c.name, o.code, o.name, o.latitude, o.longitude,
    o.timezone, d.code, d.name, d.latitude, d.longitude, d.timezone, a.tail_number, a.manufacturer, a.model, a.year,
    a.seats
FROM flights AS f JOIN airlines AS c ON c.code = f.carrier_code JOIN airports AS o ON o.code = f.origin_code
    JOIN airports AS d ON d.code = f.destination_code LEFT JOIN aircraft AS a ON a.tail_number = f.tail_number
ORDER BY f.scheduled_departure, f.id LIMIT ?
"""


def flight_rows(connection: sqlite3.Connection, limit: int) -> bytes:
    """A page of flights with their relations: one hand-joined statement, rows to dictionaries, orjson."""
    nodes = [
        {
            "id": row[0],
            "carrierCode": row[1],
            "flightNumber": row[2],
            "scheduledDeparture": row[3],
            "scheduledArrival": row[4],
            "departureDelayMinutes": row[5],
            "arrivalDelayMinutes": row[6],
            "status": row[7],
            "distanceMiles": row[8],
            "airline": {"code": row[9], "name": row[10]},
            "origin": _airport(row[11:16]),
            "destination": _airport(row[16:21]),
            "aircraft": None if row[21] is None else _aircraft(row[21:26]),
        }
        for row in connection.execute(_FLIGHT_ROWS, (limit,))
    ]
    return orjson.dumps({"data": {"flights": {"nodes": nodes}}})


def _airport(row: tuple[object, ...]) -> dict[str, object]:
    return {"code": row[0], "name": row[1], "latitude": row[2], "longitude": row[3], "timezone": row[4]}


def _aircraft(row: tuple[object, ...]) -> dict[str, object]:
    return {"tailNumber": row[0], "manufacturer": row[1], "model": row[2], "year": row[3], "seats": row[4]}
