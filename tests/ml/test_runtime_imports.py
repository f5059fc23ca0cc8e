import subprocess
import sys

TRAINING_LIBRARIES = {"sklearn", "skl2onnx", "mlflow", "polars", "matplotlib", "onnx", "joblib", "scipy", "graphql_api"}
SHOW_MODULES = "import sys, ml.runtime; print(*{name.partition('.')[0] for name in sys.modules})"


def test_serving_imports_no_training_library() -> None:
    done = subprocess.run([sys.executable, "-c", SHOW_MODULES], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())

    assert {"ml", "numpy", "onnxruntime", "orjson"} <= imported
    assert imported & TRAINING_LIBRARIES == set()
