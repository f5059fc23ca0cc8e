"""`python -m ml`: train, export and verify models."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ml.errors import ModelError

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="markdown", help=__doc__)
_output = Console()
_errors = Console(stderr=True)

Data = Annotated[Path, typer.Option(help="The directory that `python -m db prepare` writes.")]
DATA = Path("data/processed")
MODELS = Path("mlruns")
TUNED = MODELS / "hyperparameters.json"
INTERRUPTED = 130
"""What a shell gives a program that Ctrl-C ended."""

# The libraries of training take seconds to import: each command imports its own, so that --help answers at once.


@app.command()
def train(
    data: Data = DATA,
    seed: Annotated[
        int | None, typer.Option(help="Decides everything that is random. 7 unless the file of hyperparameters says.")
    ] = None,
    *,
    hyperparameters: Annotated[
        Path | None, typer.Option(help="A JSON file such as `ml tune` writes; what it leaves out has its default.")
    ] = None,
    evaluate: Annotated[bool, typer.Option(help="Evaluate month by month first, which takes most of the time.")] = True,
) -> None:
    """Train the model and put the run on record in MLflow.

    Example: `python -m ml train --seed 7`
    """
    with _one_line_errors():
        from dataclasses import replace

        from ml.fit import Hyperparameters
        from ml.hyperparameters import read_hyperparameters
        from ml.train import train as run

        chosen = read_hyperparameters(hyperparameters) if hyperparameters else Hyperparameters()
        chosen = chosen if seed is None else replace(chosen, seed=seed)
        run_id, _ = run(data, chosen, _output, evaluate=evaluate)
        _output.print(f"run {run_id} is on record; export it:", soft_wrap=True)
        _output.print("python -m ml export-onnx", soft_wrap=True)


@app.command()
def tune(
    data: Data = DATA,
    minutes: Annotated[float, typer.Option(min=0, help="How long to search.")] = 50,
    trials: Annotated[
        int | None, typer.Option(min=1, help="End when so many trials have ended, those of earlier searches included.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Fit to every n-th flight: less is quicker and says less.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of the fits and of the search.")] = 7,
    out: Annotated[Path, typer.Option(help="Where the best hyperparameters are written.")] = TUNED,
) -> None:
    """Search for better hyperparameters on a sample of the flights. Ctrl-C stops it; run again, it goes on.

    Example: `python -m ml tune --minutes 50`
    """
    with _one_line_errors():
        from ml.hyperparameters import write_hyperparameters
        from ml.tune import conclusions, summary
        from ml.tune import tune as run

        tuned = run(data, _output, minutes=minutes, trials=trials, every=every, seed=seed)
        write_hyperparameters(out, tuned.best.hyperparameters)
        _output.print(summary(tuned))
        for line in conclusions(tuned):
            _output.print(line, soft_wrap=True)
        _output.print(f"wrote {out}; train with it:", soft_wrap=True)
        _output.print(f"python -m ml train --hyperparameters {out}", soft_wrap=True)
    if tuned.interrupted:
        raise typer.Exit(INTERRUPTED)


@app.command()
def export_onnx(
    out: Annotated[
        Path | None, typer.Option(help="The bundle's directory, whose name is the version; the next one when left out.")
    ] = None,
    run: Annotated[str, typer.Option(help="The id of a training run, or `latest`.")] = "latest",
    data: Data = DATA,
) -> None:
    """Export a training run as a served bundle, if ONNX Runtime answers as the trained model does.

    Example: `python -m ml export-onnx --run latest --out mlruns/model_v1`
    """
    with _one_line_errors():
        from ml.dataset import load
        from ml.export import export, next_version
        from ml.record import load_run

        run_id, fitted, training = load_run(run)
        exported = export(fitted, training, load(data), out or next_version(MODELS))
        difference = f"worst difference {exported.worst_difference:.2g} over {exported.rows:,} rows"
        _output.print(f"run {run_id}: {difference}", soft_wrap=True)
        _output.print(f"wrote {exported.path} ({exported.size_bytes / 1e6:.2f} MB of ONNX)", soft_wrap=True)


@app.command()
def verify(bundle: Annotated[Path, typer.Argument(help="The bundle's directory.")]) -> None:
    """Check a bundle as the server does: files, checksum, golden vectors.

    Example: `python -m ml verify mlruns/model_v1`
    """
    with _one_line_errors():
        from rich.table import Table

        from ml.runtime import load_bundle

        loaded = load_bundle(bundle)
        table = Table(title=f"{loaded.version} is sound", show_header=False)
        table.add_column()
        table.add_column(overflow="fold")
        first, last = loaded.manifest.training_window
        table.add_row("sha256", loaded.sha256)
        table.add_row(
            "trained", f"{loaded.trained_at.isoformat()} on {loaded.training_rows:,} flights, {first} to {last}"
        )
        table.add_row("features", ", ".join(feature.name for feature in loaded.features))
        for metric in loaded.metrics:
            table.add_row(f"{metric.name.replace('_', ' ')} ({metric.basis})", f"{metric.value:.4f}")
        _output.print(table)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """What a user can put right is said in one line, with exit code 1 and without a traceback."""
    try:
        yield
    except ModelError as error:
        _errors.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
