"""What must be true of the data, counted in the database."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select

from db.engine import Database, index_names
from db.migrate import current, head
from db.rules import TIMES_OF_STATUS
from db.tables import Airport, Base, Flight, Load

COUNTED = ("airlines", "airports", "aircraft", "flights", "weather")


@dataclass(frozen=True, slots=True)
class Invariant:
    """A statement about the data, and the number of rows (or objects) that break it."""

    statement: str
    violations: int

    @property
    def holds(self) -> bool:
        return self.violations == 0


@dataclass(frozen=True, slots=True)
class CheckReport:
    counts: Mapping[str, int]
    statuses: Mapping[str, int]
    invariants: tuple[Invariant, ...]

    @property
    def ok(self) -> bool:
        return all(invariant.holds for invariant in self.invariants)


async def check(database: Database) -> CheckReport:
    """Count the rows and verify every invariant.

    Raises:
        DatabaseUnavailableError: the database cannot be reached.
    """
    revision = await current(database)
    if revision != head():
        found = f"the schema is at migration {revision or 'none'}, the code at {head()}: run `python -m db upgrade`"
        return CheckReport({}, {}, (Invariant(found, 1),))
    counts = {
        table: int((await database.fetch("check", select(func.count()).select_from(Base.metadata.tables[table])))[0][0])
        for table in COUNTED
    }
    per_status = select(Flight.status, func.count().label("flights")).group_by(Flight.status).order_by(Flight.status)
    statuses = {row.status: row.flights for row in await database.fetch("check", per_status)}
    keys = await _broken_foreign_keys(database)
    declared = {str(index.name) for table in Base.metadata.tables.values() for index in table.indexes}
    missing = declared - await index_names(database)
    unfinished = await database.fetch("check", select(func.count()).where(Load.finished_at.is_(None)))
    invariants = [Invariant(f"every {key} exists", count) for key, count in keys.items()]
    for statement, broken in _flight_invariants().items():
        count = await database.fetch("check", select(func.count()).select_from(Flight).where(broken))
        invariants.append(Invariant(statement, int(count[0][0])))
    hint = "; the same `python -m db seed` again makes up for it" if missing or unfinished[0][0] else ""
    invariants.append(Invariant(f"every index of the schema is there{hint}", len(missing)))
    invariants.append(Invariant(f"every file was loaded to its end{hint}", int(unfinished[0][0])))
    return CheckReport(counts, statuses, tuple(invariants))


async def _broken_foreign_keys(database: Database) -> dict[str, int]:
    """Rows by foreign key whose target is missing, counted in the data, whatever the database enforces."""
    found: dict[str, int] = {}
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            child, parent = key.parent, key.column.table.alias()
            target = parent.c[key.column.name]
            orphans = select(func.count()).select_from(table.outerjoin(parent, target == child))
            count = await database.fetch("check", orphans.where(child.is_not(None), target.is_(None)))
            found[f"{child} → {key.column}"] = int(count[0][0])
    return dict(sorted(found.items()))


def _flight_invariants() -> dict[str, ColumnElement[bool]]:
    """The condition that a row breaking each invariant meets."""
    return {
        "a flight arrives after it departs": or_(
            Flight.scheduled_arrival <= Flight.scheduled_departure, Flight.actual_arrival <= Flight.actual_departure
        ),
        "a flight has a departure delay exactly when it departed": Flight.actual_departure.is_(None)
        != Flight.departure_delay_minutes.is_(None),
        "a flight has the actual times that its status says": or_(*_times_that_status_denies()),
        "a landed flight has an arrival delay where its arrival was scheduled": and_(
            Flight.status == "LANDED", Flight.scheduled_arrival.is_not(None), Flight.arrival_delay_minutes.is_(None)
        ),
        "a diverted flight has no arrival delay": and_(
            Flight.status == "DIVERTED", Flight.arrival_delay_minutes.is_not(None)
        ),
        "a flight has a local clock exactly when its origin has a time zone": Flight.local_date.is_(None)
        != Flight.origin_code.in_(select(Airport.code).where(Airport.timezone.is_(None))),
    }


def _times_that_status_denies() -> Iterator[ColumnElement[bool]]:
    for status, times in TIMES_OF_STATUS.items():
        for name, present in times.items():
            column = Flight.__table__.c[name]
            yield and_(Flight.status == status, column.is_(None) if present else column.is_not(None))
