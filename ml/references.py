"""What the model has to beat: predictors that need no learning, and what older bundles recorded of themselves."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from ml.dataset import Dataset
from ml.delay_classes import EDGES, class_of, fit_classes
from ml.rolling import MonthResult, flights_of, month_name, rolling_months
from ml.runtime.files import MANIFEST_FILE

BASELINE = "model_v1"
"""The bundle whose recorded figures stand beside those of a new model."""

HISTORY_PRIOR_FLIGHTS = 20.0
"""A route's hour is drawn towards the average as if it had this many average flights more.

Chosen on March to June, before the months that are tested: there 5 to 50 differ by less than 0.001 in Brier score.
"""


def reference_months(dataset: Dataset) -> Iterator[MonthResult]:
    """Every month that the model is tested on, predicted by `HISTORY` and by `CONSTANT` from the months before.

    `CONSTANT` gives each flight the shares of the delay classes in the months before; its P(delayed) is their delayed
    rate. `HISTORY` does so for each origin, destination and hour of departure, drawn towards these shares: what an
    analyst would look up.

    Raises:
        TrainingError: the flights span too few months.
    """
    labels = class_of(dataset.arrival_delay, dataset.never, EDGES)
    route_hours = _route_hours(dataset)
    for month in rolling_months(dataset):
        before, tested = dataset.month < month, dataset.month == month
        classes = fit_classes(dataset.arrival_delay[before & ~dataset.never], EDGES)
        overall = np.bincount(labels[before], minlength=classes.count) / before.sum()
        shares = history(route_hours[before], labels[before], overall)
        constant = float(dataset.delayed[before].mean())
        name, flights = month_name(month), flights_of(dataset.where(tested))
        known = np.where(route_hours[tested] < len(shares), route_hours[tested], -1)
        by_history = np.concatenate((shares, overall[None, :]))[known].astype(np.float32)
        by_constant = np.tile(overall.astype(np.float32), (len(known), 1))
        yield MonthResult(name, "HISTORY", flights, by_history, classes, constant)
        yield MonthResult(name, "CONSTANT", flights, by_constant, classes, constant)


def history(keys: NDArray[np.int64], labels: NDArray[np.int64], overall: NDArray[np.float64]) -> NDArray[np.float64]:
    """The shares of the delay classes by key, shape (highest key + 1, classes), drawn towards `overall`.

    Args:
        keys: what each flight belongs to, 0 or more, shape (n,).
        labels: the delay class of each flight, shape (n,).
        overall: the shares over all flights, shape (classes,).
    """
    count = np.zeros((int(keys.max()) + 1, len(overall)))
    np.add.at(count, (keys, labels), 1)
    shares: NDArray[np.float64] = (count + HISTORY_PRIOR_FLIGHTS * overall) / (
        count.sum(axis=1, keepdims=True) + HISTORY_PRIOR_FLIGHTS
    )
    return shares


def recorded(models: Path, window: tuple[date, date]) -> dict[str, dict[str, float]]:
    """The figures that `BASELINE` recorded of itself by basis and name; none without it.

    Also none when it was trained on flights of another `window`: its figures would be of other months.
    """
    try:
        manifest: dict[str, Any] = orjson.loads((models / BASELINE / MANIFEST_FILE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    if manifest["trainingWindow"] != {"first": window[0].isoformat(), "last": window[1].isoformat()}:
        return {}
    found: dict[str, dict[str, float]] = {}
    for metric in manifest["metrics"]:
        found.setdefault(metric["basis"], {})[metric["name"]] = metric["value"]
    return found


def _route_hours(dataset: Dataset) -> NDArray[np.int64]:
    """A number for each origin, destination and hour of departure on the origin's clock, shape (n,)."""
    columns = dataset.columns
    hours = (columns.departure_minute // 60).astype(int).astype(str)
    routes = columns.origin_code.astype(str), columns.destination_code.astype(str), hours
    return np.unique(np.stack(routes, axis=1), axis=0, return_inverse=True)[1].reshape(-1)
