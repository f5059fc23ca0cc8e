"""From the probabilities of the ordered delay classes to everything that is served, so that the answers agree."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from ml.delay_classes import BUCKET_EDGES, DELAYED_FROM, DelayClasses

Floats = NDArray[np.float64]

BUCKETS = ("UNDER_30", "FROM_30_TO_60", "FROM_60_TO_120", "OVER_120_OR_NEVER_ARRIVED")
QUANTILES = (0.1, 0.5, 0.9)

_LEAST_MASS = 1e-12
"""Added to each class given arrival, so that quantiles exist even where a flight is sure never to arrive."""


@dataclass(frozen=True)
class Distribution:
    """The delay of n flights.

    `probabilities` has the shape (n, classes.count): not negative, each row's sum above 0. Each answer is computed when
    it is first asked for.
    """

    probabilities: Floats
    classes: DelayClasses

    @property
    def probability_delayed(self) -> Floats:
        """P(arrives 15 or more minutes late, or never), 0 to 1, shape (n,)."""
        return self.sums[:, 0]

    @property
    def probability_never_arrives(self) -> Floats:
        """P(cancelled or diverted), 0 to 1, shape (n,)."""
        return self.sums[:, 1]

    @property
    def buckets(self) -> Floats:
        """Probability of each of `BUCKETS`, shape (n, 4); each row sums to 1."""
        return self.sums[:, 2:]

    @cached_property
    def quantiles(self) -> Floats:
        """10%, 50% and 90% quantile of the arrival delay in minutes given that the flight arrives, shape (n, 3).

        The inverse of the distribution function, linear in each half of a class; the open classes end at the bundle's
        `lowest` and `highest`. Inverses of one rising function cannot cross.
        """
        mass = self.halves + _LEAST_MASS
        cumulative = np.cumsum(mass, axis=1)
        targets = cumulative[:, -1:] * np.array(QUANTILES)
        index = (cumulative[:, None, :] < targets[:, :, None]).sum(axis=2)
        rows = np.arange(len(mass))[:, None]
        inside = (targets - (cumulative - mass)[rows, index]) / mass[rows, index]
        bounds = np.array(self.classes.half_bounds)
        low, high = bounds[index], bounds[index + 1]
        # Rounding alone can leave the class, by less than a billionth of a minute.
        quantiles: Floats = np.clip(low + inside * (high - low), low, high)
        return quantiles

    @property
    def halves(self) -> Floats:
        """The probability of each half of a class but the last, shape (n, 2 · (classes.count - 1))."""
        return np.repeat(self.probabilities[:, :-1] / 2, 2, axis=1)

    @cached_property
    def sums(self) -> Floats:
        """P(delayed), P(never arrives) and the probability of each of `BUCKETS`, shape (n, 6)."""
        sums: Floats = self.probabilities @ _membership(self.classes)
        sums /= self.probabilities.sum(axis=1, keepdims=True)
        return np.minimum(sums, 1.0, out=sums)


@lru_cache(maxsize=16)
def _membership(classes: DelayClasses) -> Floats:
    """Which classes (rows) count for: delayed, never arrives, and each bucket (columns)."""
    starts = np.array((classes.lowest, *classes.edges))
    bucket = np.append(np.searchsorted(np.array(BUCKET_EDGES), starts, side="right"), len(BUCKET_EDGES))
    delayed = np.append(starts >= DELAYED_FROM, 1)
    never = np.append(np.zeros(len(starts)), 1)
    members = (delayed, never, *(bucket == number for number in range(len(BUCKETS))))
    return np.stack(members, axis=1, dtype=np.float64, casting="unsafe")
