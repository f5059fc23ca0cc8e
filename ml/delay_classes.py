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
    interpolated. `medians` are where half of a range's flights lie below; the middles of the ranges where left out.
    There are `count` classes, one more than ranges.
    """

    edges: tuple[float, ...]
    lowest: float
    highest: float
    medians: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        missing = {DELAYED_FROM, *BUCKET_EDGES} - set(self.edges)
        if missing:
            raise ValueError(f"the classes' edges lack {sorted(missing)}: what is served could not be computed")
        if self.medians and len(self.medians) != len(self.bounds) - 1:
            raise ValueError(f"there are {len(self.medians)} medians of {len(self.bounds) - 1} ranges")
        bounds = self.half_bounds
        if not all(low < high for low, high in pairwise(bounds)):
            raise ValueError(f"the classes' bounds and medians must rise, and these do not: {bounds}")

    @property
    def bounds(self) -> tuple[float, ...]:
        """The ends of all ranges, `count` numbers."""
        return (self.lowest, *self.edges, self.highest)

    @property
    def half_bounds(self) -> tuple[float, ...]:
        """The ends of the halves of all ranges, each with half of its range's flights: `2 * count - 1` numbers."""
        bounds = self.bounds
        medians = self.medians or tuple((low + high) / 2 for low, high in pairwise(bounds))
        return (bounds[0], *(bound for pair in zip(medians, bounds[1:], strict=True) for bound in pair))

    @property
    def count(self) -> int:
        return len(self.edges) + 2


def class_of(delay: NDArray[np.float64], never: NDArray[np.bool_], edges: tuple[float, ...]) -> NDArray[np.int64]:
    """The class of each flight, shape (n,), by its arrival delay in minutes or because it `never` arrived."""
    ranges = np.searchsorted(np.array(edges), delay, side="right")
    return np.where(never, len(edges) + 1, ranges)


def fit_classes(delay: NDArray[np.float64], edges: tuple[float, ...] = EDGES) -> DelayClasses:
    """Classes with the medians that were seen, whose open ends mirror the delays seen beyond the outer edges.

    An outer end is as far from the class's median as the edge is on its other side. Where no delay was seen, an outer
    class is as wide as its neighbour, and the median lies in the middle.

    Args:
        delay: minutes, shape (n,), of flights that arrived.
        edges: minutes, rising.
    """
    below, above = delay[delay < edges[0]], delay[delay >= edges[-1]]
    lowest = 2 * float(np.median(below)) - edges[0] if below.size else 2 * edges[0] - edges[1]
    highest = 2 * float(np.median(above)) - edges[-1] if above.size else 2 * edges[-1] - edges[-2]
    # A median on the edge itself would leave a class without width.
    bounds = (min(lowest, edges[0] - 1), *edges, max(highest, edges[-1] + 1))
    medians = tuple(_median(delay, low, high) for low, high in pairwise(bounds))
    return DelayClasses(edges, bounds[0], bounds[-1], medians)


def _median(delay: NDArray[np.float64], low: float, high: float) -> float:
    """The median of the delays in a range, and the middle where there is none inside it."""
    inside = delay[(delay >= low) & (delay < high)]
    median = float(np.median(inside)) if inside.size else low
    return median if low < median < high else (low + high) / 2
