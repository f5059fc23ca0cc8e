"""Objects of one selection, one or many: straight code for what is only read, and the rest of the fields resolved."""

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from graphql.pyutils import Path

from graphql_api.compiled.level import Level, Result
from graphql_api.compiled.records import Layout, Record, Records
from graphql_api.compiled.run import Run, gathered, is_awaitable
from graphql_api.compiled.selection import Field, Selection
from graphql_api.compiled.straight import code_of

if TYPE_CHECKING:
    from graphql_api.compiled.fields import Executing


class Objects:
    """Completes what stands for objects of one type, as a field selects them."""

    def __init__(self, executing: "Executing", field: Field, selection: Selection, *, non_null: bool) -> None:
        self._executing, self._field, self._selection = executing, field, selection
        self._type_name = selection.type.name
        self._execute = executing.selection(selection)
        self._non_null = non_null
        self.in_batches = any(each.resolving.batch for each in selection.fields)
        """Whether there is something to be won by completing many at once."""

    def one(self, value: Any, path: Path, run: Run) -> Any:
        """The response's object for an object or a record, or an awaitable of it.

        Raises:
            GraphQLError: a field failed that cannot be null.
        """
        source, layout = value if value.__class__ is Record else (value, None)
        results, rest = self._straight([source], layout)
        if layout is not None and (results is None or rest):
            source = layout.build(source)
        if results is None:
            return self._execute(source, path, run)
        (result,) = results
        return self._resolve(result, rest, source, path, run) if rest else result

    def records(self, value: Records, path: Path, run: Run) -> Any:
        """The response's list for records, or an awaitable of it; None where one of them needs to be looked at alone.

        Raises:
            GraphQLError: an object failed that cannot be null.
        """
        rows, layout = value
        results, rest = self._straight(rows, layout)
        if results is None or not rest:
            return results
        return self._resolve_all(results, rest, [layout.build(row) for row in rows], path, run)

    def many(self, sources: Sequence[Any], path: Path, run: Run) -> Any:
        """The same for objects."""
        results, rest = self._straight(sources, None)
        if results is None or not rest:
            return results
        return self._resolve_all(results, rest, sources, path, run)

    def _straight(self, sources: Sequence[Any], layout: Layout | None) -> tuple[list[Result] | None, Sequence[Field]]:
        code = code_of(self._selection, layout)
        if code is None:
            return None, ()
        try:
            return code.many(sources), code.rest
        except Exception:  # noqa: BLE001 — whatever it is, the careful way finds it again and tells it.
            return None, ()

    def _resolve(self, result: Result, rest: Sequence[Field], source: Any, path: Path, run: Run) -> Any:
        waiting: list[str] = []
        try:
            for field in rest:
                value = result[field.key] = self._executing.field(field)(
                    source, Path(path, field.key, self._type_name), run
                )
                if is_awaitable(value):
                    waiting.append(field.key)
        except Exception:
            run.settle(result[key] for key in waiting)
            raise
        return awaited(result, waiting) if waiting else result

    def _resolve_all(
        self, results: list[Result], rest: Sequence[Field], sources: Sequence[Any], path: Path, run: Run
    ) -> Any:
        level = Level(self._field, results, sources, path, run, non_null=self._non_null)
        batched = [each for each in rest if each.resolving.batch and len(sources) > 1]
        others = [each for each in rest if each not in batched]
        waiting: list[Awaitable[None]] = []
        for index, source in enumerate(sources if others else ()):
            try:
                result = self._resolve(results[index], others, source, level.path(index), run)
            except Exception as error:  # noqa: BLE001 — of a field that cannot be null.
                try:
                    level.fail(index, error)
                except Exception:
                    run.settle(waiting)
                    raise
                continue
            if is_awaitable(result):
                waiting.append(level.wait(index, result))
        waiting.extend(level.resolve(self._executing, each, self._type_name) for each in batched)
        return _filled(level, waiting) if waiting else level.results


async def _filled(level: Level, waiting: Sequence[Awaitable[None]]) -> list[Result | None]:
    await gathered(waiting)
    return level.results


async def awaited(results: Result, keys: Sequence[str]) -> Result:
    """The results, with the values of those keys awaited."""
    values = await gathered([results[key] for key in keys])
    results.update(zip(keys, values, strict=True))
    return results
