"""A database with a few rows, for tests that write: filled anew for each."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert

from db.engine import Database
from db.local_clock import local_clock
from db.tables import Aircraft, Airline, Airport, Base, Flight

NEW_YORK = "America/New_York"
AIRLINES = ("UA", "AA", "DL")
AIRPORTS = {"EWR": NEW_YORK, "JFK": NEW_YORK, "LGA": NEW_YORK, "IAH": "America/Chicago", "LAX": "America/Los_Angeles"}
DEPARTURE = datetime(2030, 6, 1, 12, tzinfo=UTC)
KEY = {"carrier_code": "UA", "flight_number": 1, "origin_code": "EWR", "scheduled_departure": DEPARTURE}
"""The one flight that there is: scheduled, at version 1, with row id 1 on a new database."""
CREATED_AT = datetime(2025, 1, 1, tzinfo=UTC)


async def refill(database: Database) -> None:
    """Delete everything and insert the few rows."""
    async with database.transaction() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            await connection.execute(delete(table))
        await connection.execute(insert(Airline), [{"code": code, "name": f"Airline {code}"} for code in AIRLINES])
        airports = [{"code": code, "name": f"Airport {code}", "timezone": zone} for code, zone in AIRPORTS.items()]
        await connection.execute(insert(Airport), airports)
        await connection.execute(insert(Aircraft).values(tail_number="N14228", model="737-824"))
        await connection.execute(insert(Flight).values(**flight_values()))


def flight_values(**values: Any) -> dict[str, Any]:
    """The columns of the one flight, with others where they are given."""
    return {
        **KEY,
        "destination_code": "IAH",
        "tail_number": "N14228",
        "scheduled_arrival": DEPARTURE.replace(hour=16),
        "status": "SCHEDULED",
        "distance_miles": 1400,
        **local_clock(DEPARTURE, NEW_YORK)._asdict(),
        "version": 1,
        "created_at": CREATED_AT,
        "updated_at": CREATED_AT,
        **values,
    }
