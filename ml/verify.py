"""A bundle checked beyond what the server checks: does it still answer as the model that it was exported from?

The libraries of training are imported only where there is something to compare with: without them, where models are
served, everything else of a bundle can be checked all the same.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from db.progress import Progress
from ml.errors import ModelError
from ml.features import matrix
from ml.runtime.bundle import INPUT, OUTPUT, Bundle
from ml.store import is_made, run_of

if TYPE_CHECKING:
    from ml.dataset import Dataset
    from ml.fit import Fitted

PARITY_FLIGHTS = 20_000
"""Spread over all flights. The export compares every one of them, which takes longer than a check should."""


class ParityError(ModelError):
    """The bundle answers differently from the model that it was exported from."""


def described(bundle: Bundle, parity: str) -> Table:
    """What a sound bundle is, as a table for the terminal."""
    table = Table(title=f"{bundle.version} is sound", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    first, last = bundle.manifest.training_window
    table.add_row("sha256", bundle.sha256)
    table.add_row("trained", f"{bundle.trained_at.isoformat()} on {bundle.training_rows:,} flights, {first} to {last}")
    table.add_row("features", ", ".join(feature.name for feature in bundle.features))
    table.add_row("parity", parity)
    for metric in bundle.metrics:
        table.add_row(f"{metric.name.replace('_', ' ')} ({metric.basis})", f"{metric.value:.4f}")
    return table


def parity_of(bundle: Bundle, path: Path, progress: Progress, *, source: str | None, store: Path) -> str:
    """How far ONNX Runtime is from scikit-learn on flights, or why that cannot be said, as a sentence.

    Args:
        bundle: the bundle in the directory `path`.
        path: its directory.
        progress: told of the rows read from a database.
        source: the flights; those that the run was trained on when left out.
        store: the directory of the default store of training runs.

    Raises:
        ParityError: a probability differs by more than the export allows.
        RecordError: the store cannot be reached.
    """
    recorded = f"what the export found is in {path / 'report.md'}"
    run_id = run_of(bundle.manifest, store) if is_made(store) else None
    if run_id is None:
        return f"not checked: the run that it was exported from is not on record here; {recorded}"

    from ml.export import PARITY_TOLERANCE  # noqa: PLC0415  see above
    from ml.record import flights_of_run, load_run  # noqa: PLC0415
    from ml.source import SourceError  # noqa: PLC0415

    _, fitted, training = load_run(run_id, store)
    try:
        flights = flights_of_run(training, source, progress)
    except SourceError as error:
        return f"not checked: {error}; {recorded}"
    rows = _rows(bundle, flights)
    worst = _worst_difference(bundle, fitted, rows)
    if not worst <= PARITY_TOLERANCE:
        raise ParityError(
            f"{path} differs from the run {run_id} that it was exported from by up to {worst:.2g} in probability, "
            f"allowed is {PARITY_TOLERANCE:g}; export it again"
        )
    return f"differs from scikit-learn by at most {worst:.1g} over {len(rows):,} rows (run {run_id})"


def _rows(bundle: Bundle, flights: "Dataset") -> NDArray[np.float32]:
    """The inputs of flights spread over all, and copies with inputs left out, as the bundle's own features say."""
    from ml.fit import masked_copies  # noqa: PLC0415  see above

    chosen = np.unique(np.linspace(0, len(flights) - 1, PARITY_FLIGHTS).astype(np.int64))
    names = [feature.name for feature in bundle.features]
    inputs = matrix(flights.where(chosen).columns, names, bundle.positions)
    masked, _ = masked_copies(inputs, share=0.1, seed=0)
    return np.concatenate((inputs, masked))


def _worst_difference(bundle: Bundle, fitted: "Fitted", rows: NDArray[np.float32]) -> float:
    (answered,) = bundle.session.run([OUTPUT], {INPUT: rows})
    return float(np.max(np.abs(answered - fitted.probabilities(rows))))
