"""Airlines, airports and aircraft that a file names and the database lacks: no flight is lost for want of them."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from db.airports import known_airport, usual_zones

_AIRPORT = {
    "code": pl.String,
    "name": pl.String,
    "latitude": pl.Float64,
    "longitude": pl.Float64,
    "altitude_ft": pl.Int32,
    "timezone": pl.String,
}
_AIRCRAFT = {
    "tail_number": pl.String,
    "manufacturer": pl.String,
    "model": pl.String,
    "year": pl.Int32,
    "seats": pl.Int32,
    "engines": pl.Int32,
    "engine_type": pl.String,
}


class References:
    """The codes that flights may name: those of the database, and what a load adds to them part by part."""

    def __init__(self, codes: Mapping[str, set[str]], zones: Mapping[str, str | None]) -> None:
        """`codes`: what the database has, by table. `zones`: its airports with their time zones."""
        self._codes = {table: set(known) for table, known in codes.items()}
        self.zones = {code: zone for code, zone in zones.items() if zone is not None}
        self._met: dict[str, dict[str, Any]] = {}

    def meet(self, rows: pl.DataFrame) -> None:
        """Find out what can be known of the airports of parsed rows.

        One that the package airportsdata lacks has the name of its city, no position, and the time zone that most
        airports of its state have.
        """
        for end in ("origin", "destination"):
            places = rows.select(code=end, city=f"{end}_city", state=f"{end}_state").unique("code", keep="first")
            for code, city, state in places.iter_rows():
                if code in self._met or code in self.zones:
                    continue
                row = known_airport(code) or {
                    **dict.fromkeys(_AIRPORT),
                    "code": code,
                    "name": city or code,
                    "timezone": usual_zones().get(state),
                }
                self._met[code] = row
                if row["timezone"] is not None:
                    self.zones[code] = row["timezone"]

    def codes_with(self, flights: pl.DataFrame) -> dict[str, set[str]]:
        """The codes of the database and those that `flights` name: what a flight may refer to once they are added."""
        return {table: known | _named(flights)[table] for table, known in self._codes.items()}

    def missing(self, flights: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """The rows that must be added before `flights` are, by table."""
        new = {table: sorted(_named(flights)[table] - known) for table, known in self._codes.items()}
        # The Bureau's files have no names of airlines.
        airlines = pl.DataFrame(
            {"code": new["airlines"], "name": new["airlines"]}, schema_overrides={"code": pl.String}
        )
        airports = pl.DataFrame([self._met[code] for code in new["airports"]], schema=_AIRPORT)
        aircraft = pl.DataFrame([{"tail_number": tail} for tail in new["aircraft"]], schema=_AIRCRAFT)
        found = {"airlines": airlines, "airports": airports, "aircraft": aircraft}
        return {table: rows for table, rows in found.items() if not rows.is_empty()}

    def add(self, references: Mapping[str, pl.DataFrame]) -> None:
        """Note that these rows are in the database now."""
        for table, rows in references.items():
            self._codes[table] |= set(rows.to_series(0))


def _named(flights: pl.DataFrame) -> dict[str, set[str]]:
    return {
        "airlines": _values(flights, ["carrier_code"]),
        "airports": _values(flights, ["origin_code", "destination_code"]),
        "aircraft": _values(flights, ["tail_number"]),
    }


def _values(flights: pl.DataFrame, columns: Iterable[str]) -> set[str]:
    return {value for name in columns for value in flights[name].unique() if value is not None}
