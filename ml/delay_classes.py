"""The ordered classes of the arrival delay that the model tells apart. See docs/decisions/0002-ordered-classes.md."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

EDGES: tuple[float, ...] = (-30.0, -20.0, -10.0, 0.0, 15.0, 30.0, 60.0, 120.0, 180.0)
"""Minutes of arrival delay at which one class ends and the next begins; a delay equal to an edge is above it."""

DELAYED_FROM = 15.0
"""Minutes of arrival delay from which a flight is late (US Bureau of Transportation Statistics)."""

BUCKET_EDGES: tuple[float, ...] = (30.0, 60.0, 120.0)
"""Between UNDER_30, FROM_30_TO_60, FROM_60_TO_120 and OVER_120_OR_NEVER_ARRIVED."""


@dataclass(frozen=True, slots=True)
class DelayClasses:
    """Ranges of the arrival delay in minutes, in order, and after them the class of flights that never arrive.

    The first and the last range are open; `lowest` and `highest` stand for their outer ends where a delay is
    interpolated. There are `count` classes, one more than ranges.
    """

    edges: tuple[float, ...]
    lowest: float
    highest: float

    def __post_init__(self) -> None:
        bounds = self.bounds
        if not all(low < high for low, high in pairwise(bounds)):
            raise ValueError(f"the classes' bounds must rise, and these do not: {bounds}")
        missing = {DELAYED_FROM, *BUCKET_EDGES} - set(self.edges)
        if missing:
            raise ValueError(f"the classes' edges lack {sorted(missing)}: what is served could not be computed")

    @property
    def bounds(self) -> tuple[float, ...]:
        """The ends of all ranges, `count` numbers."""
        return (self.lowest, *self.edges, self.highest)

    @property
    def count(self) -> int:
        return len(self.edges) + 2


def class_of(delay: NDArray[np.float64], never: NDArray[np.bool_], edges: tuple[float, ...]) -> NDArray[np.int64]:
    """The class of each flight, shape (n,), by its arrival delay in minutes or because it `never` arrived."""
    ranges = np.searchsorted(np.array(edges), delay, side="right")
    return np.where(never, len(edges) + 1, ranges)


def fit_classes(delay: NDArray[np.float64], edges: tuple[float, ...] = EDGES) -> DelayClasses:
    """Classes whose open ends mirror the delays seen beyond the outer edges.

    An outer end is as far from the class's median as the edge is on its other side: interpolated linearly, the class's
    median is then what was seen. Where no delay was seen there, the class is as wide as its neighbour.

    Args:
        delay: minutes, shape (n,), of flights that arrived.
        edges: minutes, rising.
    """
    below, above = delay[delay < edges[0]], delay[delay >= edges[-1]]
    lowest = 2 * float(np.median(below)) - edges[0] if below.size else 2 * edges[0] - edges[1]
    highest = 2 * float(np.median(above)) - edges[-1] if above.size else 2 * edges[-1] - edges[-2]
    # A median on the edge itself would leave a class without width.
    return DelayClasses(edges, min(lowest, edges[0] - 1), max(highest, edges[-1] + 1))
