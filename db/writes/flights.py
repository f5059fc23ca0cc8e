"""Writing one flight."""

from sqlalchemy import delete, select

from db.faults import Values
from db.writes.answers import AlreadyExists, Created, Deleted, Invalid, NotFound, Updated, VersionConflict
from db.writes.changes import Change, ChangeKind
from db.writes.rows import Decision, Found, carry_out, judge, merged, referred, rows_with, trimmed, values_of
from db.writes.tables import WRITTEN
from db.writes.writer import Writing

_FLIGHTS = WRITTEN["flights"]


async def create_flight(writing: Writing, given: Values) -> Created | AlreadyExists | Invalid:
    """Add a flight. `given` holds columns of the table, its key among them; delays follow from the times."""
    given = trimmed(given)
    row = merged(_FLIGHTS, None, given)
    key = _FLIGHTS.key_of(row)
    existing = await rows_with(writing, _FLIGHTS, [key])
    found = await referred(writing, _FLIGHTS, [row])
    decision = judge(_FLIGHTS, None, given, found)
    if decision.faults:
        return Invalid(decision.faults)
    if key in existing:
        return AlreadyExists(existing[key])
    return Created(await _carried_out(writing, decision, found))


async def update_flight(
    writing: Writing, row_id: int, expected_version: int, patch: Values
) -> Updated | NotFound | VersionConflict | Invalid:
    """Change the columns of `patch`, where the flight is as the client knows it. No change is no new version."""
    before = await _locked(writing, row_id)
    if before is None:
        return NotFound()
    if before["version"] != expected_version:
        return VersionConflict(before)
    given = trimmed(patch)
    found = await referred(writing, _FLIGHTS, [merged(_FLIGHTS, before, given)])
    decision = judge(_FLIGHTS, before, given, found)
    if decision.faults:
        return Invalid(decision.faults)
    return Updated(await _carried_out(writing, decision, found))


async def delete_flight(writing: Writing, row_id: int, expected_version: int) -> Deleted | NotFound | VersionConflict:
    """Delete the flight, where it is as the client knows it."""
    before = await _locked(writing, row_id)
    if before is None:
        return NotFound()
    if before["version"] != expected_version:
        return VersionConflict(before)
    table = _FLIGHTS.table
    await writing.execute("flights_delete", delete(table).where(table.c.id == row_id))
    writing.changes.append(Change(table.name, ChangeKind.DELETED, before, None))
    return Deleted()


async def _locked(writing: Writing, row_id: int) -> Values | None:
    table = _FLIGHTS.table
    statement = select(table).where(table.c.id == row_id).with_for_update()
    rows = await writing.fetch("flights_to_write", statement)
    return values_of(rows[0]) if rows else None


async def _carried_out(writing: Writing, decision: Decision, found: Found) -> Values:
    (row,) = await carry_out(writing, _FLIGHTS, [decision], found)
    if row is None:
        raise ValueError("a rejected row was to be written")
    return row
