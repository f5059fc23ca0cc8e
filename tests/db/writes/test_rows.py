"""The generic path: a table that is new to it takes its rules and an entry."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, PrimaryKeyConstraint, String, Table, event, select

from db.check import check
from db.engine import Database
from db.rules import RULES, Rules, Text
from db.writes.answers import Outcome
from db.writes.rows import rows_with
from db.writes.tables import WRITTEN, References, Written, complete_flight
from db.writes.upsert import upsert
from db.writes.writer import Writer
from tests.db.test_faults import rows_of
from tests.db.test_surroundings import explained
from tests.small import KEY, NEW_YORK

GATES = Table(
    "gates",
    MetaData(),
    Column("airport_code", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("terminal", String),
    PrimaryKeyConstraint("airport_code", "number"),
)
GATE_RULES = Rules(
    key=("airport_code", "number"),
    references={"airport_code": "airports"},
    texts={"terminal": Text(1, "[A-Z]", "a terminal: one capital letter")},
    ranges={"number": (1, 99)},
)


@pytest.fixture
async def gates(small_database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Written]:
    monkeypatch.setitem(RULES, "gates", GATE_RULES)
    async with small_database.transaction() as connection:
        await connection.run_sync(GATES.create)
    yield Written(GATES)
    async with small_database.transaction() as connection:
        await connection.run_sync(GATES.drop)


async def test_a_new_table_is_written_like_all_others(small_database: Database, gates: Written) -> None:
    async def write(*rows: dict[str, Any]) -> list[Outcome]:
        answer = await Writer(small_database).run(lambda writing: upsert(writing, gates, rows))
        return [row.outcome for row in answer.rows]

    sound = {"airport_code": "EWR", "number": 7, "terminal": "C"}
    unknown, faulty = {**sound, "airport_code": "XXX"}, {**sound, "terminal": "CC"}
    assert await write(faulty, sound, unknown, sound) == ["REJECTED", "CREATED", "REJECTED", "REJECTED"]
    assert await write(sound, {"airport_code": "EWR", "number": 8}) == ["UNCHANGED", "CREATED"]
    assert await write({"airport_code": "EWR", "number": 7, "terminal": None}) == ["UPDATED"]
    rows = await small_database.fetch("test", select(GATES).order_by(GATES.c.number))
    assert [tuple(row) for row in rows] == [("EWR", 7, None), ("EWR", 8, None)]


async def test_what_follows_from_the_rows_that_a_row_refers_to_is_completed(small_database: Database) -> None:
    """For new rows and changed ones, with the rows as they are."""
    seen: list[tuple[Any, Any]] = []

    def complete(row: Any, references: References) -> dict[str, Any]:
        origin, aircraft = references["origin_code"], references["tail_number"]
        assert origin is not None
        seen.append((origin["timezone"], aircraft and aircraft["model"]))
        return complete_flight(row, references)

    written = Written(WRITTEN["flights"].table, complete, WRITTEN["flights"].adds)
    flight = {**KEY, "destination_code": "LAX"}
    new = {**flight, "flight_number": 2, "origin_code": "IAH", "tail_number": "N1"}
    await Writer(small_database).run(lambda writing: upsert(writing, written, [flight, new]))
    assert seen == [(NEW_YORK, "737-824"), ("America/Chicago", None)]


async def test_whatever_clients_send_what_must_be_true_of_the_data_stays_true(small_database: Database) -> None:
    written = WRITTEN["flights"]
    delays = {delay.column for delay in written.rules.delays}
    sent = [{name: value for name, value in row.items() if name not in delays} for row in rows_of("flights", 600)]
    given = [row for row in sent if all(row[name] is not None for name in written.rules.key)]

    async def write(rows: list[dict[str, Any]]) -> set[Outcome]:
        answer = await Writer(small_database).run(lambda writing: upsert(writing, written, rows))
        return {row.outcome for row in answer.rows}

    parts = [await write(given[start : start + 50]) for start in range(0, len(given), 50)]
    assert set[Outcome]().union(*parts) == {"CREATED", "UPDATED", "UNCHANGED", "REJECTED"}
    assert [each for each in (await check(small_database)).invariants if not each.holds] == []


async def test_rows_to_write_are_found_through_the_index_of_their_key(flights_database: Database) -> None:
    made: list[tuple[str, Any]] = []

    def remember(_connection: Any, _cursor: Any, sql: str, values: Any, _context: Any, _many: bool) -> None:
        made.append((sql, values))

    engine = flights_database.engine.sync_engine
    for name, key in (
        ("flights", ("UA", 1545, "EWR", datetime(2013, 1, 1, 10, 15, tzinfo=UTC))),
        ("weather", ("EWR", datetime(2013, 1, 1, 10, tzinfo=UTC))),
    ):
        event.listen(engine, "before_cursor_execute", remember)
        found = await Writer(flights_database).run(partial(rows_with, written=WRITTEN[name], keys=[key]))
        event.remove(engine, "before_cursor_execute", remember)
        assert list(found) == [key]
        plan = await explained(flights_database, *made[-1])
        assert f"Seq Scan on {name}" not in plan
        assert f"SCAN {name}" not in plan
