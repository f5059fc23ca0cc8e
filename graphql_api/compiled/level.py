"""The objects of one list, while those of their fields are resolved that are not only read."""

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from graphql import GraphQLError, get_nullable_type, is_list_type, is_non_null_type
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
        results: the objects, which are filled in; null where one has failed.
        sources: what each is made of.
        path: that of the list.
        run: the execution.
        non_null: whether none of the objects may be null.
    """

    def __init__(
        self, field: Field, results: list[Result], sources: Sequence[Any], path: Path, run: Run, *, non_null: bool
    ) -> None:
        self.results: list[Result | None] = [*results]
        self._field, self._sources, self._path, self._run, self._non_null = field, sources, path, run, non_null

    def path(self, index: int) -> Path:
        """Where an object is."""
        return Path(self._path, index, None)

    def fail(self, index: int, error: Exception) -> None:
        """An object has failed: a field of it did that cannot be null.

        Raises:
            GraphQLError: the object cannot be null either.
        """
        self.results[index] = self._run.fail(error, self._field.nodes, self.path(index), non_null=self._non_null)

    async def wait(self, index: int, result: Awaitable[Any]) -> None:
        """Wait for the fields of an object."""
        try:
            await result
        except Exception as error:  # noqa: BLE001
            self.fail(index, error)

    async def resolve(self, executing: "Executing", field: Field, type_name: str) -> None:
        """Resolve a field for all objects at once, and fill in what comes of it."""
        paths = [Path(self.path(index), field.key, type_name) for index in range(len(self._sources))]
        answer, complete = executing.batch(field)
        try:
            values, info = await answer(self._sources, paths[0], self._run)
            values = [value for _, value in zip(paths, values, strict=True)]
        except Exception as error:  # noqa: BLE001 — it is the error of each.
            values, info = [error] * len(paths), executing.inform(self._run, field, paths[0])
        completed = _read_alone(field, values)
        waiting: list[Awaitable[None]] = []
        for index, value in enumerate(values if completed is None else completed):
            result = self.results[index]
            if result is None:
                continue
            if completed is not None:
                result[field.key] = value
                continue
            try:
                one = complete(value, paths[index], self._run, info)
            except Exception as error:  # noqa: BLE001
                self._fail_field(index, result, field, paths[index], error)
                continue
            if is_awaitable(one):
                waiting.append(self._wait_for_field(index, result, field, paths[index], one))
            else:
                result[field.key] = one
        if waiting:
            await gathered(waiting)

    async def _wait_for_field(
        self, index: int, result: Result, field: Field, path: Path, completed: Awaitable[Any]
    ) -> None:
        try:
            result[field.key] = await completed
        except Exception as error:  # noqa: BLE001
            self._fail_field(index, result, field, path, error)

    def _fail_field(self, index: int, result: Result, field: Field, path: Path, error: Exception) -> None:
        try:
            result[field.key] = self._run.fail(error, field.nodes, path, non_null=is_non_null_type(field.type))
        except GraphQLError as located:
            self.fail(index, located)


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
