"""Lists of airlines and airports."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

from sqlalchemy import ColumnElement, Select, String, case, func, literal_column, or_, select

from db.dialects import is_one_of
from db.engine import Database
from db.prepared import SHAPES_MAX, Prepared, place, prepared
from db.reader import RawRow
from db.tables import Aircraft, Airline, Airport, Base

_AIRPORTS = Base.metadata.tables[Airport.__tablename__]


async def all_airlines(database: Database, columns: tuple[str, ...]) -> Sequence[RawRow]:
    """Every airline, by code, with its `columns` in their order.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    return await database.rows("airlines", _airlines_statement(database.dialect, columns), ())


@lru_cache(SHAPES_MAX)
def _airlines_statement(dialect: str, columns: tuple[str, ...]) -> Prepared:
    table = Base.metadata.tables[Airline.__tablename__]
    return prepared(select(*(table.c[name] for name in columns)).order_by(table.c.code), dialect, 0)


async def find_airports(
    database: Database, *, codes: Collection[str] | None, search: str | None, limit: int, columns: tuple[str, ...]
) -> Sequence[RawRow]:
    """Airports with one of the codes and with the searched text in their code or name, whatever its case.

    An airport whose code is the searched text comes first, then names that begin with it, then the rest, by code. Each
    row has the `columns` in their order.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    values: list[Any] = []
    if codes is not None:
        values.append(list(codes))
    if search is not None:
        text = search.lower()
        beginning = text.replace("/", "//").replace("%", "/%").replace("_", "/_") + "%"
        values += (text, beginning, "%" + beginning)
    statement = _airports_statement(database.dialect, codes is not None, search is not None, limit, columns)
    return await database.rows("airports", statement, values)


@lru_cache(SHAPES_MAX)
def _airports_statement(dialect: str, codes: bool, search: bool, limit: int, columns: tuple[str, ...]) -> Prepared:
    positions = count()
    statement: Select[Any] = select(*(_AIRPORTS.c[name] for name in columns))
    if codes:
        code: ColumnElement[Any] = _AIRPORTS.c.code
        statement = statement.where(is_one_of(dialect, code, place(next(positions)), code.type))
    if search:
        text, beginning, within = (place(next(positions), String()) for _ in range(3))
        code, name = func.lower(_AIRPORTS.c.code), func.lower(_AIRPORTS.c.name)
        statement = statement.where(or_(code == text, name.like(within, escape="/"))).order_by(
            case((code == text, 0), (name.like(beginning, escape="/"), 1), else_=2)
        )
    number: ColumnElement[int] = literal_column(str(limit))
    return prepared(statement.order_by(_AIRPORTS.c.code).limit(number), dialect, next(positions))


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
