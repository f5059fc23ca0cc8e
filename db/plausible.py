"""What a value can be. Whatever lies outside is an instrument's or a typist's error.

The ranges of weather enclose the world records for each quantity (WMO World Weather & Climate Extremes Archive), except
that of wind: the strongest gust ever measured, 220 kt, was in a cyclone's eyewall, where no airport is open.
"""

from datetime import UTC, datetime, timedelta

WEATHER_RANGES: dict[str, tuple[float, float]] = {
    "temperature_c": (-90.0, 60.0),
    "dew_point_c": (-100.0, 40.0),
    "relative_humidity_pct": (0.0, 100.0),
    "wind_direction_deg": (0.0, 360.0),
    "wind_speed_kt": (0.0, 150.0),
    "wind_gust_kt": (0.0, 200.0),
    "precipitation_mm": (0.0, 310.0),
    "pressure_hpa": (850.0, 1100.0),
    "visibility_km": (0.0, 500.0),
}

AIRPORT_RANGES: dict[str, tuple[float, float]] = {
    "latitude": (-90.0, 90.0),
    "longitude": (-180.0, 180.0),
    "altitude_ft": (-1_500.0, 20_000.0),
}
"""The lowest airport lies at -1,240 ft beside the Dead Sea, the highest at 14,472 ft in Daocheng."""

AIRCRAFT_RANGES: dict[str, tuple[float, float]] = {
    "year": (1903.0, 2100.0),
    "seats": (1.0, 1_000.0),
    "engines": (1.0, 12.0),
}
"""From the Wright brothers on; an A380 is certified for 853 passengers, the Dornier Do X had twelve engines."""

FLIGHT_RANGES: dict[str, tuple[float, float]] = {
    "flight_number": (1.0, 9_999.0),
    "air_time_minutes": (1.0, 1_440.0),
    "distance_miles": (1.0, 12_500.0),
}
"""A flight number has up to four digits (IATA); no two places on Earth are more than 12,451 miles apart."""

INSTANTS: tuple[datetime, datetime] = (datetime(1914, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
"""From the day of the first scheduled airline flight, between St. Petersburg and Tampa, to beyond any timetable."""

LONGEST_FLIGHT = timedelta(hours=24)
"""From the scheduled departure to the scheduled arrival; the longest timetabled flights take 19 hours."""

DELAY_RANGE: tuple[float, float] = (-1_440.0, 10_080.0)
"""Minutes from a scheduled to an actual time: no more than a day early or a week late."""

LONGEST_JOURNEY = timedelta(days=7)
"""From the actual departure to the actual arrival: a diverted flight may wait for days before it goes on."""

OPERATIONS_RANGE: tuple[float, float] = (-1_440.0, 2_880.0)
"""Minutes: a mean delay of flights within hours is no more than a day early or two days late."""
