"""The tables of the service: flights and what they refer to, weather, keys, the prediction log, loading."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from db.dialects import Instant, code_type, nulls_last, row_id_type

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    _reference_tables()
    _flights()
    _weather()
    _api_keys()
    _predictions()
    op.create_table(
        "loads",
        sa.Column("source", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("rows_read", sa.Integer, nullable=False),
        sa.Column("rows_rejected", sa.Integer, nullable=False),
        sa.Column("finished_at", Instant),
        sa.PrimaryKeyConstraint("source", "sha256", name="pk_loads"),
    )


def downgrade() -> None:
    for table in ("loads", "predictions", "api_keys", "weather", "flights", "aircraft", "airports", "airlines"):
        op.drop_table(table)


def _reference_tables() -> None:
    op.create_table(
        "airlines",
        sa.Column("code", code_type(), nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_airlines"),
    )
    op.create_table(
        "airports",
        sa.Column("code", code_type(), nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("latitude", sa.Double),
        sa.Column("longitude", sa.Double),
        sa.Column("altitude_ft", sa.Integer),
        sa.Column("timezone", sa.String),
        sa.PrimaryKeyConstraint("code", name="pk_airports"),
    )
    op.create_table(
        "aircraft",
        sa.Column("tail_number", code_type(), nullable=False),
        sa.Column("manufacturer", sa.String),
        sa.Column("model", sa.String),
        sa.Column("year", sa.Integer),
        sa.Column("seats", sa.Integer),
        sa.Column("engines", sa.Integer),
        sa.Column("engine_type", sa.String),
        sa.PrimaryKeyConstraint("tail_number", name="pk_aircraft"),
    )


def _flights() -> None:
    flights = op.create_table(
        "flights",
        sa.Column("id", row_id_type(), nullable=False, autoincrement=True),
        sa.Column("carrier_code", code_type(), nullable=False),
        sa.Column("flight_number", sa.Integer, nullable=False),
        sa.Column("origin_code", code_type(), nullable=False),
        sa.Column("destination_code", code_type(), nullable=False),
        sa.Column("tail_number", code_type()),
        sa.Column("scheduled_departure", Instant, nullable=False),
        sa.Column("scheduled_arrival", Instant),
        sa.Column("actual_departure", Instant),
        sa.Column("actual_arrival", Instant),
        sa.Column("departure_delay_minutes", sa.Integer),
        sa.Column("arrival_delay_minutes", sa.Integer),
        sa.Column("status", code_type(), nullable=False),
        sa.Column("air_time_minutes", sa.Integer),
        sa.Column("distance_miles", sa.Integer),
        sa.Column("version", sa.Integer, server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", Instant, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", Instant, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_flights"),
        sa.UniqueConstraint("carrier_code", "flight_number", "origin_code", "scheduled_departure", name="flight_key"),
        sa.CheckConstraint(
            "status IN ('SCHEDULED', 'DEPARTED', 'LANDED', 'CANCELLED', 'DIVERTED')", name=op.f("ck_flights_status")
        ),
        sa.ForeignKeyConstraint(["carrier_code"], ["airlines.code"], name="fk_flights_carrier_code"),
        sa.ForeignKeyConstraint(["origin_code"], ["airports.code"], name="fk_flights_origin_code"),
        sa.ForeignKeyConstraint(["destination_code"], ["airports.code"], name="fk_flights_destination_code"),
        sa.ForeignKeyConstraint(["tail_number"], ["aircraft.tail_number"], name="fk_flights_tail_number"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_flights_by_scheduled_departure", "flights", ["scheduled_departure", "id"])
    op.create_index("ix_flights_by_flight_number", "flights", ["flight_number", "id"])
    for name in ("departure_delay_minutes", "arrival_delay_minutes", "distance_miles"):
        column = flights.c[name]
        # Alembic takes expressions as text or as elements of the table that it was given.
        op.create_index(f"ix_flights_by_{name}", "flights", [nulls_last(column, descending=False), "id"])
        op.create_index(f"ix_flights_by_{name}_desc", "flights", [nulls_last(column, descending=True), "id"])
    for name in ("carrier_code", "origin_code", "destination_code", "tail_number", "status"):
        op.create_index(f"ix_flights_{name}", "flights", [name, "scheduled_departure", "id"])


def _weather() -> None:
    op.create_table(
        "weather",
        sa.Column("airport_code", code_type(), nullable=False),
        sa.Column("observed_at", Instant, nullable=False),
        sa.Column("temperature_c", sa.Double),
        sa.Column("dew_point_c", sa.Double),
        sa.Column("relative_humidity_pct", sa.Double),
        sa.Column("wind_direction_deg", sa.Double),
        sa.Column("wind_speed_kt", sa.Double),
        sa.Column("wind_gust_kt", sa.Double),
        sa.Column("precipitation_mm", sa.Double),
        sa.Column("pressure_hpa", sa.Double),
        sa.Column("visibility_km", sa.Double),
        sa.PrimaryKeyConstraint("airport_code", "observed_at", name="pk_weather"),
        sa.ForeignKeyConstraint(["airport_code"], ["airports.code"], name="fk_weather_airport_code"),
    )


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", row_id_type(), nullable=False, autoincrement=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("prefix", code_type(), nullable=False),
        sa.Column("hash", sa.String, nullable=False),
        sa.Column("scopes", sa.String, nullable=False),
        sa.Column("created_at", Instant, server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", Instant),
        sa.Column("last_used_at", Instant),
        sa.Column("revoked_at", Instant),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("prefix", name="uq_api_keys_prefix"),
        sqlite_autoincrement=True,
    )


def _predictions() -> None:
    op.create_table(
        "predictions",
        sa.Column("id", row_id_type(), nullable=False, autoincrement=True),
        sa.Column("predicted_at", Instant, server_default=sa.func.now(), nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("basis", sa.String, nullable=False),
        sa.Column("carrier_code", sa.String, nullable=False),
        sa.Column("origin_code", sa.String, nullable=False),
        sa.Column("destination_code", sa.String, nullable=False),
        sa.Column("scheduled_departure", Instant, nullable=False),
        sa.Column("probability_delayed", sa.Double, nullable=False),
        sa.Column("probability_never_arrives", sa.Double, nullable=False),
        sa.Column("delay_p10_minutes", sa.Double, nullable=False),
        sa.Column("delay_p50_minutes", sa.Double, nullable=False),
        sa.Column("delay_p90_minutes", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_predictions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_predictions_predicted_at", "predictions", ["predicted_at"])
