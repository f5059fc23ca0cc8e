"""The training runs on record, and what became of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from rich.table import Table

from ml.features import BASES, Group
from ml.runtime.aliases import read_aliases, versions_in
from ml.runtime.files import MANIFEST_FILE
from ml.runtime.manifest import parse_manifest
from ml.store import bundle_tag, client_of, is_made, store_errors, training_runs

if TYPE_CHECKING:
    from mlflow.entities import Run

SHORTEST_ID = 8
_EVERYTHING: Group = "OPERATIONS"


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A finished training run.

    `short_id` is as much of `run_id` as no other run begins with. `metrics` are those of the evaluation by basis and
    name, empty if there was none; `exported_as` are the versions that were made of it and are still there.
    """

    run_id: str
    short_id: str
    started_at: datetime
    duration_seconds: float
    peak_memory_mib: float
    rows: int
    seed: int
    source: str
    metrics: Mapping[Group, Mapping[str, float]]
    exported_as: tuple[str, ...]
    aliases: tuple[str, ...]


def recorded_runs(models: Path, store: Path) -> list[RecordedRun]:
    """Every finished run, newest first; none where there is no store.

    Args:
        models: the directory of the bundles and `aliases.json`.
        store: the directory of the default store.

    Raises:
        RecordError: the store cannot be reached.
        AliasesError: the aliases on file are damaged.
    """
    if not is_made(store):
        return []
    with store_errors():
        runs = list(training_runs(client_of(store), store))
    checksums, aliases = _checksums(models), read_aliases(models)
    short = _short_ids([run.info.run_id for run in runs])
    return [_recorded(run, short[run.info.run_id], checksums, aliases) for run in runs]


def table(runs: Sequence[RecordedRun]) -> Table:
    """The runs as a table for the terminal."""
    shown = Table("run", "started (UTC)", box=None, pad_edge=False)
    for name in (
        "took",
        "memory",
        "flights",
        "seed",
        *(f"AUC\n{basis.lower()}" for basis in BASES),
        "Brier\noperations",
    ):
        shown.add_column(name, justify="right")
    shown.add_column("version")
    shown.add_column("alias")
    for run in runs:
        shown.add_row(
            run.short_id,
            f"{run.started_at:%Y-%m-%d %H:%M}",
            f"{run.duration_seconds:.0f} s",
            f"{run.peak_memory_mib:.0f} MiB",
            f"{run.rows:,}",
            str(run.seed),
            *(_figure(run, basis, "mean_auc") for basis in BASES),
            _figure(run, _EVERYTHING, "brier"),
            " ".join(run.exported_as),
            " ".join(run.aliases),
        )
    return shown


def as_json(runs: Sequence[RecordedRun]) -> str:
    """The runs as a JSON list, with everything that the table leaves out."""
    return orjson.dumps([asdict(run) for run in runs], option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode()


def _figure(run: RecordedRun, basis: Group, name: str) -> str:
    value = run.metrics.get(basis, {}).get(name)
    return "" if value is None else f"{value:.4f}"


def _recorded(run: "Run", short_id: str, checksums: Mapping[str, str], aliases: Mapping[str, str]) -> RecordedRun:
    metrics, parameters, tags = run.data.metrics, run.data.params, run.data.tags
    versions = tuple(version for version, sha256 in checksums.items() if tags.get(bundle_tag(version)) == sha256)
    return RecordedRun(
        run_id=run.info.run_id,
        short_id=short_id,
        started_at=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
        duration_seconds=metrics["duration_seconds"],
        peak_memory_mib=metrics["peak_memory_mib"],
        rows=int(metrics["rows"]),
        seed=int(float(parameters["seed"])),
        source=parameters.get("source", ""),
        metrics={basis: of for basis in BASES if (of := _of_basis(metrics, basis))},
        exported_as=versions,
        aliases=tuple(alias for alias, version in aliases.items() if version in versions),
    )


def _of_basis(metrics: Mapping[str, Any], basis: Group) -> dict[str, float]:
    prefix = f"{basis}_"
    return {name.removeprefix(prefix): value for name, value in metrics.items() if name.startswith(prefix)}


def _checksums(models: Path) -> dict[str, str]:
    """The SHA-256 of each bundle's ONNX file by version; those that cannot be read are left out."""
    found = {}
    for version in versions_in(models):
        try:
            found[version] = parse_manifest((models / version / MANIFEST_FILE).read_bytes()).sha256
        except (OSError, ValueError):
            continue
    return found


def _short_ids(ids: Sequence[str]) -> dict[str, str]:
    """The shortest beginnings of one length, at least `SHORTEST_ID`, that tell the ids apart."""
    length = SHORTEST_ID
    while len({run_id[:length] for run_id in ids}) < len(ids):
        length += 1
    return {run_id: run_id[:length] for run_id in ids}
