"""Fields that are resolved for many sources at once, where the execution can."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

BATCH = "batch"

Batch: TypeAlias = Callable[..., Awaitable[Sequence[Any]]]
"""Called with the sources, `strawberry.Info` and the field's arguments by their Python names, converted as for the
resolver. Gives a value for each source, in their order; an exception among them is that source's error."""


def batched(function: Batch) -> dict[Any, Any]:
    """Metadata of a field: what answers it for all sources of a level at once, as its resolver would one by one."""
    return {BATCH: function}
