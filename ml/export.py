"""From a recorded training run to a served bundle, if ONNX Runtime answers as scikit-learn does."""

import hashlib
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

from db.progress import Progress
from ml.dataset import Dataset
from ml.errors import ModelError
from ml.evaluation import EVALUATION_FILE, Evaluation
from ml.features import FEATURES
from ml.fit import Fitted, masked_copies
from ml.record import LATEST, Training, flights_of_run, load_evaluation, load_run, save_export
from ml.report import PLOTS_DIRECTORY, REPORT_FILE, cost_table, report
from ml.runtime.aliases import changing_aliases, write_aliases
from ml.runtime.bundle import INPUT, OUTPUT, load_bundle
from ml.runtime.files import MANIFEST_FILE, MODEL_FILE, seal
from ml.runtime.listing import ALIASES_FILE
from ml.runtime.manifest import Manifest, Metric
from ml.store import DEFAULT_STORE, RecordError

PARITY_TOLERANCE = 1e-4
GOLDEN_ROWS = 16
OPSET = 18
"""What ONNX Runtime has run since 1.14; a newer set would bring this model nothing."""


class ExportError(ModelError):
    """The model cannot be exported, or the exported model answers differently."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote. `worst_difference` is the largest difference of a probability over `rows` rows."""

    path: Path
    worst_difference: float
    rows: int
    size_bytes: int


def export_run(
    out: Path,
    progress: Progress,
    run: str = LATEST,
    *,
    source: str | Path | None = None,
    store: Path = DEFAULT_STORE,
) -> tuple[str, Exported]:
    """Export a run on record, and add to it the bundle, its size and its parity. Returns the run's id too.

    Args:
        out: the bundle's directory, as `export` takes it.
        progress: told of the rows read from a database.
        run: an id, the beginning of one, or `latest`.
        source: the flights on which parity is measured; those that the run was trained on when left out.
        store: the directory of the default store.

    Raises:
        RecordError: there is no such run, or the store cannot be reached.
        SourceError: the flights cannot be read.
        ExportError: as `export` does.
    """
    run_id, fitted, training = load_run(run, store)
    dataset = flights_of_run(training, source, progress)
    with tempfile.TemporaryDirectory() as directory:
        evaluation = load_evaluation(run_id, Path(directory), store)
        exported = export(fitted, training, dataset, out, evaluation)
    bundle = load_bundle(exported.path)
    figures = {
        "onnx_bytes": exported.size_bytes,
        "parity_worst_difference": exported.worst_difference,
        "parity_rows": exported.rows,
    }
    try:
        save_export(run_id, bundle, exported.path, figures, store)
    except RecordError as error:
        raise RecordError(f"{exported.path} is written, but its run does not say so: {error}") from error
    return run_id, exported


def export(fitted: Fitted, training: Training, dataset: Dataset, out: Path, evaluation: Path | None = None) -> Exported:
    """Write the bundle of a run to the directory `out`, replacing the one there.

    Parity is measured on every flight of the dataset and on copies with inputs left out. The bundle is written beside
    `out`, loaded with every check, and only then put in place.

    Args:
        fitted: the model.
        training: what the run did.
        dataset: the flights that parity is measured on.
        out: the bundle's directory, whose name is the version.
        evaluation: the directory that `ml.evaluate.Assessment.write` wrote, if the model was evaluated.

    Raises:
        ExportError: `out` cannot be a version's name, or a probability differs by more than `PARITY_TOLERANCE`;
            nothing was written.
    """
    if not out.name.removeprefix("model_v").isdecimal() or not out.name.startswith("model_v"):
        raise ExportError(f"{out} cannot name a version: the directory must be called model_v1, model_v2, …")
    inputs = fitted.inputs(dataset.columns)
    masked, _ = masked_copies(inputs, share=0.1, seed=0)
    rows = np.concatenate((inputs, masked))
    content = convert(fitted, inputs.shape[1])
    worst = worst_difference(fitted, content, rows)
    if not worst <= PARITY_TOLERANCE:
        raise ExportError(
            f"the exported model differs from the trained one by up to {worst:.2g} in probability, "
            f"allowed is {PARITY_TOLERANCE:g}; nothing was written"
        )
    golden = _golden_rows(inputs, masked)
    manifest = _manifest(fitted, training, out.name, content, golden)
    with _replacing(out) as directory:
        (directory / MODEL_FILE).write_bytes(content)
        (directory / MANIFEST_FILE).write_bytes(manifest.to_json())
        _write_report(directory, training, evaluation, f"{worst:.1g} over {len(rows):,} rows, some with unknown inputs")
        seal(directory)
        load_bundle(directory)
    with changing_aliases(out.parent):
        if not (out.parent / ALIASES_FILE).exists():
            write_aliases(out.parent, {"champion": out.name})
    return Exported(out, worst, len(rows), len(content))


def _write_report(directory: Path, training: Training, evaluation: Path | None, parity: str) -> None:
    found = None
    if evaluation:
        found = Evaluation.from_json((evaluation / EVALUATION_FILE).read_bytes())
        shutil.copytree(evaluation / PLOTS_DIRECTORY, directory / PLOTS_DIRECTORY)
    first, last = training.window
    facts = [
        f"Trained on {training.rows:,} flights from {first} to {last}.",
        f"A probability of ONNX Runtime differs from scikit-learn's by at most {parity}.",
        *(f"Its temperature with {basis} known is {each:.3f}." for basis, each in training.temperatures.items()),
    ]
    text = report(directory.name, facts, found, training.hyperparameters, cost_table(training))
    (directory / REPORT_FILE).write_text(text, encoding="utf-8")


def convert(fitted: Fitted, width: int) -> bytes:
    """The model as ONNX: one float32 matrix `inputs` (N, width) in, `probabilities` (N, classes) out."""
    with warnings.catch_warnings():
        # skl2onnx 1.20 hands booleans to protobuf as integers, which protobuf 7 will refuse.
        warnings.filterwarnings("ignore", ".*Expected an int, got a boolean", DeprecationWarning)
        model = to_onnx(
            fitted.classifier,
            name="delay",
            initial_types=[(INPUT, FloatTensorType([None, width]))],
            options={"zipmap": False},
            target_opset=OPSET,
        )
    # The label would be computed, copied and never read: everything served comes from the probabilities.
    kept = [output for output in model.graph.output if output.name == OUTPUT]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    content: bytes = model.SerializeToString()
    return content


def worst_difference(fitted: Fitted, content: bytes, rows: NDArray[np.float32]) -> float:
    """The largest difference between a probability of the ONNX model and of the fitted one over the rows."""
    session = InferenceSession(content, providers=["CPUExecutionProvider"])
    (answered,) = session.run([OUTPUT], {INPUT: rows})
    return float(np.max(np.abs(answered - fitted.probabilities(rows))))


def _golden_rows(inputs: NDArray[np.float32], masked: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows spread over the data: three quarters real flights, one quarter with inputs left out."""
    real, partial = GOLDEN_ROWS * 3 // 4, GOLDEN_ROWS // 4
    return np.concatenate(
        [rows[np.linspace(0, len(rows) - 1, count).astype(int)] for rows, count in ((inputs, real), (masked, partial))]
    )


def _manifest(
    fitted: Fitted, training: Training, version: str, content: bytes, golden: NDArray[np.float32]
) -> Manifest:
    session = InferenceSession(content, providers=["CPUExecutionProvider"])
    return Manifest(
        version=version,
        trained_at=training.trained_at,
        training_rows=training.rows,
        training_window=training.window,
        seed=int(training.hyperparameters["seed"]),
        features=FEATURES,
        vocabularies=dict(fitted.vocabularies),
        classes=fitted.classes,
        metrics=tuple(
            Metric(name, basis, value) for basis, metrics in training.metrics.items() for name, value in metrics.items()
        ),
        evaluated_on=training.evaluated_on,
        sha256=hashlib.sha256(content).hexdigest(),
        golden_inputs=golden,
        golden_outputs=session.run([OUTPUT], {INPUT: golden})[0],
        temperatures=training.temperatures,
    )


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """An empty directory that takes the place of `out` when the block ends well, and vanishes when it does not."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as beside:
        fresh, old = Path(beside, out.name), Path(beside, "old")
        fresh.mkdir()
        yield fresh
        if out.exists():
            out.rename(old)
        fresh.rename(out)


def next_version(directory: Path) -> Path:
    """The directory of the version after the newest one, `model_v1` where there is none."""
    taken = [int(path.name.removeprefix("model_v")) for path in directory.glob("model_v*") if path.name[7:].isdecimal()]
    return directory / f"model_v{max(taken, default=0) + 1}"
