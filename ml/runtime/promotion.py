"""Making a version champion or challenger, if it is no worse than the champion: for the command and the service."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ml.errors import ModelError
from ml.features import Group
from ml.runtime.aliases import bundle_directory, changing_aliases, read_aliases, write_aliases
from ml.runtime.bundle import load_bundle
from ml.runtime.files import MANIFEST_FILE
from ml.runtime.manifest import EvaluatedOn, Manifest, parse_manifest
from ml.runtime.registry import ALIASES

TOLERANCE = 0.0005
"""By how much a mean AUC may be lower, or a Brier score higher, than the champion's.

Two trainings of model_v2 that differ in nothing but the seed were up to 0.0003 apart in either figure on 170,618
flights: what is within 0.0005 may be luck, and no reason to refuse a version.
"""

_ALL_THE_SAME = "To promote it all the same, force it."
_HIGHER_IS_BETTER = {"mean_auc": True, "brier": False}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of two models, measured on the same flights with the inputs up to `basis` known. None is missing."""

    name: str
    basis: Group
    candidate: float | None
    champion: float

    @property
    def worse(self) -> bool:
        """Whether the candidate is worse by more than `TOLERANCE`, or was not measured."""
        if self.candidate is None:
            return True
        gain = self.candidate - self.champion
        return not (gain if _HIGHER_IS_BETTER[self.name] else -gain) >= -TOLERANCE

    def __str__(self) -> str:
        figure = "missing" if self.candidate is None else f"{self.candidate:.4f}"
        return f"{self.name.replace('_', ' ')} ({self.basis}) {figure}, the champion's {self.champion:.4f}"


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion did.

    `previous` had the alias before, `also` are the other aliases that the version has. `champion` is the one that it
    was compared with; there is no comparison with itself, nor where it was forced and the two cannot be compared.
    """

    version: str
    alias: str
    previous: str | None
    also: tuple[str, ...]
    champion: str | None
    comparisons: tuple[Comparison, ...]

    @property
    def changed(self) -> bool:
        return self.previous != self.version


class UnknownAliasError(ModelError):
    """There is no such alias to be promoted to."""


class PromotionRefusedError(ModelError):
    """The version may not have the alias unless it is forced. Nothing was changed."""


class NotComparableError(PromotionRefusedError):
    """The version and the champion were not evaluated on the same flights."""


class WorseThanChampionError(PromotionRefusedError):
    """The version is worse than the champion. `comparisons` holds every figure, also those that are not worse."""

    def __init__(self, version: str, champion: str, comparisons: tuple[Comparison, ...]) -> None:
        worse = "; ".join(str(comparison) for comparison in comparisons if comparison.worse)
        super().__init__(f"{version} is worse than the champion {champion}: {worse}. {_ALL_THE_SAME}")
        self.version = version
        self.champion = champion
        self.comparisons = comparisons


def promote(
    directory: Path, version: str, alias: str, *, force: bool = False, verified: str | None = None
) -> Promotion:
    """Give a version an alias, which moves: nothing else changes. The bundle is checked first, forced or not.

    A version is refused that is worse than the champion, whichever alias it is to have: on any basis on which the
    champion was evaluated, its mean AUC is lower or its Brier score higher by more than `TOLERANCE`, or it was not
    evaluated there. Two models can be compared only where both were evaluated on the same months and flights.

    Args:
        directory: holds the bundles and `aliases.json`.
        version: such as `model_v2`.
        alias: one of `ALIASES`.
        force: promote whatever the comparison says.
        verified: the checksums of the bundle that was verified elsewhere; nothing else is loaded and promoted.

    Raises:
        UnknownAliasError: there is no such alias.
        UnknownVersionError: there is no such bundle.
        BundleError: the bundle failed a check.
        NotComparableError: there is nothing to compare it by, and it is not forced.
        WorseThanChampionError: it is worse, and it is not forced.
        AliasesError: the aliases on file are damaged or cannot be written.
    """
    if alias not in ALIASES:
        raise UnknownAliasError(f"There is no alias {alias[:40]}; a model can be {' or '.join(ALIASES)}.")
    candidate = load_bundle(bundle_directory(directory, version), verified=verified).manifest
    with changing_aliases(directory):
        return _promote(directory, candidate, alias, force=force)


def _promote(directory: Path, candidate: Manifest, alias: str, *, force: bool) -> Promotion:
    version, aliases = candidate.version, read_aliases(directory)
    champion, previous = aliases.get(ALIASES[0]), aliases.get(alias)
    comparisons: tuple[Comparison, ...] = ()
    if champion is not None and version not in (champion, previous):
        try:
            comparisons = _compare(directory, candidate, champion)
        except NotComparableError:
            if not force:
                raise
        if not force and any(comparison.worse for comparison in comparisons):
            raise WorseThanChampionError(version, champion, comparisons)
    if previous != version:
        write_aliases(directory, aliases | {alias: version})
    also = tuple(other for other, named in aliases.items() if named == version and other != alias)
    return Promotion(version, alias, previous, also, champion, comparisons)


def _compare(directory: Path, candidate: Manifest, champion: str) -> tuple[Comparison, ...]:
    try:
        best = parse_manifest((directory / champion / MANIFEST_FILE).read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise NotComparableError(f"The champion {champion} cannot be read ({reason}). {_ALL_THE_SAME}") from error
    if best.evaluated_on is None:
        raise NotComparableError(f"The champion {champion} was not evaluated. {_ALL_THE_SAME}")
    if candidate.evaluated_on is None:
        raise NotComparableError(f"{candidate.version} was not evaluated. Train it with an evaluation. {_ALL_THE_SAME}")
    if candidate.evaluated_on != best.evaluated_on:
        raise NotComparableError(
            f"{candidate.version} was evaluated on {_text(candidate.evaluated_on)}, the champion {champion} on "
            f"{_text(best.evaluated_on)}. Train it on those. {_ALL_THE_SAME}"
        )
    return tuple(_comparisons(candidate, best))


def _comparisons(candidate: Manifest, champion: Manifest) -> Iterator[Comparison]:
    figures = {(metric.name, metric.basis): metric.value for metric in candidate.metrics}
    for metric in champion.metrics:
        if metric.name in _HIGHER_IS_BETTER:
            yield Comparison(metric.name, metric.basis, figures.get((metric.name, metric.basis)), metric.value)


def _text(evaluation: EvaluatedOn) -> str:
    months = evaluation.months
    return f"{evaluation.flights:,} flights in {len(months)} months, {months[0]} to {months[-1]}"
