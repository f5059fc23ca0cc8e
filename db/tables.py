"""The tables. Units stand in the names of the columns; instants are UTC."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import CheckConstraint, ForeignKey, Index, MetaData, String, UniqueConstraint, func, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from db.dialects import Instant, code_type, nulls_last, row_id_type

STATUSES = ("SCHEDULED", "DEPARTED", "LANDED", "CANCELLED", "DIVERTED")


class GroupingIndex(NamedTuple):
    """An index that statistics are read from: flights in an order, what is measured, and what else is grouped by."""

    name: str
    order: tuple[str, ...]
    also: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.order, "arrival_delay_minutes", "departure_delay_minutes", *self.also)


# Which and why: docs/decisions/0007-flight-statistics.md.
GROUPING_INDEXES = (
    GroupingIndex(
        "ix_flights_grouped_by_route",
        ("origin_code", "destination_code", "carrier_code", "status", "local_hour", "local_weekday"),
    ),
    GroupingIndex(
        "ix_flights_grouped_by_day", ("local_date", "origin_code", "destination_code", "status"), ("local_hour",)
    ),
    GroupingIndex("ix_flights_grouped_by_carrier", ("carrier_code", "local_date", "status")),
    GroupingIndex("ix_flights_grouped_by_aircraft", ("tail_number", "status"), ("local_date",)),
)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Instant, str: String()}  # noqa: RUF012 — SQLAlchemy's own spelling.


def _code(*arguments: Any, **options: Any) -> Any:
    return mapped_column(code_type(), *arguments, **options)


class Airline(Base):
    __tablename__ = "airlines"

    code: Mapped[str] = _code(primary_key=True)
    name: Mapped[str]


class Airport(Base):
    __tablename__ = "airports"

    code: Mapped[str] = _code(primary_key=True)
    name: Mapped[str]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    altitude_ft: Mapped[int | None]
    timezone: Mapped[str | None]


class Aircraft(Base):
    __tablename__ = "aircraft"

    tail_number: Mapped[str] = _code(primary_key=True)
    manufacturer: Mapped[str | None]
    model: Mapped[str | None]
    year: Mapped[int | None]
    seats: Mapped[int | None]
    engines: Mapped[int | None]
    engine_type: Mapped[str | None]


class Flight(Base):
    __tablename__ = "flights"

    # An id is never given out twice, so that a global ID never comes to mean another flight.
    id: Mapped[int] = mapped_column(row_id_type(), primary_key=True, autoincrement=True)
    carrier_code: Mapped[str] = _code(ForeignKey("airlines.code"))
    flight_number: Mapped[int]
    origin_code: Mapped[str] = _code(ForeignKey("airports.code"))
    destination_code: Mapped[str] = _code(ForeignKey("airports.code"))
    tail_number: Mapped[str | None] = _code(ForeignKey("aircraft.tail_number"))
    scheduled_departure: Mapped[datetime]
    scheduled_arrival: Mapped[datetime | None]
    actual_departure: Mapped[datetime | None]
    actual_arrival: Mapped[datetime | None]
    departure_delay_minutes: Mapped[int | None]
    arrival_delay_minutes: Mapped[int | None]
    status: Mapped[str] = _code()
    air_time_minutes: Mapped[int | None]
    distance_miles: Mapped[int | None]
    version: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # The scheduled departure on the clock at the origin, null where that has no time zone: see `db.local_clock`.
    local_date: Mapped[str | None] = _code()
    local_hour: Mapped[int | None]
    local_weekday: Mapped[int | None]

    __table_args__ = (
        UniqueConstraint("carrier_code", "flight_number", "origin_code", "scheduled_departure", name="flight_key"),
        CheckConstraint("status IN ('" + "', '".join(STATUSES) + "')", name="status"),
        {"sqlite_autoincrement": True},
    )


def _flight_indexes() -> None:
    """An index for each order of the contract, and for each filter that picks few rows, in the default order."""
    key = Flight.id
    Index("ix_flights_by_scheduled_departure", Flight.scheduled_departure, key)
    Index("ix_flights_by_flight_number", Flight.flight_number, key)
    for name in ("departure_delay_minutes", "arrival_delay_minutes", "distance_miles"):
        column = Flight.__table__.c[name]
        Index(f"ix_flights_by_{name}", nulls_last(column, descending=False), key)
        Index(f"ix_flights_by_{name}_desc", nulls_last(column, descending=True), key)
    for name in ("carrier_code", "origin_code", "destination_code", "tail_number", "status"):
        Index(f"ix_flights_{name}", Flight.__table__.c[name], Flight.scheduled_departure, key)
    for index in GROUPING_INDEXES:
        Index(index.name, *(Flight.__table__.c[column] for column in index.columns))


_flight_indexes()


class WeatherObservation(Base):
    """Hourly: `observed_at` is the start of the hour for which the reading stands."""

    __tablename__ = "weather"

    airport_code: Mapped[str] = _code(ForeignKey("airports.code"), primary_key=True)
    observed_at: Mapped[datetime] = mapped_column(primary_key=True)
    temperature_c: Mapped[float | None]
    dew_point_c: Mapped[float | None]
    relative_humidity_pct: Mapped[float | None]
    wind_direction_deg: Mapped[float | None]
    wind_speed_kt: Mapped[float | None]
    wind_gust_kt: Mapped[float | None]
    precipitation_mm: Mapped[float | None]
    pressure_hpa: Mapped[float | None]
    visibility_km: Mapped[float | None]


class ApiKey(Base):
    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(row_id_type(), primary_key=True, autoincrement=True)
    name: Mapped[str]
    prefix: Mapped[str] = _code(unique=True)
    hash: Mapped[str]
    scopes: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = ({"sqlite_autoincrement": True},)


class Prediction(Base):
    """The prediction log: what was asked, of which model, and what it answered. Codes are text as asked, not keys."""

    __tablename__ = "predictions"

    id: Mapped[int] = mapped_column(row_id_type(), primary_key=True, autoincrement=True)
    predicted_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    model_version: Mapped[str]
    basis: Mapped[str]
    carrier_code: Mapped[str]
    origin_code: Mapped[str]
    destination_code: Mapped[str]
    scheduled_departure: Mapped[datetime]
    probability_delayed: Mapped[float]
    probability_never_arrives: Mapped[float]
    delay_p10_minutes: Mapped[float]
    delay_p50_minutes: Mapped[float]
    delay_p90_minutes: Mapped[float]

    __table_args__ = ({"sqlite_autoincrement": True},)


class Load(Base):
    """How far a file was loaded: written in one transaction with the rows, so that loading resumes where it stopped."""

    __tablename__ = "loads"

    source: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(primary_key=True)
    rows_read: Mapped[int]
    rows_rejected: Mapped[int]
    finished_at: Mapped[datetime | None]


class IdempotencyKey(Base):
    """What a write with a key answered: written in one transaction with its rows, so that both are there or neither.

    `principal` is who wrote, empty where nobody was asked; it is never null, since nulls would not be one key.
    """

    __tablename__ = "idempotency_keys"

    principal: Mapped[str] = _code(primary_key=True)
    key: Mapped[str] = _code(primary_key=True)
    sha256: Mapped[str]
    response: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)
