"""What is kept in memory of the reference tables, and for how long."""

from sqlalchemy import text

from db.engine import Database
from db.reference import KEPT_SECONDS, Reference
from db.writes.changes import Change, ChangeKind


async def names(database: Database, code: str, name: str) -> None:
    """Another process's write: nobody here is told of it."""
    async with database.transaction() as connection:
        await connection.execute(
            text("INSERT INTO airlines (code, name) VALUES (:code, :name)"), {"code": code, "name": name}
        )


async def test_a_row_is_read_once_a_second_and_what_does_not_exist_each_time(small_database: Database) -> None:
    now = 100.0
    reference = Reference(small_database, monotonic=lambda: now)
    statements: list[str] = []
    small_database.observe = lambda name, _: statements.append(name)
    for _ in range(3):
        assert list(await reference.rows("airlines", {"UA"})) == ["UA"]
    assert statements == ["airlines_by_key"]
    assert await reference.rows("airlines", {"Q1"}) == {}
    await names(small_database, "Q1", "Another")
    assert list(await reference.rows("airlines", {"Q1"})) == ["Q1"]
    now += KEPT_SECONDS
    statements.clear()
    assert set(await reference.rows("airlines", {"UA", "Q1"})) == {"UA", "Q1"}
    assert statements == ["airlines_by_key"]


async def test_what_another_process_deletes_is_gone_after_a_second_and_at_once_what_this_one_deletes(
    small_database: Database,
) -> None:
    now = 100.0
    reference = Reference(small_database, monotonic=lambda: now)
    for own in (False, True):
        await names(small_database, "Q1", "Another")
        assert list(await reference.rows("airlines", {"Q1"})) == ["Q1"]
        async with small_database.transaction() as connection:
            await connection.execute(text("DELETE FROM airlines WHERE code = 'Q1'"))
        if own:
            reference.committed([Change("airlines", ChangeKind.DELETED, {"code": "Q1"}, None)])
        else:
            assert list(await reference.rows("airlines", {"Q1"})) == ["Q1"]
            now += KEPT_SECONDS
        assert await reference.rows("airlines", {"Q1"}) == {}
