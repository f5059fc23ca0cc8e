"""Writing many rows of any table: what exists is changed, what does not is added, what cannot be is left out."""

from collections.abc import Sequence
from typing import Any

from db.faults import Fault, Values
from db.writes.answers import Outcome, Upserted, UpsertedRow
from db.writes.rows import Decision, carry_out, judge, merged, referred, rows_with, trimmed
from db.writes.tables import Written
from db.writes.writer import Writing


async def upsert(writing: Writing, written: Written, given: Sequence[Values]) -> Upserted:
    """Write the rows together. Each holds columns of the table, its key among them.

    Columns left out of a row that exists stay as they are. Of rows with one key the first sound one counts; a later one
    is rejected.
    """
    rows = [trimmed(row) for row in given]
    keys = [written.key_of(row) for row in rows]
    existing = await rows_with(writing, written, set(keys))
    found = await referred(
        writing, written, [merged(written, existing.get(key), row) for key, row in zip(keys, rows, strict=True)]
    )
    decisions = []
    taken: dict[tuple[Any, ...], int] = {}
    for index, (key, row) in enumerate(zip(keys, rows, strict=True)):
        decision = judge(written, existing.get(key), row, found)
        if not decision.faults and key in taken:
            repeated = Fault((), f"Row {taken[key]} has the same {', '.join(_words(written))}.")
            decision = Decision(decision.before, decision.after, (repeated,))
        if not decision.faults:
            taken[key] = index
        decisions.append(decision)
    now = await carry_out(writing, written, decisions, found)
    return Upserted(tuple(_told(written, each, row) for each, row in zip(decisions, now, strict=True)))


def _words(written: Written) -> list[str]:
    return [column.replace("_code", "").replace("_", " ") for column in written.rules.key]


def _told(written: Written, decision: Decision, row: Values | None) -> UpsertedRow:
    if row is None:
        return UpsertedRow(Outcome.REJECTED, faults=decision.faults)
    changed = Outcome.UPDATED if decision.is_change else Outcome.UNCHANGED
    key = [row[column.name] for column in written.table.primary_key]
    return UpsertedRow(Outcome.CREATED if decision.is_new else changed, key[0] if len(key) == 1 else None)
