"""The answers of writes that a client may ask for again."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from db.dialects import Instant, code_type

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("principal", code_type(), nullable=False),
        sa.Column("key", code_type(), nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("response", sa.String, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("principal", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def downgrade() -> None:
    op.drop_table("idempotency_keys")
