"""One execution of a compiled operation: what its fields share while it lasts."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from types import CoroutineType
from typing import Any, TypeGuard

from graphql import GraphQLError, GraphQLResolveInfo, located_error
from graphql.execution import VariableValues
from graphql.execution.executor import CollectedErrors
from graphql.pyutils import Path, gather_with_cancel
from graphql.type.definition import GraphQLResolveInfoHelpers


class Run:
    """The state of one execution, and what has failed in it."""

    __slots__ = ("background", "collected", "context", "helpers", "root", "variables")

    def __init__(self, root: Any, context: Any, variables: VariableValues) -> None:
        self.root, self.context, self.variables = root, context, variables
        self.collected = CollectedErrors()
        self.background: set[asyncio.Future[Any]] = set()
        self.helpers = GraphQLResolveInfoHelpers(gather=_gather, track=self.settle)

    def fail(self, error: Exception, nodes: Sequence[Any], path: Path, *, non_null: bool) -> Any:
        """Note the error of a field or item, and give the null that takes its place.

        Raises:
            GraphQLError: it cannot be null, so that what it is in has failed too.
        """
        located = located_error(error, nodes, path.as_list())
        if non_null:
            raise located
        self.collected.add(located, path)
        return None

    @property
    def errors(self) -> list[GraphQLError]:
        return self.collected.errors

    def settle(self, values: Iterable[Any]) -> None:
        """See to the end of what nobody waits for any more, so that its errors are observed."""
        awaitables = [value for value in values if is_awaitable(value)]
        if not awaitables:
            return
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            for awaitable in awaitables:
                if isinstance(awaitable, CoroutineType):
                    awaitable.close()
            return
        future = asyncio.gather(*awaitables, return_exceptions=True)
        self.background.add(future)
        future.add_done_callback(self.background.discard)


def is_awaitable(value: Any) -> TypeGuard[Awaitable[Any]]:
    return value.__class__ is CoroutineType or hasattr(value, "__await__")


async def gathered(awaitables: Sequence[Awaitable[Any]]) -> Sequence[Any]:
    """The values of all, at once; where one fails the others are cancelled."""
    if len(awaitables) == 1:
        return [await awaitables[0]]
    return await gather_with_cancel(*awaitables)


def _gather(awaitables: Sequence[Awaitable[Any]]) -> Awaitable[list[Any]]:
    return gather_with_cancel(*awaitables)


ResolveInfo = GraphQLResolveInfo[Any]
