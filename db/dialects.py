"""What SQLite and PostgreSQL write differently in a statement."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy
from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    ColumnElement,
    DateTime,
    Dialect,
    Float,
    FromClause,
    Integer,
    Select,
    String,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

MISSING_LAST = (1 << 40, -(1 << 40))
"""What a missing value counts as in ascending and in descending order: beyond every 32-bit integer."""


class Instant(TypeDecorator[datetime]):
    """An instant: `timestamptz` on PostgreSQL; on SQLite UTC as text, which sorts and compares as time does."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return instant_text(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return stored_instant(value)


def instant_text(value: datetime) -> str:
    """The text SQLite stores for an instant: `2013-01-01 10:15:00`, with six decimals only where they are not zero."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")


def stored_instant(text: str) -> datetime:
    """The instant of a text that SQLite stores."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def rfc3339(text: str) -> str:
    """A text that SQLite stores for an instant, as RFC 3339 writes it."""
    return f"{text[:10]}T{text[11:]}Z"


def code_type() -> String:
    """Text that sorts and compares byte by byte on both databases, as SQLite's does by default."""
    return String().with_variant(String(collation="C"), "postgresql")


def row_id_type() -> TypeEngine[int]:
    return BigInteger().with_variant(Integer, "sqlite")


def nulls_last(column: ColumnElement[Any], *, descending: bool) -> ColumnElement[Any]:
    """A key that is never null and sorts missing values last, whichever way it is read.

    One expression per direction, so that an index on it serves the order, the cursor's comparison and a filter's range
    on both databases, where `NULLS LAST` and a nullable cursor column would each need a plan of their own.
    """
    return func.coalesce(column, literal_column(str(MISSING_LAST[descending])))


def is_one_of(
    dialect: str, of: ColumnElement[Any], values: BindParameter[Any], type_: TypeEngine[Any]
) -> ColumnElement[bool]:
    """Whether it is among the values of a list, which is one parameter, however long it is."""
    if dialect == "sqlite":
        return of.in_(select(func.json_each(values).table_valued("value").c.value))
    # A type with a collation cannot be that of an array's items.
    item = Text() if isinstance(type_, String) else type_
    return of == any_(cast(values, postgresql.ARRAY(item)))


def numbered(values: BindParameter[Any]) -> FromClause:
    """The texts of a list, which is one parameter, as `value`, with their number in it from 1. Of PostgreSQL alone."""
    texts = func.unnest(cast(values, postgresql.ARRAY(Text)))
    return texts.table_valued("value", with_ordinality="number").render_derived(name="given")


class _MinutesBetween(FunctionElement[float]):
    name = "minutes_between"
    type = Float()
    inherit_cache = True


@compiles(_MinutesBetween, "sqlite")
def _minutes_between_sqlite(element: _MinutesBetween, compiler: SQLCompiler, **options: Any) -> str:
    earlier, later = (compiler.process(instant, **options) for instant in element.clauses)
    # A Julian day is a fraction of whole milliseconds; rounding gives them back as they were.
    return f"round((julianday({later}) - julianday({earlier})) * 86400000) / 60000.0"


@compiles(_MinutesBetween, "postgresql")
def _minutes_between_postgresql(element: _MinutesBetween, compiler: SQLCompiler, **options: Any) -> str:
    earlier, later = (compiler.process(instant, **options) for instant in element.clauses)
    return f"CAST(extract(epoch FROM {later} - {earlier}) / 60 AS double precision)"


def minutes_between(earlier: ColumnElement[Any], later: ColumnElement[Any]) -> ColumnElement[float]:
    """Minutes from one instant to another, to the millisecond; negative where the first is the later one."""
    return _MinutesBetween(earlier, later)


class _Microseconds(FunctionElement[int]):
    name = "microseconds"
    type = BigInteger()
    inherit_cache = True


@compiles(_Microseconds, "sqlite")
def _microseconds_sqlite(element: _Microseconds, compiler: SQLCompiler, **options: Any) -> str:
    (instant,) = (compiler.process(each, **options) for each in element.clauses)
    # The text has six decimals or none.
    return f"unixepoch({instant}) * 1000000 + CAST(substr({instant}, 21) AS INTEGER)"


@compiles(_Microseconds, "postgresql")
def _microseconds_postgresql(element: _Microseconds, compiler: SQLCompiler, **options: Any) -> str:
    (instant,) = (compiler.process(each, **options) for each in element.clauses)
    return f"CAST(extract(epoch FROM {instant}) * 1000000 AS bigint)"


def microseconds(instant: ColumnElement[Any]) -> ColumnElement[int]:
    """An instant as the microseconds since 1970: a number, which costs less to read than an instant."""
    return _Microseconds(instant)


def for_each_given(
    dialect: str, given: FromClause, columns: Sequence[ColumnElement[Any]], table: Table, on: ColumnElement[bool]
) -> Select[Any]:
    """The rows of a table that belong to each given row, looked up through an index for each.

    PostgreSQL, which cannot know how few they are, would read the whole table for a join.
    """
    if dialect == "sqlite":
        return select(*columns).join_from(given, table, on)
    looked_up = (
        select(*columns).select_from(table).where(on).correlate(given).offset(literal_column("0")).lateral("found")
    )
    return select(*looked_up.c).join_from(given, looked_up, true())


def given_rows(dialect: str, columns: Mapping[str, TypeEngine[Any]], rows: Iterable[Sequence[Any]]) -> FromClause:
    """Rows of text, integers, instants and None as a table that a statement joins or correlates with.

    They travel as JSON in one parameter. VALUES would take a parameter for each value: neither database takes more than
    32,767, and compiling 1,000 rows of it keeps the event loop longer than the database needs to answer.
    """
    return given_table(
        dialect, columns, bindparam("given_rows", given_json(dialect, columns, rows), String, unique=True)
    )


def given_json(dialect: str, columns: Mapping[str, TypeEngine[Any]], rows: Iterable[Sequence[Any]]) -> str:
    """The value of the parameter in which given rows travel."""
    if dialect == "sqlite":
        as_lists = [[instant_text(v) if isinstance(v, datetime) else v for v in row] for row in rows]
        return orjson.dumps(as_lists).decode()
    return orjson.dumps([dict(zip(columns, row, strict=True)) for row in rows]).decode()


def given_table(dialect: str, columns: Mapping[str, TypeEngine[Any]], parameter: BindParameter[Any]) -> FromClause:
    """The table of the given rows that a parameter holds."""
    if dialect == "sqlite":
        each = func.json_each(parameter).table_valued("value", name="given_json")
        values = (
            func.json_extract(each.c.value, literal_column(f"'$[{position}]'"), type_=type_).label(name)
            for position, (name, type_) in enumerate(columns.items())
        )
        # Materialized, or each use of a column would read the JSON again.
        return select(*values).cte("given").prefix_with("MATERIALIZED")
    typed = (sqlalchemy.column(name, type_) for name, type_ in columns.items())
    return (
        func.json_to_recordset(cast(parameter, JSON)).table_valued(*typed).render_derived(name="given", with_types=True)
    )


def as_list(dialect: str, numbers: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """Several numbers as one value, since a correlated subquery has only one; `read_list` takes it apart."""
    if dialect == "sqlite":
        return func.json_array(*numbers)
    return postgresql.array([cast(number, Float) for number in numbers])


def read_list(value: Any) -> list[Any]:
    """The numbers of a value that `as_list` made, as the driver gives it."""
    return orjson.loads(value) if isinstance(value, str) else list(value or ())


def insert_or_leave(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """INSERT that leaves out a row whose key exists, after it waited for the transaction that is inserting it."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(table).on_conflict_do_nothing()
