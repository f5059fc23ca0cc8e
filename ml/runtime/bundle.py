"""A served model: its ONNX file and its manifest, checked before they are used."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors

from ml.columns import columns_of
from ml.errors import ModelError
from ml.features import Feature, Group, matrix
from ml.leg import Leg
from ml.runtime.distribution import Distribution
from ml.runtime.manifest import Manifest, Metric, parse_manifest

MODEL_FILE = "delay.onnx"
MANIFEST_FILE = "model.json"
INPUT = "inputs"
OUTPUT = "probabilities"
GOLDEN_TOLERANCE = 1e-5
"""Between processors ONNX Runtime's float32 sums differ by about 1e-7; a damaged model by far more."""

_LOAD_ERRORS = (
    onnx_errors.Fail,
    onnx_errors.InvalidArgument,
    onnx_errors.InvalidGraph,
    onnx_errors.InvalidProtobuf,
    onnx_errors.NotImplemented,
    onnx_errors.RuntimeException,
)


class BundleError(ModelError):
    """A bundle is incomplete or damaged. The message names the file and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model ready to answer. Safe to share between threads."""

    manifest: Manifest
    session: InferenceSession
    positions: Mapping[str, Mapping[str, int]]
    """For each position feature, the number of each code."""

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
        (probabilities,) = self.session.run([OUTPUT], {INPUT: inputs})
        return Distribution(probabilities.astype(np.float64), self.manifest.classes)

    def basis(self, inputs: NDArray[np.float32]) -> list[tuple[Group, ...]]:
        """For each of n rows, the groups of which at least one input is known; SCHEDULE always is."""
        known: NDArray[np.bool_] = ~np.isnan(inputs)
        groups = np.array([feature.group for feature in self.features])
        later: tuple[Group, ...] = ("WEATHER", "OPERATIONS")
        present = [(group, np.any(known[:, groups == group], axis=1)) for group in later]
        return [("SCHEDULE", *(group for group, rows in present if rows[row])) for row in range(len(inputs))]


def load_bundle(path: Path, threads: int = 1) -> Bundle:
    """Load the bundle in the directory `path` after every check.

    In order: both files are there, the manifest is complete and names this directory, the ONNX file has the manifest's
    SHA-256, ONNX Runtime accepts it with the inputs and outputs that are expected, and it answers the golden inputs as
    it did when it was exported. Checksum and golden vectors are both needed: ONNX Runtime loads about a quarter of
    files with a flipped bit without complaint.

    Args:
        path: a directory with `delay.onnx` and `model.json`.
        threads: of ONNX Runtime within one run; 1 leaves the cores to other requests.

    Raises:
        BundleError: a check failed.
    """
    content = _read(path / MODEL_FILE)
    try:
        manifest = parse_manifest(_read(path / MANIFEST_FILE))
    except ValueError as error:
        raise BundleError(f"{path / MANIFEST_FILE} cannot be used: {error}") from error
    if manifest.version != path.resolve().name:
        raise BundleError(f"{path / MANIFEST_FILE} describes {manifest.version}, another directory's model")
    actual = hashlib.sha256(content).hexdigest()
    if actual != manifest.sha256:
        raise BundleError(f"{path / MODEL_FILE} is damaged: its SHA-256 is {actual}, the manifest's {manifest.sha256}")
    positions = {
        name: {code: position for position, code in enumerate(codes)} for name, codes in manifest.vocabularies.items()
    }
    bundle = Bundle(manifest, _session(content, path / MODEL_FILE, threads), positions)
    _check_golden(bundle, path / MODEL_FILE)
    return bundle


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from error


def _session(content: bytes, path: Path, threads: int) -> InferenceSession:
    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # What goes wrong is raised and said in the project's own words.
    try:
        session = InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except _LOAD_ERRORS as error:
        raise BundleError(f"{path} is not a model that ONNX Runtime accepts: {error}") from error
    inputs, outputs = ([node.name for node in nodes] for nodes in (session.get_inputs(), session.get_outputs()))
    if inputs != [INPUT] or outputs != [OUTPUT]:
        raise BundleError(f"{path} maps {inputs} to {outputs}, not [{INPUT!r}] to [{OUTPUT!r}]")
    return session


def _check_golden(bundle: Bundle, path: Path) -> None:
    expected = bundle.manifest.golden_outputs
    try:
        (answered,) = bundle.session.run([OUTPUT], {INPUT: bundle.manifest.golden_inputs})
    except _LOAD_ERRORS as error:
        raise BundleError(f"{path} does not take the manifest's golden inputs: {error}") from error
    if answered.shape != expected.shape:
        raise BundleError(f"{path} answers the golden inputs with shape {answered.shape}, not {expected.shape}")
    worst = float(np.max(np.abs(answered - expected)))
    if not worst <= GOLDEN_TOLERANCE:  # NaN too is refused.
        raise BundleError(f"{path} answers the golden inputs differently: by {worst:.2g}, allowed {GOLDEN_TOLERANCE}")
