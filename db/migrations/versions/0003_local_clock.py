"""The local clock of every flight's departure, and the indexes that statistics are read from."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from db.dialects import code_type
from db.local_clock import refresh_local_clocks

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_DELAYS = ["arrival_delay_minutes", "departure_delay_minutes"]
_INDEXES = {
    "route": ["origin_code", "destination_code", "carrier_code", "status", "local_hour", "local_weekday", *_DELAYS],
    "day": ["local_date", "origin_code", "destination_code", "status", *_DELAYS, "local_hour"],
    "carrier": ["carrier_code", "local_date", "status", *_DELAYS],
    "aircraft": ["tail_number", "status", *_DELAYS, "local_date"],
}


def upgrade() -> None:
    op.add_column("flights", sa.Column("local_date", code_type()))
    op.add_column("flights", sa.Column("local_hour", sa.Integer))
    op.add_column("flights", sa.Column("local_weekday", sa.Integer))
    refresh_local_clocks(op.get_bind())
    for name, columns in _INDEXES.items():
        op.create_index(f"ix_flights_grouped_by_{name}", "flights", columns)
    op.execute("ANALYZE")


def downgrade() -> None:
    for name in _INDEXES:
        op.drop_index(f"ix_flights_grouped_by_{name}", "flights")
    for column in ("local_weekday", "local_hour", "local_date"):
        op.drop_column("flights", column)
