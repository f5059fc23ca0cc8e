"""A served model: its ONNX file and its manifest, checked before they are used."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions

from ml.columns import columns_of
from ml.features import Feature, Group, matrix
from ml.leg import Leg
from ml.runtime.distribution import Distribution
from ml.runtime.files import MANIFEST_FILE, MODEL_FILE, BundleError, read_sealed
from ml.runtime.manifest import Manifest, Metric, parse_manifest
from ml.temperature import tempered

INPUT = "inputs"
OUTPUT = "probabilities"
GOLDEN_TOLERANCE = 1e-5
"""Between processors ONNX Runtime's float32 sums differ by about 1e-7; a damaged model by far more."""

_WARMING_RUNS = 3
_BEYOND_SCHEDULE: tuple[Group, ...] = ("WEATHER", "OPERATIONS")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model ready to answer. Safe to share between threads."""

    manifest: Manifest
    session: InferenceSession
    positions: Mapping[str, Mapping[str, int]]
    """For each position feature, the number of each code."""
    columns: Mapping[Group, NDArray[np.intp]]
    """For each group, the columns of its inputs in the matrix."""
    checksums: str
    """The text of `SHA256SUMS`: two bundles with the same are the same, byte for byte."""

    @property
    def version(self) -> str:
        """The name of the bundle's directory, such as `model_v1`."""
        return self.manifest.version

    @property
    def sha256(self) -> str:
        """Of the ONNX file, hexadecimal."""
        return self.manifest.sha256

    @property
    def trained_at(self) -> datetime:
        return self.manifest.trained_at

    @property
    def training_rows(self) -> int:
        return self.manifest.training_rows

    @property
    def features(self) -> tuple[Feature, ...]:
        """The inputs in the order of the matrix's columns."""
        return self.manifest.features

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return self.manifest.metrics

    def matrix(self, legs: Sequence[Leg]) -> NDArray[np.float32]:
        """The inputs of n legs, shape (n, features); unknown is NaN."""
        return matrix(columns_of(legs), [feature.name for feature in self.features], self.positions)

    def run(self, inputs: NDArray[np.float32]) -> Distribution:
        """Predict n rows of shape (n, features) in exactly one run of the session."""
        (answered,) = self.session.run([OUTPUT], {INPUT: inputs})
        probabilities = answered.astype(np.float64)
        if self.manifest.temperatures:
            # As exact as the session's own: sums of float32 are exact, and so the same alone and in a batch.
            changed = tempered(probabilities, self._temperatures(inputs)).astype(np.float32)
            probabilities = changed.astype(np.float64)
        return Distribution(probabilities, self.manifest.classes)

    def warm(self, rows: int) -> None:
        """Run the model on one row and on `rows` rows a few times, so that the first request finds its memory ready."""
        golden = self.manifest.golden_inputs
        for size in (1, rows):
            batch = np.resize(golden, (size, golden.shape[1]))
            for _ in range(_WARMING_RUNS):
                self.run(batch)

    def basis(self, inputs: NDArray[np.float32]) -> list[tuple[Group, ...]]:
        """For each of n rows, the groups of which at least one input is known; SCHEDULE always is."""
        known = [(group, self._known(group, inputs)) for group in _BEYOND_SCHEDULE]
        return [("SCHEDULE", *(group for group, rows in known if rows[row])) for row in range(len(inputs))]

    def _temperatures(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """The temperature of each row, that of the last group of which something is known, shape (n,)."""
        of_group = self.manifest.temperatures
        temperatures = np.full(len(inputs), of_group.get("SCHEDULE", 1.0))
        for group in _BEYOND_SCHEDULE:
            temperatures[self._known(group, inputs)] = of_group.get(group, 1.0)
        return temperatures

    def _known(self, group: Group, inputs: NDArray[np.float32]) -> NDArray[np.bool_]:
        """The rows of which an input of the group is known, shape (n,)."""
        known: NDArray[np.bool_] = np.logical_not(np.isnan(inputs[:, self.columns[group]]).all(axis=1))
        return known


def load_bundle(path: Path, threads: int = 1, verified: str | None = None) -> Bundle:
    """Load the bundle in the directory `path` after every check.

    In order: the files are there and are what was sealed, the manifest is complete and names this directory and this
    ONNX file, ONNX Runtime accepts it with the inputs and outputs that are expected, and it answers the golden inputs
    as it did when it was exported. Checksum and golden vectors are both needed: ONNX Runtime loads about a quarter of
    files with a flipped bit without complaint.

    Args:
        path: a directory with `delay.onnx`, `model.json` and `SHA256SUMS`.
        threads: of ONNX Runtime within one run; 1 leaves the cores to other requests.
        verified: the checksums of what was verified elsewhere; nothing else is loaded.

    Raises:
        BundleError: a check failed. The message is one line.
    """
    files = read_sealed(path)
    if verified is not None and files.checksums != verified:
        raise BundleError(f"{path} changed after it was verified")
    try:
        manifest = parse_manifest(files.manifest)
    except ValueError as error:
        raise BundleError(f"{path / MANIFEST_FILE} cannot be used: {_one_line(error)}") from error
    if manifest.version != path.resolve().name:
        raise BundleError(f"{path / MANIFEST_FILE} describes {manifest.version}, another directory's model")
    actual = hashlib.sha256(files.model).hexdigest()
    if actual != manifest.sha256:
        raise BundleError(
            f"{path / MODEL_FILE} is not the model that {MANIFEST_FILE} describes: its SHA-256 is {actual}, "
            f"not {manifest.sha256}"
        )
    positions = {
        name: {code: position for position, code in enumerate(codes)} for name, codes in manifest.vocabularies.items()
    }
    columns = {
        group: np.flatnonzero([feature.group == group for feature in manifest.features])
        for group in ("SCHEDULE", *_BEYOND_SCHEDULE)
    }
    bundle = Bundle(manifest, _session(files.model, path / MODEL_FILE, threads), positions, columns, files.checksums)
    _check_golden(bundle, path / MODEL_FILE)
    return bundle


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _session(content: bytes, path: Path, threads: int) -> InferenceSession:
    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # What goes wrong is raised and said in the project's own words.
    try:
        # Without its fallback: there is nothing to fall back to, and it would print to standard output.
        session = InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as error:  # Its errors have no ancestor of their own, and some are Python's.
        raise BundleError(f"{path} is not a model that ONNX Runtime accepts: {_one_line(error)}") from error
    inputs, outputs = ([node.name for node in nodes] for nodes in (session.get_inputs(), session.get_outputs()))
    if inputs != [INPUT] or outputs != [OUTPUT]:
        raise BundleError(f"{path} maps {inputs} to {outputs}, not [{INPUT!r}] to [{OUTPUT!r}]")
    return session


def _check_golden(bundle: Bundle, path: Path) -> None:
    expected = bundle.manifest.golden_outputs
    try:
        (answered,) = bundle.session.run([OUTPUT], {INPUT: bundle.manifest.golden_inputs})
    except Exception as error:  # As above.
        raise BundleError(f"{path} does not take the manifest's golden inputs: {_one_line(error)}") from error
    if answered.shape != expected.shape:
        raise BundleError(f"{path} answers the golden inputs with shape {answered.shape}, not {expected.shape}")
    worst = float(np.max(np.abs(answered - expected)))
    if not worst <= GOLDEN_TOLERANCE:  # NaN too is refused.
        raise BundleError(f"{path} answers the golden inputs differently: by {worst:.2g}, allowed {GOLDEN_TOLERANCE}")
