"""Hyperparameters as a JSON file: what `ml tune` writes and `ml train --hyperparameters` reads."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import orjson

from ml.errors import ModelError
from ml.fit import Hyperparameters

_DEFAULTS = asdict(Hyperparameters())
_RANGES: dict[str, tuple[float, float]] = {
    "seed": (0, 2**32 - 1),  # What numpy takes.
    "iterations": (1, 10_000),
    "learning_rate": (1e-6, 1),
    "leaves": (2, 10_000),
    "min_samples_leaf": (1, 10**9),
    "l2_regularization": (0, 1e9),
    "masked_share": (0, 1),
}
"""The least and the greatest value that training takes. A field that is not here may have any value of its type."""


class HyperparametersError(ModelError):
    """The file cannot be read, or names something that is not a hyperparameter, or a value is not possible."""


def write_hyperparameters(path: Path, hyperparameters: Hyperparameters) -> None:
    """Write every hyperparameter to the JSON file `path`.

    Raises:
        HyperparametersError: the file cannot be written.
    """
    content = orjson.dumps(asdict(hyperparameters), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise HyperparametersError(f"{path} cannot be written: {error.strerror}") from error


def read_hyperparameters(path: Path) -> Hyperparameters:
    """Read the JSON file `path`, one object from names to numbers. A name that is left out has its default.

    Raises:
        HyperparametersError: the file cannot be used; the message names it and what is wrong with it.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise HyperparametersError(f"{path} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise HyperparametersError(f"{path} is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise HyperparametersError(f"{path} must hold one object, such as {{{_example()}}}")
    values = _DEFAULTS | content
    wrong = [*_unknown(content), *filter(None, (_problem(name, values[name]) for name in _DEFAULTS))]
    if wrong:
        raise HyperparametersError(f"{path} cannot be used: {'; '.join(wrong)}")
    return Hyperparameters(**{name: type(_DEFAULTS[name])(value) for name, value in content.items()})


def _example() -> str:
    return ", ".join(f'"{name}": {value}' for name, value in list(_DEFAULTS.items())[1:3])


def _unknown(content: dict[str, Any]) -> list[str]:
    known = ", ".join(field.name for field in fields(Hyperparameters))
    return [f'"{name}" is not a hyperparameter, those are {known}' for name in content if name not in _DEFAULTS]


def _problem(name: str, value: object) -> str | None:
    """What is wrong with a value; None where nothing is."""
    whole = isinstance(_DEFAULTS[name], int)
    # To Python, true is a whole number.
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        return f'"{name}" must be a {"whole number" if whole else "number"}, not {orjson.dumps(value).decode()}'
    least, greatest = _RANGES.get(name, (float("-inf"), float("inf")))
    return None if least <= value <= greatest else f'"{name}" must be from {least:g} to {greatest:g}, not {value:g}'
