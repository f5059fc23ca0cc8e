"""What was measured at one moment, and what happened between two."""

import math
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]


class Samples:
    """The samples of some metrics at one moment: each name with its values by labels."""

    def __init__(self, families: Iterable[Metric] = ()) -> None:
        self._values: dict[str, dict[Labels, float]] = {}
        for family in families:
            for sample in family.samples:
                self._values.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value

    @classmethod
    def of_registry(cls, registry: CollectorRegistry, names: Iterable[str]) -> "Samples":
        """What a registry of this process has of `names`, which are those of samples; nothing else is collected."""
        return cls(registry.restricted_registry(names).collect())

    @classmethod
    def of_text(cls, text: str) -> "Samples":
        """What stands in the Prometheus text format.

        Raises:
            ValueError: it is something else.
        """
        return cls(text_string_to_metric_families(text))

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def series(self, name: str) -> Iterator[tuple[Mapping[str, str], float]]:
        """Each series of a metric: its labels and its value."""
        for labels, value in self._values.get(name, {}).items():
            yield dict(labels), value

    def total(self, name: str, **among: Iterable[str]) -> float:
        """The sum over the series that have, for each label given, one of the values given."""
        return sum(value for labels, value in self.series(name) if _are_among(labels, among))

    def since(self, earlier: "Samples") -> "Samples":
        """By how much each series grew. One that shrank began anew, when its process did, and grew by what it is."""
        grown = Samples()
        for name, series in self._values.items():
            before = earlier._values.get(name, {})
            grown._values[name] = {
                labels: value - before.get(labels, 0.0) if value >= before.get(labels, 0.0) else value
                for labels, value in series.items()
            }
        return grown

    def quantile(self, histogram: str, q: float, **among: Iterable[str]) -> float | None:
        """The q-quantile of a histogram by linear interpolation in its bucket, as Prometheus's histogram_quantile does.

        None without observations; the highest finite bound where it lies above that.
        """
        counts: dict[float, float] = {}
        for labels, value in self.series(f"{histogram}_bucket"):
            if _are_among(labels, among):
                bound = float(labels["le"])
                counts[bound] = counts.get(bound, 0.0) + value
        bounds = sorted(counts)
        if not bounds or counts[bounds[-1]] <= 0:
            return None
        rank = q * counts[bounds[-1]]
        lower, below = 0.0, 0.0
        for bound in bounds:
            if counts[bound] >= rank and counts[bound] > below:
                if math.isinf(bound):
                    return lower
                return lower + (bound - lower) * (rank - below) / (counts[bound] - below)
            lower, below = bound, counts[bound]
        return lower


def _are_among(labels: Mapping[str, str], among: Mapping[str, Iterable[str]]) -> bool:
    return all(labels.get(name, "") in values for name, values in among.items())
