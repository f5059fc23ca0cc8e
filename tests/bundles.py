"""Bundles for tests: copies under other names, damaged ones, and ones that no process should load."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from onnx import TensorProto, helper, numpy_helper

from ml.runtime import Bundle, BundleError, Registry, load_bundle, look
from ml.runtime.files import MANIFEST_FILE, MODEL_FILE, seal

COMMITTED = Path(__file__).parents[1] / "mlruns"
_FLOAT = TensorProto.FLOAT


def add_version(source: Path, target: Path, spoil: Callable[[Path], object] | None = None) -> Path:
    """A copy of a bundle under another version's name, spoilt if need be, put in place at once, as an export is."""
    beside = target.with_name(f".{target.name}")
    shutil.copytree(source, beside)
    manifest = orjson.loads((beside / MANIFEST_FILE).read_bytes())
    (beside / MANIFEST_FILE).write_bytes(orjson.dumps(manifest | {"version": target.name}))
    seal(beside)
    if spoil:
        spoil(beside)
    return beside.rename(target)


def remove_version(bundle: Path) -> None:
    """At once too: nobody sees half of it."""
    shutil.rmtree(bundle.rename(bundle.with_name(f".{bundle.name}")))


def damage(bundle: Path) -> None:
    """One bit of the model."""
    content = (bundle / MODEL_FILE).read_bytes()
    (bundle / MODEL_FILE).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def write_aliases(models: Path, **aliases: Any) -> None:
    """Other aliases, put in place at once."""
    beside = models / ".aliases"
    beside.write_bytes(orjson.dumps(aliases))
    os.replace(beside, models / "aliases.json")  # noqa: PTH105  the same, in one word that says what it is for


def replace_model(bundle: Path, content: bytes) -> None:
    """Another ONNX file under a manifest and a seal that vouch for it."""
    (bundle / MODEL_FILE).write_bytes(content)
    manifest = orjson.loads((bundle / MANIFEST_FILE).read_bytes())
    (bundle / MANIFEST_FILE).write_bytes(orjson.dumps(manifest | {"sha256": hashlib.sha256(content).hexdigest()}))
    seal(bundle)


def opened(models: Path) -> Registry:
    """What serves of a directory of models, all loaded in this process."""
    return followed(Registry(), models)


def followed(registry: Registry, models: Path) -> Registry:
    """What a registry becomes when it follows its directory."""
    listing = look(models)
    found: dict[str, Bundle | BundleError] = {}
    for version in registry.changed(listing):
        try:
            found[version] = load_bundle(models / version)
        except BundleError as error:
            found[version] = error
    return registry.following(listing, found)


def make_deadly(bundle: Path) -> None:
    replace_model(bundle, deadly_model())


def deadly_model() -> bytes:
    """A model that kills the process that loads it.

    One tree of 20,000 nodes, each below the one before: ONNX Runtime 1.32 follows it by recursion until the stack ends.
    """
    depth = 20_000
    nodes = 2 * depth + 1
    branches = range(depth)
    leaves = list(range(depth, nodes))
    node = helper.make_node(
        "TreeEnsembleClassifier",
        ["inputs"],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        nodes_treeids=[0] * nodes,
        nodes_nodeids=list(range(nodes)),
        nodes_featureids=[0] * nodes,
        nodes_values=[float(-number) for number in branches] + [0.0] * len(leaves),
        nodes_modes=["BRANCH_LEQ"] * depth + ["LEAF"] * len(leaves),
        nodes_truenodeids=[number + 1 for number in branches] + [0] * len(leaves),
        nodes_falsenodeids=[depth + 1 + number for number in branches] + [0] * len(leaves),
        class_treeids=[0] * len(leaves),
        class_nodeids=leaves,
        class_ids=[0] * len(leaves),
        class_weights=[1.0] * len(leaves),
        classlabels_int64s=[0, 1],
        post_transform="NONE",
    )
    return _model([node], [])


def endless_model(inputs: int, classes: int) -> bytes:
    """A model that loads well and never answers: a loop of 2^62 rounds."""
    scalar = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["before"], ["after"])],
        "round",
        [
            scalar("number", TensorProto.INT64, []),
            scalar("go", TensorProto.BOOL, []),
            scalar("before", _FLOAT, None),
        ],
        [scalar("on", TensorProto.BOOL, []), scalar("after", _FLOAT, None)],
    )
    nodes = [
        helper.make_node("MatMul", ["inputs", "weights"], ["first"]),
        helper.make_node("Loop", ["rounds", "always", "first"], ["probabilities"], body=body),
    ]
    constants = {
        "weights": np.zeros((inputs, classes), np.float32),
        "rounds": np.array(2**62),
        "always": np.array(True),
    }
    return _model(nodes, [numpy_helper.from_array(value, name) for name, value in constants.items()])


def _model(nodes: list[Any], constants: list[Any]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "delay",
        [helper.make_tensor_value_info("inputs", _FLOAT, [None, None])],
        [helper.make_tensor_value_info("probabilities", _FLOAT, [None, None])],
        initializer=constants,
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    content: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    return content
