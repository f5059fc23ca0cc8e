"""What weather and flights can be. Whatever lies outside is an instrument's or a typist's error.

The ranges of weather enclose the world records for each quantity (WMO World Weather & Climate Extremes Archive), except
that of wind: the strongest gust ever measured, 220 kt, was in a cyclone's eyewall, where no airport is open.
"""

from datetime import timedelta

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

LONGEST_FLIGHT = timedelta(hours=24)

OPERATIONS_RANGE = (-1440.0, 2880.0)
"""Minutes: a mean delay of flights within hours is no more than a day early or two days late."""
