"""The orders of flights, and the keyset comparisons that continue a page after (or before) a row."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import BigInteger, ColumnElement, and_, or_, tuple_
from sqlalchemy.types import TypeEngine

from db.engine import MISSING_LAST, nulls_last
from db.tables import Flight

KeyValue: TypeAlias = int | datetime | None
_COLUMNS = {
    "SCHEDULED_DEPARTURE": "scheduled_departure",
    "DEPARTURE_DELAY": "departure_delay_minutes",
    "ARRIVAL_DELAY": "arrival_delay_minutes",
    "DISTANCE": "distance_miles",
    "FLIGHT_NUMBER": "flight_number",
}


class Term(NamedTuple):
    """One field of an order. Missing values come last in both directions."""

    field: str
    descending: bool

    @property
    def column(self) -> str:
        return _COLUMNS[self.field]


class Order(NamedTuple):
    """A total order of flights: the terms, then the row id in the direction of the last term."""

    terms: tuple[Term, ...]

    @classmethod
    def by(cls, terms: Sequence[Term]) -> "Order":
        """Without terms by scheduled departure; of a field that is named twice the first counts."""
        unique = {term.field: term for term in reversed(terms)}
        ordered = [term for index, term in enumerate(terms) if unique[term.field] is term and term not in terms[:index]]
        return cls(tuple(ordered) or (Term("SCHEDULED_DEPARTURE", descending=False),))

    @property
    def signature(self) -> str:
        """A text that is the same for the same order, written into cursors."""
        return ",".join(f"{'-' if term.descending else ''}{term.field}" for term in self.terms)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose values place a row in this order, beside the row id."""
        return tuple(term.column for term in self.terms)

    def clauses(self, *, reverse: bool = False, of: Any = Flight.__table__.c) -> list[ColumnElement[Any]]:
        """ORDER BY, or the exact reverse of it; `of` are the columns of the flights, or of a subquery of them."""
        return [key.desc() if descending != reverse else key.asc() for key, descending in self._keys(of)]

    def place(self, values: Sequence[KeyValue], row_id: int) -> list[Any]:
        """What the sort keys of a row are compared with: a number in place of each missing value, and the row id."""
        known = (
            MISSING_LAST[term.descending] if value is None else value
            for term, value in zip(self.terms, values, strict=True)
        )
        return [*known, row_id]

    @property
    def place_types(self) -> list[TypeEngine[Any]]:
        """The types of what `place` gives."""
        return [*map(_key_type, self.terms), Flight.__table__.c.id.type]

    def beyond(
        self, places: Sequence[ColumnElement[Any]], *, before: bool, inclusive: bool = False
    ) -> ColumnElement[bool]:
        """Rows after (or before) a place, as `place` gives it; the row itself need not exist any more."""
        keys = self._keys()
        downward = [descending != before for _, descending in keys]
        expressions = [key for key, _ in keys]
        if len(set(downward)) > 1:
            return _lexicographic(expressions, places, downward, inclusive=inclusive)
        row, place = tuple_(*expressions), tuple_(*places)
        if inclusive:
            compared = row <= place if downward[0] else row >= place
        else:
            compared = row < place if downward[0] else row > place
        # SQLite searches an index on an expression for a plain comparison alone, not for one of rows.
        return and_(_bound(expressions[0], places[0], downward[0]), compared)

    def _keys(self, of: Any = Flight.__table__.c) -> list[tuple[ColumnElement[Any], bool]]:
        """The sort keys with their directions: never null, so that they can be compared."""
        keys: list[tuple[ColumnElement[Any], bool]] = []
        for term in self.terms:
            column = Flight.__table__.c[term.column]
            key = nulls_last(of[term.column], descending=term.descending) if column.nullable else of[term.column]
            keys.append((key, term.descending))
        return [*keys, (of.id, self.terms[-1].descending)]


def _key_type(term: Term) -> TypeEngine[Any]:
    """The type of a term's key, which is wider than its column where a missing value has a number."""
    column = Flight.__table__.c[term.column]
    return BigInteger() if column.nullable else column.type


def _lexicographic(
    keys: Sequence[ColumnElement[Any]], places: Sequence[Any], downward: Sequence[bool], *, inclusive: bool
) -> ColumnElement[bool]:
    """A comparison of rows whose keys run in different directions, with a plain bound on the first for the index."""
    alternatives = []
    for index, (key, place, down) in enumerate(zip(keys, places, downward, strict=True)):
        equal = [earlier == at for earlier, at in zip(keys[:index], places[:index], strict=True)]
        last = inclusive and index == len(keys) - 1
        if down:
            alternatives.append(and_(*equal, key <= place if last else key < place))
        else:
            alternatives.append(and_(*equal, key >= place if last else key > place))
    return and_(_bound(keys[0], places[0], downward[0]), or_(*alternatives))


def _bound(key: ColumnElement[Any], place: Any, downward: bool) -> ColumnElement[bool]:
    bound: ColumnElement[bool] = key <= place if downward else key >= place
    return bound
