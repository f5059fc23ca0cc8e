import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from db.progress import Silent
from ml.fit import Fitted
from ml.record import Training, save_export, save_run
from ml.runtime import Bundle, load_bundle
from ml.store import RecordError
from ml.verify import ParityError, parity_of
from tests.ml.conftest import USES_MLFLOW

pytestmark = USES_MLFLOW


@pytest.fixture
def bundle(bundle_path: Path) -> Bundle:
    """A bundle of another checksum than those of other tests, so that no other test's run is its."""
    manifest = load_bundle(bundle_path).manifest
    return replace(load_bundle(bundle_path), manifest=replace(manifest, sha256=f"{bundle_path}"))


def record(bundle: Bundle, path: Path, fitted: Fitted, training: Training, store: Path) -> str:
    run_id = save_run(fitted, training, store)
    save_export(run_id, bundle, path, {}, store)
    return run_id


def checked(bundle: Bundle, path: Path, store: Path, source: str | None = None) -> str:
    return parity_of(bundle, path, Silent(), source=source, store=store)


def test_a_bundle_is_compared_with_the_run_that_it_was_exported_from(
    bundle: Bundle, bundle_path: Path, fitted: Fitted, training: Training, store: Path, processed: Path
) -> None:
    run_id = record(bundle, bundle_path, fitted, replace(training, source=str(processed)), store)

    found = checked(bundle, bundle_path, store)

    assert found.startswith("differs from scikit-learn by at most ")
    assert found.endswith(f"(run {run_id})")
    assert "13," in found, "12,028 flights and a tenth of them with inputs left out"


def test_a_bundle_that_answers_differently_is_refused(
    bundle: Bundle, bundle_path: Path, fitted: Fitted, training: Training, store: Path, processed: Path
) -> None:
    tampered = replace(fitted, classifier=Reversed(fitted))
    run_id = record(bundle, bundle_path, tampered, training, store)

    with pytest.raises(ParityError, match=f"differs from the run {run_id} .* allowed is 0.0001; export it again"):
        checked(bundle, bundle_path, store, str(processed))


class Reversed:
    """A classifier that answers with the classes in the wrong order."""

    def __init__(self, fitted: Fitted) -> None:
        self.classifier = fitted.classifier

    def predict_proba(self, rows: object) -> object:
        return self.classifier.predict_proba(rows)[:, ::-1]


def test_without_the_run_on_record_it_says_where_the_export_s_finding_is(
    bundle: Bundle, bundle_path: Path, store: Path, tmp_path: Path
) -> None:
    why = "not checked: the run that it was exported from is not on record here; what the export found is in"

    assert checked(bundle, bundle_path, store) == f"{why} {bundle_path}/report.md"
    assert checked(bundle, bundle_path, tmp_path / "no store") == f"{why} {bundle_path}/report.md"
    assert not (tmp_path / "no store").exists()


def test_without_the_flights_it_says_why_it_could_not_be_checked(
    bundle: Bundle, bundle_path: Path, fitted: Fitted, training: Training, store: Path, tmp_path: Path
) -> None:
    record(bundle, bundle_path, fitted, replace(training, source=str(tmp_path / "gone")), store)

    assert f"not checked: the run's own flights: {tmp_path / 'gone'} cannot be read" in checked(
        bundle, bundle_path, store
    )


def test_a_store_that_cannot_be_used_is_an_error(bundle: Bundle, bundle_path: Path, tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"not a database" * 100)

    with pytest.raises(RecordError):
        checked(bundle, bundle_path, tmp_path)


def test_verifying_needs_no_training_library_where_no_run_is_on_record(exported: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from ml.__main__ import app;"
        f"done = CliRunner().invoke(app, ['verify', {str(exported)!r}]);"
        "print(done.exit_code, *{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"MODEL_DIR": str(tmp_path)}
    )

    assert done.stdout.split()[0] == "0"
    assert not set(done.stdout.split()) & {"mlflow", "sklearn", "polars", "skl2onnx", "joblib"}
