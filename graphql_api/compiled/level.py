"""The objects of one list, while those of their fields are resolved that are not only read."""

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from graphql import get_nullable_type, is_list_type, is_non_null_type
from graphql.pyutils import Path

from graphql_api.compiled.records import Layout, Record
from graphql_api.compiled.run import Run, gathered, is_awaitable
from graphql_api.compiled.selection import Field
from graphql_api.compiled.straight import code_of

if TYPE_CHECKING:
    from graphql_api.compiled.fields import Executing

Result: TypeAlias = dict[str, Any]


class Level:
    """The objects of the response's list, at first with what was read alone.

    Args:
        field: where the list comes from.
        results: the objects, which are filled in.
        sources: what each is made of.
        path: that of the list.
        run: the execution.
        non_null: whether none of the objects may be null.
    """

    def __init__(
        self, field: Field, results: list[Result], sources: Sequence[Any], path: Path, run: Run, *, non_null: bool
    ) -> None:
        self.results, self.failed = results, dict[int, Exception]()
        """By the place of an object: the error of a field of it that cannot be null."""
        self.waiting: list[Awaitable[None]] = []
        self._field, self._sources, self._path, self._run, self._non_null = field, sources, path, run, non_null

    def path(self, index: int, key: str, type_name: str) -> Path:
        """Where a field of an object is."""
        return Path(Path(self._path, index, None), key, type_name)

    async def place(self, index: int, key: str, value: Awaitable[Any]) -> None:
        """Fill in the value of a field when it is there."""
        try:
            self.results[index][key] = await value
        except Exception as error:  # noqa: BLE001
            self.failed.setdefault(index, error)

    async def resolve(self, executing: "Executing", field: Field, type_name: str) -> None:
        """Resolve a field for all objects at once, and fill in what comes of it."""
        first = self.path(0, field.key, type_name)
        answer, complete = executing.batch(field)
        try:
            values, info = await answer(self._sources, first, self._run)
        except Exception as error:  # noqa: BLE001 — it is the error of each.
            values, info = [error] * len(self._sources), executing.inform(self._run, field, first)
        read = _read_alone(field, values)
        if read is not None:
            for result, each in zip(self.results, read, strict=True):
                result[field.key] = each
            return
        waiting = []
        for index, value in enumerate(values):
            path = self.path(index, field.key, type_name)
            try:
                completed = complete(value, path, self._run, info)
            except Exception as error:  # noqa: BLE001
                self._fail(index, field, path, error)
                continue
            if is_awaitable(completed):
                waiting.append(self._complete(index, field, path, completed))
            else:
                self.results[index][field.key] = completed
        if waiting:
            await gathered(waiting)

    async def finish_later(self) -> list[Result | None]:
        """As `finish`, when everything is there that is waited for."""
        await gathered(self.waiting)
        return self.finish()

    def finish(self) -> list[Result | None]:
        """The list, with null for the objects that failed.

        Raises:
            GraphQLError: one failed that cannot be null.
        """
        finished: list[Result | None] = [*self.results]
        for index in sorted(self.failed):
            path = Path(self._path, index, None)
            finished[index] = self._run.fail(self.failed[index], self._field.nodes, path, non_null=self._non_null)
        return finished

    async def _complete(self, index: int, field: Field, path: Path, completed: Awaitable[Any]) -> None:
        try:
            self.results[index][field.key] = await completed
        except Exception as error:  # noqa: BLE001
            self._fail(index, field, path, error)

    def _fail(self, index: int, field: Field, path: Path, error: Exception) -> None:
        non_null = is_non_null_type(field.type)
        try:
            self.results[index][field.key] = self._run.fail(error, field.nodes, path, non_null=non_null)
        except Exception as located:  # noqa: BLE001
            self.failed.setdefault(index, located)


def _read_alone(field: Field, values: Sequence[Any]) -> list[Result] | None:
    """The response's objects for records of one layout that only need to be read; None for all else."""
    first = values[0]
    if first.__class__ is not Record or is_list_type(get_nullable_type(field.type)):
        return None
    layout: Layout = first.layout
    selection = field.selections.get(layout.type_name)
    if selection is None or any(each.__class__ is not Record or each.layout is not layout for each in values):
        return None
    code = code_of(selection, layout)
    if code is None or code.rest:
        return None
    try:
        return code.many([each.row for each in values])
    except Exception:  # noqa: BLE001 — whatever it is, the careful way finds it again and tells it.
        return None
