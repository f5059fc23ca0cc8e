"""`python -m ml`: tune, train, evaluate, export, verify, promote and ask models."""

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

Source = Annotated[
    str | None,
    typer.Option(
        help="Where the flights are: a directory as `python -m db prepare` writes it, or the URL of a database. "
        "`DATA_DIR/processed` when left out.",
    ),
]

OtherSource = Annotated[
    str | None, typer.Option(help="As for `train`; the flights that the run was trained on when left out.")
]

INTERRUPTED = 130
"""What a shell gives a program that Ctrl-C ended."""

# The libraries of training take seconds to import: each command imports its own, so that --help answers at once.


@app.command()
def train(
    source: Source = None,
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

    Example: `python -m ml train --source postgresql://m7b0@localhost/m7b0`
    """
    with _one_line_errors():
        from dataclasses import replace

        from ml.fit import Hyperparameters
        from ml.hyperparameters import read_hyperparameters
        from ml.settings import read_settings
        from ml.train import train as run

        settings = read_settings()
        chosen = read_hyperparameters(hyperparameters) if hyperparameters else Hyperparameters()
        chosen = chosen if seed is None else replace(chosen, seed=seed)
        flights = source or settings.processed
        run_id, _ = run(flights, chosen, _output, evaluate=evaluate, store=settings.model_dir)
        _output.print(f"run {run_id} is on record; export it:", soft_wrap=True)
        _output.print("python -m ml export-onnx", soft_wrap=True)


@app.command()
def evaluate(
    run: Annotated[str, typer.Option(help="The id of a training run, or `latest`.")] = "latest",
    out: Annotated[
        Path | None,
        typer.Option(help="Where report.md, evaluation.json and the plots go; `MODEL_DIR/evaluation` when left out."),
    ] = None,
    source: OtherSource = None,
) -> None:
    """Evaluate the hyperparameters of a recorded run again, month by month, with references, intervals and plots.

    What is found, figures and temperatures, is put on record with the run, and `export-onnx` takes it from there.
    Without any run the default hyperparameters are evaluated.

    Example: `python -m ml evaluate --run latest --out mlruns/evaluation`
    """
    with _one_line_errors():
        from ml.evaluate import evaluate_run
        from ml.report import REPORT_FILE
        from ml.settings import read_settings

        models = read_settings().model_dir
        out = out or models / "evaluation"
        run_id, _ = evaluate_run(source, run, out, _output, models)
        _output.print(f"logged to the run {run_id}" if run_id else "no run is on record: these are the defaults")
        _output.print(f"wrote {out / REPORT_FILE}", soft_wrap=True)


@app.command()
def tune(
    source: Source = None,
    minutes: Annotated[float, typer.Option(min=0, help="How long to search.")] = 50,
    trials: Annotated[
        int | None, typer.Option(min=1, help="End when so many trials have ended, those of earlier searches included.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Fit to every n-th flight: less is quicker and says less.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of the fits and of the search.")] = 7,
    out: Annotated[
        Path | None,
        typer.Option(help="Where the best are written; `MODEL_DIR/hyperparameters.json` when left out."),
    ] = None,
) -> None:
    """Search for better hyperparameters on a sample of the flights. Ctrl-C stops it; run again, it goes on.

    Example: `python -m ml tune --minutes 50`
    """
    with _one_line_errors():
        from ml.hyperparameters import write_hyperparameters
        from ml.settings import read_settings
        from ml.tune import conclusions, summary
        from ml.tune import tune as run

        settings = read_settings()
        out = out or settings.model_dir / "hyperparameters.json"
        tuned = run(
            source or settings.processed,
            _output,
            minutes=minutes,
            trials=trials,
            every=every,
            seed=seed,
            store=settings.model_dir,
        )
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
    run: Annotated[str, typer.Option(help="The id of a training run, its beginning, or `latest`.")] = "latest",
    source: OtherSource = None,
) -> None:
    """Export a training run as a served bundle, if ONNX Runtime answers as the trained model does.

    Example: `python -m ml export-onnx --run latest --out mlruns/model_v1`
    """
    with _one_line_errors():
        from db.progress import Bars
        from ml.export import export_run, next_version
        from ml.promote import mirror_and_warn
        from ml.settings import read_settings

        models = read_settings().model_dir
        with Bars(_errors) as bars:
            run_id, exported = export_run(out or next_version(models), bars, run, source=source, store=models)
        difference = f"worst difference {exported.worst_difference:.2g} over {exported.rows:,} rows"
        _output.print(f"run {run_id}: {difference}", soft_wrap=True)
        _output.print(f"wrote {exported.path} ({exported.size_bytes / 1e6:.2f} MB of ONNX)", soft_wrap=True)
        if exported.path.resolve().parent == models.resolve():
            mirror_and_warn(models, models, _errors)


@app.command()
def runs(
    limit: Annotated[int, typer.Option(help="The most runs to show.", min=1)] = 20,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every figure.")] = False,
) -> None:
    """List the training runs on record, newest first.

    Example: `python -m ml runs --limit 5`
    """
    with _one_line_errors():
        from ml import runs as record
        from ml.settings import read_settings

        models = read_settings().model_dir
        found = record.recorded_runs(models, models)[:limit]
        if as_json:
            typer.echo(record.as_json(found))
        elif found:
            table = record.table(found)
            if _output.width < record.TABLE_WIDTH:
                # The terminal wraps the lines; in narrower columns the figures would be lost.
                table.width = record.TABLE_WIDTH
            _output.print(table, crop=False)
        else:
            _output.print("no training run is on record; `python -m ml train` makes one", soft_wrap=True)


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="The bundle's version, such as model_v2.")],
    alias: Annotated[str, typer.Option(help="What it is to be: champion or challenger.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Promote it even if it is worse than the champion.")] = False,
) -> None:
    """Make a version champion or challenger, unless it is worse than the champion on the same evaluation.

    Example: `python -m ml promote model_v2 --alias champion`
    """
    with _one_line_errors():
        from ml.promote import mirror_and_warn, promote_and_tell
        from ml.settings import read_settings

        models = read_settings().model_dir
        promote_and_tell(models, version, alias, _output, force=force)
        mirror_and_warn(models, models, _errors)


@app.command("install")
def install_command(
    source: Annotated[
        Path, typer.Argument(help="A directory of models, or of one bundle.", exists=True, file_okay=False)
    ],
) -> None:
    """Copy checked bundles into MODEL_DIR where it lacks them, and the aliases where it has none.

    Example: `MODEL_DIR=/var/lib/m7b0/models python -m ml install mlruns`
    """
    with _one_line_errors():
        from ml.install import install
        from ml.settings import read_settings

        models = read_settings().model_dir
        done = install(source, models)
        added = f"added {', '.join(done.versions)}" if done.versions else "no version is new"
        aliases = ", with the aliases" if done.aliases else ""
        _output.print(f"{models}: {added}{aliases}", soft_wrap=True, highlight=False)


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="The bundle's directory.")],
    source: OtherSource = None,
) -> None:
    """Check a bundle as the server does (files, checksum, golden vectors), and against the run it was exported from.

    Example: `python -m ml verify mlruns/model_v1`
    """
    with _one_line_errors():
        from ml.runtime import load_bundle

        loaded = load_bundle(bundle)

        from db.progress import Bars
        from ml.settings import read_settings
        from ml.verify import described, parity_of

        store = read_settings().model_dir
        with Bars(_errors) as bars:
            parity = parity_of(loaded, bundle, bars, source=source, store=store)
        _output.print(described(loaded, parity))


@app.command()
def predict(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet with the columns of the processed flights.")],
    model: Annotated[str, typer.Option(help="champion, challenger or a version such as model_v2.")] = "champion",
    out: Annotated[
        Path | None,
        typer.Option(help="CSV, Parquet or JSON Lines by its suffix; `FILE` with `.predictions` in it when left out."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="Where to look up what the file does not give, as for `train`. A database knows all that the service "
            "knows, a directory airports and aircraft.",
        ),
    ] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace the predictions that are there.")] = False,
) -> None:
    """Predict how late each flight of a file will be. What the file does not give is looked up in the source.

    Example: `python -m ml predict flights.csv --source sqlite:///m7b0.db`
    """
    with _one_line_errors():
        from ml.predict import predict as run
        from ml.runtime.aliases import open_model
        from ml.settings import read_settings

        settings = read_settings()
        bundle = open_model(settings.model_dir, model)
        done = run(file, bundle, source or settings.processed, _errors, out=out, force=force)
        typer.echo(f"{done.scored:,} flights predicted by {bundle.version}: {done.out}")
        if done.ignored:
            typer.echo(f"columns that were not read: {', '.join(done.ignored)}")
        if done.rejected:
            typer.echo(f"{done.rejected:,} rows could not be used: {done.rejected_file}", err=True)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """What a user can put right is said in one line, with exit code 1 and without a traceback."""
    try:
        yield
    except ModelError as error:
        # What a library says may have several lines.
        _errors.print(f"error: {' '.join(str(error).split())}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
