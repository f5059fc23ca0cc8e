"""Rows that a newer file gives otherwise than the database has them."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Table, and_, func, or_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.dialects import given_rows
from db.engine import rows_changed

_ROWS_IN_A_STATEMENT = 5_000


async def correct_rows(
    connection: AsyncConnection, table: Table, key: Sequence[str], columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> int:
    """Replace the rows that exist by those of `rows` with the same key where they differ; returns how many did.

    A replaced row has the next `version`, so that a client who read it before learns of the change when it writes.
    """
    given = list(rows)
    changed = 0
    for start in range(0, len(given), _ROWS_IN_A_STATEMENT):
        types = {name: table.c[name].type for name in columns}
        new = given_rows(connection.dialect.name, types, given[start : start + _ROWS_IN_A_STATEMENT])
        others = [name for name in columns if name not in key]
        statement = (
            update(table)
            .where(
                and_(*(table.c[name] == new.c[name] for name in key)),
                or_(*(table.c[name].is_distinct_from(new.c[name]) for name in others)),
            )
            .values({name: new.c[name] for name in others})
            .values(version=table.c.version + 1, updated_at=func.now())
        )
        changed += await rows_changed(connection, statement)
    return changed
