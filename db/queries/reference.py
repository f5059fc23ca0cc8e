"""Lists of airlines and airports."""

from collections.abc import Collection, Sequence

from sqlalchemy import case, func, or_, select

from db.engine import Database, Row
from db.queries.rows import selectable
from db.tables import Aircraft, Airline, Airport, Base


async def all_airlines(database: Database, columns: Collection[str]) -> Sequence[Row]:
    """Every airline, by code.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    table = Base.metadata.tables[Airline.__tablename__]
    return await database.fetch("airlines", select(*selectable(table, {"code", *columns})).order_by(table.c.code))


async def find_airports(
    database: Database, *, codes: Collection[str] | None, search: str | None, limit: int, columns: Collection[str]
) -> Sequence[Row]:
    """Airports with one of the codes and with the searched text in their code or name, whatever its case.

    An airport whose code is the searched text comes first, then names that begin with it, then the rest, by code.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    table = Base.metadata.tables[Airport.__tablename__]
    statement = select(*selectable(table, {"code", *columns})).limit(limit)
    if codes is not None:
        statement = statement.where(table.c.code.in_(list(codes)))
    if search is not None:
        text, name = search.lower(), func.lower(table.c.name)
        code = func.lower(table.c.code)
        statement = statement.where(or_(code == text, name.contains(text, autoescape=True))).order_by(
            case((code == text, 0), (name.startswith(text, autoescape=True), 1), else_=2)
        )
    return await database.fetch("airports", statement.order_by(table.c.code))


async def known_codes(database: Database) -> dict[str, set[str]]:
    """The codes that rows of other tables may refer to, by table.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    keys = {"airlines": Airline.code, "airports": Airport.code, "aircraft": Aircraft.tail_number}
    return {
        table: {str(value) for (value,) in await database.fetch("known_codes", select(column))}
        for table, column in keys.items()
    }
