"""Rows that stand for objects: what a resolver may hand to a compiled operation in place of the objects themselves.

A row is a sequence of values, as a database driver gives it. A layout says where each field of an object type lies in
it, and how an object is made of it for the resolvers of all other fields. A layout is compared by identity, and code is
made for it once: make one for each shape of rows and keep it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, TypeVar

from graphql import GraphQLResolveInfo

Row: TypeAlias = Sequence[Any]
Made = TypeVar("Made")


class Column(NamedTuple):
    """A field whose value is in the row."""

    position: int
    convert: Callable[[Any], Any] | None = None
    """Makes the field's value of the row's; it is not called with None, which is null."""
    ready: bool = False
    """Whether the value is what the response shows: it is not serialised any more."""


class Computed(NamedTuple):
    """A field whose value is made of the whole row."""

    function: Callable[[Row], Any]
    ready: bool = False
    """Whether the value is what the response shows: it is not serialised any more."""


class Nested(NamedTuple):
    """A field whose value is an object that lies in the same row."""

    layout: "Layout"
    present: int | None = None
    """A position that holds None where the object is null; None where it never is."""


class NestedList(NamedTuple):
    """A field whose value is a list of objects that lie in the same row, and is never null."""

    layout: "Layout"
    rows: Callable[[Row], Sequence[Row]]
    """Makes a row of each object."""


Reader: TypeAlias = Column | Computed | Nested | NestedList


@dataclass(frozen=True, eq=False, slots=True)
class Layout:
    """How the rows of one shape stand for objects of one type."""

    type_name: str
    """The name of an object type of the schema."""
    readers: Mapping[str, Reader]
    """By the name of a field that takes no arguments. What is not here goes through its resolver."""
    build: Callable[[Row], Any]
    """Makes the object that resolvers get as their source."""


class Record(NamedTuple):
    """A row that stands for an object."""

    row: Row
    layout: Layout


class Records(NamedTuple):
    """Rows that stand for a list of objects."""

    rows: Sequence[Row]
    layout: Layout


class CompiledResolveInfo(GraphQLResolveInfo[Any]):
    """What a resolver is told that a compiled operation calls."""

    memo: dict[Any, Any]
    """Kept with the compiled field for as long as the operation: for what depends on the document alone."""


def record(info: GraphQLResolveInfo[Any], row: Row | None, layout: Layout) -> Any:
    """One row, for a field of an object type: as it is where a compiled operation asks, else the object."""
    if row is None:
        return None
    return Record(row, layout) if isinstance(info, CompiledResolveInfo) else layout.build(row)


def records(info: GraphQLResolveInfo[Any], rows: Sequence[Row], layout: Layout) -> Any:
    """Rows, for a field that is a list of objects: as they are where a compiled operation asks, else the objects."""
    return Records(rows, layout) if isinstance(info, CompiledResolveInfo) else [layout.build(row) for row in rows]


def remembered(info: GraphQLResolveInfo[Any], key: Any, make: Callable[[], Made]) -> Made:
    """What `make` gives, made once for the field of a compiled operation, and each time for another execution.

    It may depend on the document and on the variables in @skip and @include, which are settled when an operation is
    compiled, and on nothing else.
    """
    if not isinstance(info, CompiledResolveInfo):
        return make()
    if key not in info.memo:
        info.memo[key] = make()
    made: Made = info.memo[key]
    return made
