"""`model.json`: what a bundle says of its model. Written by the export, read and checked by the runtime."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from math import inf
from typing import Any, TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray

from ml.delay_classes import DelayClasses
from ml.features import BASES, FEATURES, VOCABULARY_FEATURES, Feature, Group

_FEATURES_BY_NAME = {feature.name: feature for feature in FEATURES}
T = TypeVar("T")
_CONTRACT = ("name", "group", "dtype", "unit")


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of the rolling-origin evaluation, with the inputs up to `basis` known."""

    name: str
    basis: Group
    value: float


@dataclass(frozen=True, slots=True)
class EvaluatedOn:
    """What the metrics were measured on: the months, such as 2013-07, and how many flights they had together.

    Metrics of two models can be compared where this is equal.
    """

    months: tuple[str, ...]
    flights: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The facts about a trained model. `evaluated_on` is None where it was trained without one.

    `golden_inputs` (rows, features) with NaN for unknown and `golden_outputs` (rows, classes) are what the model
    answered when it was exported. `vocabularies` holds the codes of each position feature in order. `temperatures` are
    those of `ml.temperature` by the last group that is known; 1 where a group is left out.
    """

    version: str
    trained_at: datetime
    training_rows: int
    training_window: tuple[date, date]
    seed: int
    features: tuple[Feature, ...]
    vocabularies: dict[str, tuple[str, ...]]
    classes: DelayClasses
    metrics: tuple[Metric, ...]
    evaluated_on: EvaluatedOn | None
    sha256: str
    golden_inputs: NDArray[np.float32]
    golden_outputs: NDArray[np.float32]
    temperatures: Mapping[Group, float] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The content of `model.json`."""
        content = {
            "version": self.version,
            "trainedAt": self.trained_at.isoformat(),
            "trainingRows": self.training_rows,
            "trainingWindow": {"first": self.training_window[0], "last": self.training_window[1]},
            "seed": self.seed,
            "features": [{key: getattr(feature, key) for key in _CONTRACT} for feature in self.features],
            "vocabularies": self.vocabularies,
            "classes": asdict(self.classes),
            "temperatures": self.temperatures,
            "metrics": [asdict(metric) for metric in self.metrics],
            "evaluation": self.evaluated_on and asdict(self.evaluated_on),
            "sha256": self.sha256,
            "golden": {"inputs": self.golden_inputs, "outputs": self.golden_outputs},
        }
        return orjson.dumps(
            content, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
        )


def parse_manifest(content: bytes) -> Manifest:
    """Read `model.json`.

    Raises:
        ValueError: it is not JSON, lacks a field, or names features that this code does not compute. The message says
            which.
    """
    try:
        data = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error})") from error
    window, golden, classes = (_field(data, key, dict) for key in ("trainingWindow", "golden", "classes"))
    features = tuple(_feature(item) for item in _field(data, "features", list))
    edges = _numbers(classes, "edges")
    medians = _numbers(classes, "medians") if "medians" in classes else ()
    return Manifest(
        version=_field(data, "version", str),
        trained_at=_instant(_field(data, "trainedAt", str)),
        training_rows=_field(data, "trainingRows", int),
        training_window=(
            date.fromisoformat(_field(window, "first", str)),
            date.fromisoformat(_field(window, "last", str)),
        ),
        seed=_field(data, "seed", int),
        features=features,
        vocabularies=_vocabularies(_field(data, "vocabularies", dict), features),
        classes=DelayClasses(edges, _field(classes, "lowest", float), _field(classes, "highest", float), medians),
        metrics=tuple(_metric(item) for item in _field(data, "metrics", list)),
        evaluated_on=_evaluated_on(data.get("evaluation")),
        sha256=_field(data, "sha256", str),
        golden_inputs=_rows(golden, "inputs", len(features)),
        golden_outputs=_rows(golden, "outputs", len(edges) + 2),
        temperatures=_temperatures(data.get("temperatures", {})),
    )


def _field(data: object, key: str, kind: type[T]) -> T:
    value = data.get(key) if isinstance(data, dict) else None
    if not isinstance(value, kind):
        raise ValueError(f'"{key}" is missing or not of type {kind.__name__}')  # noqa: TRY004  the file's fault
    return value


def _feature(item: object) -> Feature:
    feature = _FEATURES_BY_NAME.get(_field(item, "name", str))
    if feature is None or any(_field(item, key, str) != getattr(feature, key) for key in _CONTRACT):
        raise ValueError(f"its feature {item} is not one that this version of the code computes")
    return feature


def _numbers(classes: dict[str, Any], key: str) -> tuple[float, ...]:
    numbers = _field(classes, key, list)
    if not all(isinstance(number, float | int) for number in numbers):
        raise ValueError(f'its "{key}" are not numbers: {numbers}')
    return tuple(float(number) for number in numbers)


def _temperatures(data: object) -> dict[Group, float]:
    known = {basis: _field(data, basis, float) for basis in BASES if isinstance(data, dict) and basis in data}
    if not isinstance(data, dict) or len(known) < len(data) or any(not 0 < each < inf for each in known.values()):
        raise ValueError(f'its "temperatures" are not positive numbers by {", ".join(BASES)}: {data}')
    return known


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f'its "trainedAt", {text}, has no offset from UTC')
    return instant


def _metric(item: object) -> Metric:
    basis = next((group for group in BASES if group == _field(item, "basis", str)), None)
    if basis is None:
        raise ValueError(f"its metric {item} has a basis that is none of {', '.join(BASES)}")
    return Metric(_field(item, "name", str), basis, _field(item, "value", float))


def _evaluated_on(item: object) -> EvaluatedOn | None:
    if item is None:
        return None
    months = tuple(str(month) for month in _field(item, "months", list))
    if not months:
        raise ValueError('its "evaluation" names no months')
    return EvaluatedOn(months, _field(item, "flights", int))


def _vocabularies(data: dict[str, Any], features: tuple[Feature, ...]) -> dict[str, tuple[str, ...]]:
    needed = [feature.name for feature in features if feature.name in VOCABULARY_FEATURES]
    return {name: tuple(str(code) for code in _field(data, name, list)) for name in needed}


def _rows(golden: dict[str, Any], key: str, width: int) -> NDArray[np.float32]:
    try:
        rows = np.array(_field(golden, key, list), dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f'its golden "{key}" are not rows of numbers') from error
    if rows.ndim != 2 or rows.shape[0] == 0 or rows.shape[1] != width:
        raise ValueError(f'its golden "{key}" have the shape {rows.shape}, not (rows, {width})')
    return rows
