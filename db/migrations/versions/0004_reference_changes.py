"""Every write to airlines, airports or aircraft is announced on PostgreSQL, whoever makes it."""

from collections.abc import Sequence

from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_TABLES = ("airlines", "airports", "aircraft")
# Or replace: a dump of before, restored over a database of now, leaves the function there.
_FUNCTION = """CREATE OR REPLACE FUNCTION m7b0_reference_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('m7b0_reference_changes', TG_TABLE_NAME);
    RETURN NULL;
END $$"""


def upgrade() -> None:
    # On SQLite every connection sees by itself that another has committed.
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(_FUNCTION)
    for table in _TABLES:
        op.execute(
            f"CREATE TRIGGER m7b0_{table}_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION m7b0_reference_changed()"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION m7b0_reference_changed() CASCADE")
