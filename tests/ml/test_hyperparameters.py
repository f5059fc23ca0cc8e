from pathlib import Path

import pytest

from ml.fit import Hyperparameters
from ml.hyperparameters import HyperparametersError, read_hyperparameters, write_hyperparameters


@pytest.mark.parametrize(
    "hyperparameters",
    [
        Hyperparameters(),
        Hyperparameters(3, 120, 0.0312, 48, 1999, 0.1, 0.0),
        Hyperparameters(2**32 - 1, 1, 1.0, 2, 1, 0.0, 1.0),
    ],
)
def test_what_is_written_is_read(tmp_path: Path, hyperparameters: Hyperparameters) -> None:
    path = tmp_path / "a" / "best.json"
    write_hyperparameters(path, hyperparameters)

    assert read_hyperparameters(path) == hyperparameters


def test_what_a_file_leaves_out_has_its_default(tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    path.write_text('{"leaves": 20, "learning_rate": 1}')
    found = read_hyperparameters(path)

    assert found == Hyperparameters(leaves=20, learning_rate=1.0)
    assert isinstance(found.learning_rate, float)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{leaves: 20}", "is not JSON"),
        ("[31]", 'must hold one object, such as {"iterations": '),
        ('{"leafs": 20}', '"leafs" is not a hyperparameter, those are seed, iterations, learning_rate, leaves'),
        ('{"leaves": "20"}', '"leaves" must be a whole number, not "20"'),
        ('{"leaves": 20.5}', '"leaves" must be a whole number, not 20.5'),
        ('{"leaves": true}', '"leaves" must be a whole number, not true'),
        ('{"leaves": null}', '"leaves" must be a whole number, not null'),
        ('{"leaves": 1}', '"leaves" must be from 2 to 10000, not 1'),
        ('{"learning_rate": "high"}', '"learning_rate" must be a number, not "high"'),
        ('{"learning_rate": 0}', '"learning_rate" must be from 1e-06 to 1, not 0'),
        ('{"masked_share": 1.5}', '"masked_share" must be from 0 to 1, not 1.5'),
        ('{"seed": -1}', '"seed" must be from 0'),
        ('{"leaves": 1, "trees": 5}', '"trees" is not .*; "leaves" must be'),
    ],
)
def test_what_cannot_be_used_is_named_with_its_file(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(content)

    with pytest.raises(HyperparametersError, match=f"wrong.json.*{message}") as raised:
        read_hyperparameters(path)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HyperparametersError, match=r"nowhere.json cannot be read: No such file"):
        read_hyperparameters(tmp_path / "nowhere.json")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(HyperparametersError, match="cannot be written"):
        write_hyperparameters(tmp_path / "file" / "best.json", Hyperparameters())
