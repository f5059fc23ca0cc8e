"""Building indexes once over all rows instead of keeping them up row by row, which takes twice as long."""

from collections.abc import Collection

from sqlalchemy import Index, select
from sqlalchemy.schema import CreateIndex, DropIndex

from db.engine import Database, index_names, one_at_a_time
from db.tables import Base

# Two loads that begin or end at once would drop or build the same index, which IF EXISTS does not see in time.
_INDEXING = "index"


async def drop_indexes_of_empty_tables(database: Database, tables: Collection[str]) -> None:
    """Drop the indexes of those tables that have no row; primary keys and unique constraints stay."""
    for name in tables:
        table = Base.metadata.tables[name]
        if await database.fetch("table_is_empty", select(1).select_from(table).limit(1)):
            continue
        async with database.transaction() as connection:
            await one_at_a_time(connection, _INDEXING)
            for index in table.indexes:
                await connection.execute(DropIndex(index, if_exists=True))


async def create_missing_indexes(database: Database, tables: Collection[str]) -> bool:
    """Build whatever a run dropped, this one or one that was killed; False where nothing was missing."""
    present = await index_names(database)
    missing: list[Index] = [
        index for name in tables for index in Base.metadata.tables[name].indexes if index.name not in present
    ]
    for index in missing:
        async with database.transaction() as connection:
            await one_at_a_time(connection, _INDEXING)
            await connection.execute(CreateIndex(index, if_not_exists=True))
    return bool(missing)
