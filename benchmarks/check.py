"""Whether the service got slower: the ratios of now against those that were recorded."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from benchmarks.results import Results

LEAST = 0.10
"""The share by which a ratio may fall whatever the rounds say: as much as a start of the process can make."""

MOST = 0.50
"""A ratio that fell by more than this got slower, however much the rounds differ."""


class Finding(NamedTuple):
    """One ratio of a shape, then and now, and the share by which it may fall."""

    database: str
    shape: str
    to: str
    before: float
    now: float
    allowed: float

    @property
    def slower(self) -> bool:
        return self.now < self.before * (1 - self.allowed)

    def __str__(self) -> str:
        change = self.now / self.before - 1
        verdict = "slower" if self.slower else "as before" if abs(change) <= self.allowed else "faster"
        return (
            f"{self.database} {self.shape}: {self.now:.3g} of {self.to}, {self.before:.3g} recorded "
            f"({change:+.0%}, within {self.allowed:.0%} is chance): {verdict}"
        )


def compare(recorded: Results, now: Results) -> list[Finding]:
    """Every ratio that both have: that to the yardstick, and that to plain execution where there is no yardstick.

    What may be chance is the spread of the recorded rounds and that of the rounds of now together, each the half of
    what lies between its ends; at least `LEAST` and at most `MOST`.
    """
    findings = []
    for database, measured in now["databases"].items():
        known = recorded.get("databases", {}).get(database, {}).get("shapes", {})
        for name, shape in measured["shapes"].items():
            to = "ratio" if shape["ratio"] else "to_plain"
            if name in known and known[name].get(to):
                before, ratio = known[name][to], shape[to]
                allowed = min(MOST, max(LEAST, spread(before) + spread(ratio)))
                other = "the yardstick" if to == "ratio" else "plain execution"
                findings.append(Finding(database, name, other, before["median"], ratio["median"], allowed))
    return findings


def spread(ratio: Mapping[str, Any]) -> float:
    """Half the distance between the lowest and the highest round, as a share of their median."""
    return float((ratio["highest"] - ratio["lowest"]) / 2 / ratio["median"])
