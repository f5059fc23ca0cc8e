"""Lists, whose items are completed one by one, or all at once where they are objects that only need to be read."""

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias, TypeGuard

from graphql import GraphQLError, GraphQLOutputType, is_non_null_type, is_object_type, located_error
from graphql.pyutils import Path, is_iterable

from graphql_api.compiled.leaves import unexpected
from graphql_api.compiled.objects import Objects
from graphql_api.compiled.records import CompiledResolveInfo, Record, Records
from graphql_api.compiled.run import Run, gathered, is_awaitable
from graphql_api.compiled.selection import Field

Complete: TypeAlias = Callable[[Any, Path, Run, CompiledResolveInfo], Any]
"""Completes a value at a path; gives the value of the response, or an awaitable of it, or raises why it cannot."""


class Items:
    """Completes the lists of a field.

    Args:
        field: where they come from.
        item_type: the type of their items.
        complete: completes one of them.
        objects: by the name of each object type that they may have, what completes all of them where they have it.
    """

    def __init__(
        self, field: Field, item_type: GraphQLOutputType, complete: Complete, objects: Mapping[str, Objects]
    ) -> None:
        self._field, self._complete, self._of_types = field, complete, objects
        self._non_null = is_non_null_type(item_type)
        of_type: Any = item_type.of_type if is_non_null_type(item_type) else item_type
        self._objects = objects.get(of_type.name) if is_object_type(of_type) else None
        self._is_type_of = getattr(of_type, "is_type_of", None)

    def __call__(self, value: Any, path: Path, run: Run, info: CompiledResolveInfo) -> Any:
        if value.__class__ is Records:
            objects = self._of_types.get(value.layout.type_name)
            completed = None if objects is None else objects.records(value, path, run)
            if completed is not None:
                return completed
            return self._one_by_one([Record(row, value.layout) for row in value.rows], path, run, info)
        if hasattr(value, "__aiter__"):
            return self._as_they_come(value, path, run, info)
        if not is_iterable(value):
            raise GraphQLError(
                f"Expected Iterable, but did not find one for field '{self._field.parent}.{self._field.name}'."
            )
        if self._objects is not None and self._all_fit(value):
            completed = self._objects.many(value, path, run)
            if completed is not None:
                return completed
        return self._one_by_one(value, path, run, info)

    def _all_fit(self, value: Iterable[Any]) -> TypeGuard[Sequence[Any]]:
        """Whether these are objects, one and all, of a type that does not want to look at each."""
        if self._is_type_of is not None or (value.__class__ is not list and value.__class__ is not tuple):
            return False
        return not any(unexpected(item) or item.__class__ is Record for item in value)

    def _one_by_one(self, value: Iterable[Any], path: Path, run: Run, info: CompiledResolveInfo) -> Any:
        results: list[Any] = []
        waiting: list[int] = []
        iterator = iter(value)
        try:
            for index, item in enumerate(iterator):
                self._add(results, waiting, item, Path(path, index, None), run, info)
        except Exception:
            run.settle(results[index] for index in waiting)
            with suppress(Exception):
                run.settle(iterator)
            raise
        return _awaited(results, waiting) if waiting else results

    async def _as_they_come(
        self, value: AsyncIterable[Any], path: Path, run: Run, info: CompiledResolveInfo
    ) -> list[Any]:
        results: list[Any] = []
        waiting: list[int] = []
        iterator = aiter(value)
        try:
            while True:
                try:
                    item = await anext(iterator)
                except StopAsyncIteration:
                    break
                except Exception as error:
                    raise located_error(error, self._field.nodes, path.as_list()) from error
                self._add(results, waiting, item, Path(path, len(results), None), run, info)
        except Exception:
            if (close := getattr(iterator, "aclose", None)) is not None:
                with suppress(Exception):
                    await close()
            run.settle(results[index] for index in waiting)
            raise
        return await _awaited(results, waiting) if waiting else results

    def _add(
        self, results: list[Any], waiting: list[int], item: Any, path: Path, run: Run, info: CompiledResolveInfo
    ) -> None:
        """Complete one item and put it, or an awaitable of it, at the end."""
        try:
            completed = item if is_awaitable(item) else self._complete(item, path, run, info)
        except Exception as error:  # noqa: BLE001
            completed = run.fail(error, self._field.nodes, path, non_null=self._non_null)
        if is_awaitable(completed):
            waiting.append(len(results))
            completed = self._wait(completed, path, run, info, is_item=completed is item)
        results.append(completed)

    async def _wait(
        self, awaitable: Awaitable[Any], path: Path, run: Run, info: CompiledResolveInfo, *, is_item: bool
    ) -> Any:
        try:
            completed = await awaitable
            if is_item:
                completed = self._complete(completed, path, run, info)
                if is_awaitable(completed):
                    completed = await completed
        except Exception as error:  # noqa: BLE001
            return run.fail(error, self._field.nodes, path, non_null=self._non_null)
        return completed


async def _awaited(results: list[Any], indices: list[int]) -> list[Any]:
    values = await gathered([results[index] for index in indices])
    for index, value in zip(indices, values, strict=True):
        results[index] = value
    return results
