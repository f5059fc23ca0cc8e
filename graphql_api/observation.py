"""Resolvers that do work, observed: how long each takes and whether it fails, whichever execution calls it.

Root fields, fields that are resolved for many sources at once, and those that wait for something do work. What is an
attribute, or is worked out of what is there, does not: to observe it would take as long as to resolve it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from inspect import isawaitable
from typing import Any, TypeAlias

from graphql import GraphQLField, GraphQLSchema, is_object_type
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from graphql_api.batching import BATCH
from graphql_api.metrics import ResolverCounts

OBSERVED = "observed"
"""The extension of a field of graphql-core's that holds its `Observer`."""
_PRESENT = "present"

Present: TypeAlias = Callable[[Any], bool]
"""Whether a source has the value of a field already, so that there is nothing to do for it."""
Resolve: TypeAlias = Callable[..., Any]
"""Called with a source, what a resolver is told, and more."""


def unless(present: Present) -> dict[Any, Any]:
    """Metadata of a field that does work for some sources only."""
    return {_PRESENT: present}


class Observer:
    """Observes the resolver of one field. The metrics are those of the context in which it is called."""

    def __init__(self, parent_type: str, field: str, present: Present | None) -> None:
        self._parent_type, self._field, self._present = parent_type, field, present

    def one(self, resolve: Resolve) -> Resolve:
        """The same function, observed."""
        present, counts_of = self._present, self._counts

        @wraps(resolve)
        def observed(source: Any, info: Any, *rest: Any, **named: Any) -> Any:
            if present is not None and present(source):
                return resolve(source, info, *rest, **named)
            counts, started = counts_of(info), time.perf_counter()
            try:
                value = resolve(source, info, *rest, **named)
            except Exception:
                counts.done(time.perf_counter() - started, failed=1)
                raise
            if isawaitable(value):
                return _one_awaited(value, counts, started)
            counts.done(time.perf_counter() - started, failed=isinstance(value, Exception))
            return value

        return observed

    def many(self, resolve: Resolve) -> Resolve:
        """The same for a function of many sources: each counts, and each has waited for all of them."""

        async def observed(sources: Sequence[Any], info: Any, *rest: Any) -> Any:
            counts, started = self._counts(info), time.perf_counter()
            try:
                values = resolve(sources, info, *rest)
                values = await values if isawaitable(values) else values
            except (Exception, asyncio.CancelledError) as error:
                failed = len(sources) if isinstance(error, Exception) else 0
                counts.done(time.perf_counter() - started, len(sources), failed)
                raise
            failed = sum(isinstance(value, Exception) for value in values)
            counts.done(time.perf_counter() - started, len(sources), failed)
            return values

        return observed

    def _counts(self, info: Any) -> ResolverCounts:
        counts: ResolverCounts = info.context.metrics.resolver(self._parent_type, self._field)
        return counts


async def _one_awaited(value: Awaitable[Any], counts: ResolverCounts, started: float) -> Any:
    try:
        found = await value
    except (Exception, asyncio.CancelledError) as error:
        # What was stopped took its time, and was not at fault.
        counts.done(time.perf_counter() - started, failed=isinstance(error, Exception))
        raise
    counts.done(time.perf_counter() - started, failed=isinstance(found, Exception))
    return found


def observe(schema: GraphQLSchema) -> None:
    """Have the resolvers of a schema of Strawberry's observed that do work, as graphql-core calls them.

    What calls them in another way finds their `Observer` beside them.
    """
    roots = {schema.query_type, schema.mutation_type}
    for type_ in schema.type_map.values():
        if is_object_type(type_) and type_ is not schema.subscription_type:
            for name, field in type_.fields.items():
                if field.resolve is not None and _works(field, at_root=type_ in roots):
                    observer = Observer(type_.name, name, _definition(field).metadata.get(_PRESENT))
                    field.extensions[OBSERVED] = observer
                    field.resolve = observer.one(field.resolve)


def observer_of(field: GraphQLField) -> Observer | None:
    """What observes a field, None where nothing does."""
    return field.extensions.get(OBSERVED)


def _works(field: GraphQLField, *, at_root: bool) -> bool:
    if GraphQLCoreConverter.DEFINITION_BACKREF not in field.extensions:
        return False
    definition = _definition(field)
    return definition.base_resolver is not None and (at_root or definition.is_async or BATCH in definition.metadata)


def _definition(field: GraphQLField) -> StrawberryField:
    definition: StrawberryField = field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    return definition
