"""The fields of a selection, executed: https://spec.graphql.org/draft/#sec-Executing-Fields.

Faults, nulls and awaitables take the same way as in graphql-core, to whose answers these have to be equal.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from graphql import is_non_null_type
from graphql.pyutils import Path

from graphql_api.compiled.lists import Complete
from graphql_api.compiled.objects import awaited
from graphql_api.compiled.records import CompiledResolveInfo
from graphql_api.compiled.run import Run, is_awaitable
from graphql_api.compiled.selection import Field, Selection
from graphql_api.compiled.values import completing

Execute: TypeAlias = Callable[[Any, Any, Run], Any]
"""Executes for a source at a path; gives the value of the response, or an awaitable of it."""

Inform: TypeAlias = Callable[[Run, Field, Path], CompiledResolveInfo]
"""Makes what a resolver is told."""


class Executing:
    """Makes the functions that execute the selections and fields of one operation, each when it is first needed."""

    def __init__(self, inform: Inform) -> None:
        self.inform = inform
        self._fields: dict[Field, Execute] = {}
        self._completing: dict[Field, Complete] = {}

    def selection(self, selection: Selection) -> Execute:
        """Executes all fields of a selection at once, each with care.

        The function raises GraphQLError where a field failed that cannot be null.
        """
        type_name = selection.type.name

        def execute(source: Any, path: Path | None, run: Run) -> Any:
            results: dict[str, Any] = {}
            waiting: list[str] = []
            try:
                for field in selection.fields:
                    key = field.key
                    value = results[key] = self.field(field)(source, Path(path, key, type_name), run)
                    if is_awaitable(value):
                        waiting.append(key)
            except Exception:
                run.settle(results[key] for key in waiting)
                raise
            return awaited(results, waiting) if waiting else results

        return execute

    def serially(self, selection: Selection) -> Execute:
        """Executes the fields one after the other, as a mutation's."""
        type_name = selection.type.name

        def execute(source: Any, path: Path | None, run: Run) -> Any:
            results: dict[str, Any] = {}
            remaining = iter(selection.fields)

            def next_one() -> tuple[str, Any] | None:
                field = next(remaining, None)
                if field is None:
                    return None
                return field.key, self.field(field)(source, Path(path, field.key, type_name), run)

            async def go_on(key: str, value: Any) -> dict[str, Any]:
                results[key] = await value
                while one := next_one():
                    key, value = one
                    results[key] = await value if is_awaitable(value) else value
                return results

            while one := next_one():
                key, value = one
                if is_awaitable(value):
                    return go_on(key, value)
                results[key] = value
            return results

        return execute

    def field(self, field: Field) -> Execute:
        """Executes a field at its own path, whose errors become null where they can."""
        execute = self._fields.get(field)
        if execute is None:
            execute = self._fields[field] = self._field(field)
        return execute

    def batch(self, field: Field) -> tuple[Callable[..., Awaitable[tuple[Any, CompiledResolveInfo]]], Complete]:
        """What answers a field for many sources, the first of which is at a path, and what completes each value."""
        inform, batch = self.inform, field.resolving.batch
        if batch is None:
            raise TypeError(f"{field.parent}.{field.name} is not resolved in batches")

        async def answer(sources: Any, path: Path, run: Run) -> tuple[Any, CompiledResolveInfo]:
            info = inform(run, field, path)
            values = batch(sources, info, run.variables)
            return await values if is_awaitable(values) else values, info

        return answer, self._complete(field)

    def _complete(self, field: Field) -> Complete:
        complete = self._completing.get(field)
        if complete is None:
            complete = self._completing[field] = completing(self, field)
        return complete

    def _field(self, field: Field) -> Execute:
        if field.is_typename:
            name = field.parent.name
            return lambda _source, _path, _run: name
        inform, call = self.inform, field.resolving.call
        complete, nodes, non_null = self._complete(field), field.nodes, is_non_null_type(field.type)

        async def when_resolved(value: Awaitable[Any], path: Path, run: Run, info: CompiledResolveInfo) -> Any:
            try:
                completed = complete(await value, path, run, info)
                return await completed if is_awaitable(completed) else completed
            except Exception as error:  # noqa: BLE001 — as the specification has it, whatever it is.
                return run.fail(error, nodes, path, non_null=non_null)

        async def when_completed(completed: Awaitable[Any], path: Path, run: Run) -> Any:
            try:
                return await completed
            except Exception as error:  # noqa: BLE001
                return run.fail(error, nodes, path, non_null=non_null)

        def execute(source: Any, path: Path, run: Run) -> Any:
            try:
                info = inform(run, field, path)
                value = call(source, info, run.variables)
                if is_awaitable(value):
                    return when_resolved(value, path, run, info)
                completed = complete(value, path, run, info)
            except Exception as error:  # noqa: BLE001
                return run.fail(error, nodes, path, non_null=non_null)
            return when_completed(completed, path, run) if is_awaitable(completed) else completed

        return execute
