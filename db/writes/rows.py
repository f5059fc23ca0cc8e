"""The one path on which rows are written: read and locked, merged with what is given, judged, carried out.

Rows are locked in the order of their keys: first those of other tables that columns are completed from, then those that
exist, then those that are added because others refer to them, then new ones. So transactions that write the same rows
wait for each other and do not block each other.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import String, and_, bindparam, select, update

from db.dialects import given_rows, insert_or_leave
from db.engine import Row, TransactionConflictError
from db.faults import Fault, Values, faults_of, is_storable, quoted
from db.rules import RULES
from db.tables import Base
from db.writes.changes import Change, ChangeKind
from db.writes.tables import Key, Written
from db.writes.writer import Writing

Found: TypeAlias = Mapping[str, Mapping[str, Values]]
"""Rows that others refer to: by their table, then by the code that names them."""
_KINDS = {"airlines": "airline", "airports": "airport"}


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to become of a row: what it was, what it would be, and what speaks against it."""

    before: Values | None
    after: Values
    faults: tuple[Fault, ...]

    @property
    def is_new(self) -> bool:
        return self.before is None and not self.faults

    @property
    def is_change(self) -> bool:
        return self.before is not None and self.before != self.after and not self.faults


def trimmed(given: Values) -> dict[str, Any]:
    """What a client gave, without blanks around its texts."""
    return {column: value.strip() if isinstance(value, str) else value for column, value in given.items()}


def values_of(row: Row) -> Values:
    """A row that was read, as plain values."""
    return dict(row._mapping)


async def rows_with(writing: Writing, written: Written, keys: Collection[Key]) -> dict[Key, Values]:
    """The rows that have one of these keys, locked until the transaction ends."""
    table, key = written.table, written.rules.key
    types = {column: table.c[column].type for column in key}
    storable = [each for each in keys if all(is_storable(part) for part in each if isinstance(part, str))]
    if not storable:
        return {}
    if written.hold is not None:
        await writing.execute(f"{table.name}_hold", written.hold(storable))
    given = given_rows(
        writing.dialect,
        {column: String() if isinstance(kind, String) else kind for column, kind in types.items()},
        storable,
    )
    statement = (
        select(table)
        .join_from(given, table, and_(*(given.c[column] == table.c[column] for column in key)))
        .order_by(*(table.c[column] for column in key))
        .with_for_update(of=table, key_share=True)
    )
    rows = map(values_of, await writing.fetch(f"{table.name}_to_write", statement))
    return {written.key_of(row): row for row in rows}


def merged(written: Written, before: Values | None, given: Values) -> dict[str, Any]:
    """The row with what is given: what was left out stays as it is, and is missing from a new row."""
    return {**(dict.fromkeys(written.columns) if before is None else before), **given}


async def referred(writing: Writing, written: Written, rows: Collection[Values]) -> Found:
    """The rows that these refer to."""
    codes: dict[str, set[str]] = {}
    for column, target in written.rules.references.items():
        given = {row[column] for row in rows if row[column] is not None}
        codes.setdefault(target, set()).update(filter(is_storable, given))
    found = {}
    for target, wanted in codes.items():
        table, key = Base.metadata.tables[target], RULES[target].key[0]
        statement = select(table).where(table.c[key].in_(sorted(wanted)))
        rows_of_target = await writing.fetch(f"{target}_referred", statement) if wanted else []
        found[target] = {row[key]: row for row in map(values_of, rows_of_target)}
    return found


def judge(written: Written, before: Values | None, given: Values, found: Found) -> Decision:
    """What becomes of a row with what is given, as a whole."""
    row = merged(written, before, given)
    references = written.rules.references
    after = written.complete(row, {column: found[target].get(row[column]) for column, target in references.items()})
    faults = [*_cleared(written, before, given), *_unknown(written, after, found), *faults_of(written.name, after)]
    return Decision(before, after, tuple(faults))


def _cleared(written: Written, before: Values | None, given: Values) -> Iterator[Fault]:
    """What every row has cannot be taken away, not even where it would follow from other values of a new row."""
    for column in written.rules.required:
        if before is not None and column in given and given[column] is None:
            yield Fault((column,), "This cannot be cleared.")


def _unknown(written: Written, row: Values, found: Found) -> Iterator[Fault]:
    for column, target in written.rules.references.items():
        code = row[column]
        if code is not None and column not in written.adds and code not in found[target]:
            yield Fault((column,), f"No {_KINDS[target]} has the code {quoted(code)}.")


async def carry_out(
    writing: Writing, written: Written, decisions: Sequence[Decision], found: Found
) -> list[Values | None]:
    """Write what was decided. Gives the rows as they are now, None where one was rejected.

    Raises:
        TransactionConflictError: another transaction inserted one of the rows meanwhile.
    """
    await _add_referred(writing, written, decisions, found)
    new = await _insert(writing, written, [decision.after for decision in decisions if decision.is_new])
    changed = await _update(writing, written, [decision for decision in decisions if decision.is_change])
    rows: list[Values | None] = []
    for decision in decisions:
        key = written.key_of(decision.after)
        rows.append(None if decision.faults else new.get(key) or changed.get(key) or decision.before)
    return rows


async def _add_referred(writing: Writing, written: Written, decisions: Sequence[Decision], found: Found) -> None:
    """A row with nothing but its key for each code that a row names and none has, where the table is written so."""
    for column in sorted(written.adds):
        target = written.rules.references[column]
        table, key = Base.metadata.tables[target], RULES[target].key[0]
        named = {decision.after[column] for decision in decisions if decision.is_new or decision.is_change}
        rows = [dict.fromkeys(table.c.keys()) | {key: code} for code in sorted(named - {None} - found[target].keys())]
        if rows:
            # Who inserted the same row meanwhile has committed it by then: it need not be this transaction.
            statement = insert_or_leave(writing.dialect, table).returning(table)
            added = await writing.fetch(f"{target}_add", statement, rows)
            writing.changes += [Change(target, ChangeKind.CREATED, None, values_of(row)) for row in added]


async def _insert(writing: Writing, written: Written, rows: Sequence[Values]) -> dict[Key, Values]:
    table = written.table
    stamp = {"version": 1, "created_at": writing.now, "updated_at": writing.now}
    stamped = [{**row, **{name: value for name, value in stamp.items() if name in table.c}} for row in rows]
    stamped.sort(key=written.key_of)
    if not stamped:
        return {}
    statement = insert_or_leave(writing.dialect, table).returning(table)
    inserted = await writing.fetch(f"{table.name}_insert", statement, stamped)
    if len(inserted) < len(stamped):
        raise TransactionConflictError("another transaction inserted a row with the same key")
    new = {written.key_of(row): row for row in map(values_of, inserted)}
    writing.changes += [Change(table.name, ChangeKind.CREATED, None, row) for row in new.values()]
    return new


async def _update(writing: Writing, written: Written, decisions: Sequence[Decision]) -> dict[Key, Values]:
    """Change rows that this transaction has locked."""
    table = written.table
    changes = []
    for decision in decisions:
        before, after = decision.before or {}, dict(decision.after)
        if "version" in before:
            # A clock that was put back does not make a change older than the one before it.
            after |= {"version": before["version"] + 1, "updated_at": max(writing.now, before["updated_at"])}
        changes.append(Change(table.name, ChangeKind.UPDATED, before, after))
    rows = [(change.before or {}, change.after or {}) for change in changes]
    columns = sorted({column for before, after in rows for column in after if before[column] != after[column]})
    if changes:
        statement = (
            update(table)
            .where(*(column == bindparam(f"at_{column.name}") for column in table.primary_key))
            .values({column: bindparam(f"to_{column}") for column in columns})
        )
        parameters = [
            {f"at_{column.name}": before[column.name] for column in table.primary_key}
            | {f"to_{column}": after[column] for column in columns}
            for before, after in rows
        ]
        await writing.execute(f"{table.name}_update", statement, parameters)
        if written.follow is not None:
            await written.follow(writing, changes)
    writing.changes += changes
    return {written.key_of(after): after for _, after in rows}
