import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from ml.dataset import Dataset
from ml.features import DELAY_FEATURES, FEATURES
from ml.fit import Fitted
from ml.leg import Leg
from ml.runtime import Bundle, BundleError, load_bundle
from ml.runtime.files import seal
from ml.temperature import tempered

Change = Callable[[dict[str, Any]], object]


def rewrite_manifest(bundle_path: Path, change: Change) -> None:
    """Another manifest, sealed as if it were meant."""
    path = bundle_path / "model.json"
    content = orjson.loads(path.read_bytes())
    change(content)
    path.write_bytes(orjson.dumps(content))
    seal(bundle_path)


def rewrite_model(bundle_path: Path, content: bytes) -> None:
    """Another ONNX file, with the checksum in the manifest brought up to date."""
    (bundle_path / "delay.onnx").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    rewrite_manifest(bundle_path, lambda manifest: manifest.update(sha256=digest))


@pytest.fixture
def bundle(exported: Path) -> Bundle:
    return load_bundle(exported)


def test_a_sound_bundle_says_what_it_is(bundle: Bundle, dataset: Dataset, exported: Path) -> None:
    assert bundle.version == "model_v1"
    assert bundle.sha256 == hashlib.sha256((exported / "delay.onnx").read_bytes()).hexdigest()
    assert bundle.trained_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert bundle.training_rows == len(dataset)
    assert bundle.features == FEATURES
    assert [(metric.name, metric.basis, metric.value) for metric in bundle.metrics] == [
        ("mean_auc", "SCHEDULE", 0.61),
        ("brier", "SCHEDULE", 0.18),
        ("mean_auc", "WEATHER", 0.7),
        ("brier", "WEATHER", 0.16),
    ]


def test_a_bundle_answers_as_the_fitted_model_does(bundle: Bundle, fitted: Fitted, legs: list[Leg]) -> None:
    inputs = bundle.matrix(legs)

    assert inputs.dtype == np.float32
    assert bundle.run(inputs).probabilities == pytest.approx(fitted.probabilities(inputs), abs=1e-5)


def test_an_unseen_carrier_gets_an_answer_of_its_own(bundle: Bundle, legs: list[Leg]) -> None:
    seen, unseen, _ = bundle.run(bundle.matrix(legs)).probability_delayed

    assert 0 < unseen < 1
    assert unseen != seen


def test_a_flight_of_which_nothing_is_known_gets_about_the_average(bundle: Bundle, dataset: Dataset) -> None:
    nothing = np.full((1, len(FEATURES)), np.nan, dtype=np.float32)

    assert bundle.run(nothing).probability_delayed[0] == pytest.approx(dataset.delayed.mean(), abs=0.03)


def test_a_batch_is_one_run_of_the_session(
    bundle: Bundle, legs: list[Leg], counting: Callable[[Bundle], tuple[Bundle, list[int]]]
) -> None:
    counted, sizes = counting(bundle)

    counted.run(counted.matrix(legs * 50))

    assert sizes == [150]


def test_no_legs_get_no_answers(bundle: Bundle) -> None:
    distribution = bundle.run(bundle.matrix([]))

    assert distribution.probability_delayed.shape == (0,)
    assert distribution.quantiles.shape == (0, 3)


def unasked(leg: Leg) -> Leg:
    """A leg months ahead: nobody knows how late flights are running."""
    unknown: dict[str, Any] = dict.fromkeys(DELAY_FEATURES)
    return replace(leg, **unknown)


def test_each_row_has_the_temperature_of_the_last_group_that_is_known(bundle: Bundle, leg: Leg) -> None:
    rows = bundle.matrix([leg, replace(leg, weather=()), unasked(leg), replace(unasked(leg), weather=())])
    raw = bundle.run(rows).probabilities
    manifest = replace(bundle.manifest, temperatures={"WEATHER": 0.5, "OPERATIONS": 2.0})

    answer = replace(bundle, manifest=manifest).run(rows)

    assert answer.probabilities[:2] == pytest.approx(tempered(raw[:2], 2.0))
    assert answer.probabilities[2] == pytest.approx(tempered(raw[2:3], 0.5)[0])
    assert answer.probabilities[3] == pytest.approx(raw[3])


def test_the_basis_names_the_groups_of_which_something_is_known(bundle: Bundle, leg: Leg) -> None:
    nothing = np.full((1, len(FEATURES)), np.nan, dtype=np.float32)
    forecast = unasked(leg)

    assert bundle.basis(bundle.matrix([leg, forecast, replace(forecast, weather=()), replace(leg, weather=())])) == [
        ("SCHEDULE", "WEATHER", "OPERATIONS"),
        ("SCHEDULE", "WEATHER"),
        ("SCHEDULE",),
        ("SCHEDULE", "OPERATIONS"),
    ]
    assert bundle.basis(nothing) == [("SCHEDULE",)]


@pytest.mark.parametrize("name", ["delay.onnx", "model.json", "SHA256SUMS"])
def test_a_missing_file_is_named(bundle_path: Path, name: str) -> None:
    (bundle_path / name).unlink()

    with pytest.raises(BundleError, match=rf"{name} cannot be read: No such file"):
        load_bundle(bundle_path)


def test_a_directory_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="No such file"):
        load_bundle(tmp_path / "model_v9")


@pytest.mark.parametrize("position", [0.001, 0.2, 0.5, 0.8, 0.999])
def test_one_flipped_bit_is_refused(bundle_path: Path, position: float) -> None:
    content = bytearray((bundle_path / "delay.onnx").read_bytes())
    content[int(len(content) * position)] ^= 1
    (bundle_path / "delay.onnx").write_bytes(content)

    with pytest.raises(BundleError, match=r"delay\.onnx is damaged: its SHA-256"):
        load_bundle(bundle_path)


def test_a_truncated_model_is_refused(bundle_path: Path) -> None:
    content = (bundle_path / "delay.onnx").read_bytes()
    (bundle_path / "delay.onnx").write_bytes(content[: len(content) // 2])

    with pytest.raises(BundleError, match=r"delay\.onnx is damaged"):
        load_bundle(bundle_path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_model_is_refused_even_where_the_checksum_agrees(bundle_path: Path, share: float) -> None:
    content = (bundle_path / "delay.onnx").read_bytes()
    rewrite_model(bundle_path, content[: int(len(content) * share)])

    with pytest.raises(BundleError, match=r"delay\.onnx"):
        load_bundle(bundle_path)


def test_a_manifest_of_another_model_is_refused(bundle_path: Path) -> None:
    rewrite_manifest(bundle_path, lambda manifest: manifest.update(sha256="0" * 64))

    with pytest.raises(BundleError, match=r"delay\.onnx is not the model that model\.json describes"):
        load_bundle(bundle_path)


def test_the_seal_is_what_sha256sum_prints(bundle_path: Path) -> None:
    lines = [
        f"{hashlib.sha256((bundle_path / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("delay.onnx", "model.json")
    ]

    assert (bundle_path / "SHA256SUMS").read_text(encoding="utf-8") == "".join(lines)
    assert load_bundle(bundle_path).checksums == "".join(lines)


def test_only_what_was_verified_is_loaded(bundle_path: Path) -> None:
    verified = load_bundle(bundle_path).checksums
    assert load_bundle(bundle_path, verified=verified).checksums == verified
    rewrite_manifest(bundle_path, lambda manifest: manifest.update(trainingRows=1))

    with pytest.raises(BundleError, match="model_v1 changed after it was verified"):
        load_bundle(bundle_path, verified=verified)


def test_warming_changes_no_answer(bundle: Bundle, legs: list[Leg]) -> None:
    inputs = bundle.matrix(legs)
    before = bundle.run(inputs).probabilities
    bundle.warm(50)

    assert np.array_equal(bundle.run(inputs).probabilities, before)


def test_a_model_that_answers_the_golden_inputs_differently_is_refused(bundle_path: Path) -> None:
    def shift(manifest: dict[str, Any]) -> None:
        manifest["golden"]["outputs"][3][2] += 2e-5

    rewrite_manifest(bundle_path, shift)

    with pytest.raises(BundleError, match="answers the golden inputs differently: by 2"):
        load_bundle(bundle_path)


def test_a_difference_of_rounding_is_accepted(bundle_path: Path) -> None:
    def shift(manifest: dict[str, Any]) -> None:
        manifest["golden"]["outputs"][3][2] += 1e-6

    rewrite_manifest(bundle_path, shift)

    assert load_bundle(bundle_path).version == "model_v1"


def test_a_model_with_other_inputs_is_refused(bundle_path: Path) -> None:
    content = (bundle_path / "delay.onnx").read_bytes()
    rewrite_model(bundle_path, content.replace(b"inputs", b"output"))

    with pytest.raises(BundleError, match="'output'"):
        load_bundle(bundle_path)


def test_another_version_s_bundle_is_refused(bundle_path: Path) -> None:
    moved = bundle_path.rename(bundle_path.with_name("model_v2"))

    with pytest.raises(BundleError, match="describes model_v1"):
        load_bundle(moved)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        *((lambda manifest, key=key: manifest.pop(key), f'"{key}"') for key in (
            "version", "trainedAt", "trainingRows", "trainingWindow", "seed", "features", "vocabularies", "classes",
            "metrics", "sha256", "golden",
        )),
        (lambda manifest: manifest.update(trainedAt="yesterday"), "yesterday"),
        (lambda manifest: manifest.update(trainedAt="2026-01-02T03:04:05"), "no offset from UTC"),
        (lambda manifest: manifest.update(trainingRows="many"), '"trainingRows"'),
        (lambda manifest: manifest["metrics"][0].update(basis="MOON"), "none of SCHEDULE, WEATHER, OPERATIONS"),
        (lambda manifest: manifest["classes"]["edges"].append("x"), '"edges" are not numbers'),
        (lambda manifest: manifest["features"][0].update(name="shoe_size"), "shoe_size"),
        (lambda manifest: manifest["features"][0].update(unit="min"), "not one that this version of the code computes"),
        (lambda manifest: manifest["vocabularies"].pop("carrier"), '"carrier"'),
        (lambda manifest: manifest["classes"]["edges"].remove(15.0), r"lack \[15"),
        (lambda manifest: manifest["classes"]["edges"].reverse(), "must rise"),
        (lambda manifest: manifest["classes"]["medians"].pop(), "there are 9 medians of 10 ranges"),
        (lambda manifest: manifest["classes"]["medians"].append("x"), '"medians" are not numbers'),
        *((lambda manifest, value=value: manifest.update(temperatures=value), "temperatures|OPERATIONS") for value in (
            {"MOON": 1.0}, {"OPERATIONS": 0.0}, {"OPERATIONS": -1.0}, {"OPERATIONS": "hot"}, [1.0], 1.0,
        )),
        (lambda manifest: manifest["golden"].update(inputs=[]), "inputs"),
        (lambda manifest: manifest["golden"]["inputs"].__setitem__(0, [1.0]), "inputs"),
        (lambda manifest: manifest["golden"].update(inputs=[["a"] * 9]), "inputs"),
        (lambda manifest: manifest["golden"]["outputs"].pop(), "shape"),
        (lambda manifest: [row.pop() for row in manifest["golden"]["outputs"]], "outputs"),
        (lambda manifest: manifest["features"].pop(), "inputs"),
    ],
)  # fmt: skip
def test_a_manifest_that_does_not_hold_is_refused(bundle_path: Path, change: Change, reason: str) -> None:
    rewrite_manifest(bundle_path, change)

    with pytest.raises(BundleError, match=reason):
        load_bundle(bundle_path)


@pytest.mark.parametrize("content", [b"", b"{", b"5", b"null", b"[]", b'{"version": 1}', b"\xff\xfe"])
def test_what_is_not_a_manifest_is_refused(bundle_path: Path, content: bytes) -> None:
    (bundle_path / "model.json").write_bytes(content)
    seal(bundle_path)

    with pytest.raises(BundleError, match=r"model\.json cannot be used"):
        load_bundle(bundle_path)


def test_a_bundle_loads_from_a_relative_path(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(exported)

    assert load_bundle(Path()).version == "model_v1"
