"""The local clock of every flight's departure, and the indexes that statistics are read from."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from db.engine import code_type
from db.local_clock import refresh_local_clocks

revision: str = "local_clock"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_INDEXES = {
    "ix_flights_grouped_by_route": [
        "origin_code",
        "destination_code",
        "carrier_code",
        "status",
        "local_hour",
        "local_weekday",
        "arrival_delay_minutes",
        "departure_delay_minutes",
    ],
    "ix_flights_grouped_by_day": [
        "local_date",
        "origin_code",
        "destination_code",
        "status",
        "arrival_delay_minutes",
        "departure_delay_minutes",
    ],
    "ix_flights_grouped_by_aircraft": ["tail_number", "status", "arrival_delay_minutes", "departure_delay_minutes"],
}


def upgrade() -> None:
    op.add_column("flights", sa.Column("local_date", code_type()))
    op.add_column("flights", sa.Column("local_hour", sa.Integer))
    op.add_column("flights", sa.Column("local_weekday", sa.Integer))
    refresh_local_clocks(op.get_bind())
    for name, columns in _INDEXES.items():
        op.create_index(name, "flights", columns)
    op.execute("ANALYZE")


def downgrade() -> None:
    for name in _INDEXES:
        op.drop_index(name, "flights")
    for name in ("local_weekday", "local_hour", "local_date"):
        op.drop_column("flights", name)
