"""Reading statements that are built once for each shape and executed many times with other values."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Dialect, Executable, bindparam
from sqlalchemy.engine import make_url
from sqlalchemy.types import TypeEngine

SHAPES_MAX = 500
"""How many shapes of a kind of statement are kept: more than clients have, fewer than somebody can think up."""
_PLACE = "value_"
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


class Prepared:
    """A statement's text as the driver takes it, and where the values go."""

    __slots__ = ("_constants", "_places", "sql")

    def __init__(self, sql: str, places: Sequence[int], constants: Sequence[Any]) -> None:
        self.sql = sql
        # Positions in the values and the constants after them; None where the values are the parameters.
        self._places = None if not constants and list(places) == list(range(len(places))) else tuple(places)
        self._constants = tuple(constants)

    def parameters(self, values: Sequence[Any]) -> Sequence[Any]:
        """The values in the order in which the driver takes them."""
        if self._places is None:
            return values
        every = (*values, *self._constants)
        return [every[place] for place in self._places]


def place(position: int, type_: TypeEngine[Any] | None = None) -> BindParameter[Any]:
    """Where the value at a position of the values goes; it may go to several places."""
    return bindparam(f"{_PLACE}{position}", type_=type_)


def prepared(statement: Executable, dialect: str, values: int) -> Prepared:
    """The statement as text. `values` is how many it takes; what it holds beside its places never changes."""
    compiled: Any = statement.compile(dialect=_dialect(dialect), compile_kwargs={"render_postcompile": True})  # type: ignore[attr-defined]  # of whatever can be executed
    constants: list[Any] = []
    places: list[int] = []
    parameters = compiled.construct_params({f"{_PLACE}{position}": None for position in range(values)})
    for name in compiled.positiontup or ():
        if name.startswith(_PLACE):
            places.append(int(name.removeprefix(_PLACE)))
        else:
            places.append(values + len(constants))
            constants.append(parameters[name])
    # Values that no place takes would be given to the driver otherwise.
    if not constants and len(set(places)) != values:
        raise ValueError("every value has a place")
    return Prepared(compiled.string, places, constants)


@cache
def _dialect(name: str) -> Dialect:
    return make_url(f"{_DRIVERS[name]}://").get_dialect()()
