"""`report.md`: what the evaluation of a bundle's model found, for people."""

from ml.record import Training, by_figure
from ml.runtime.manifest import Manifest


def report(manifest: Manifest, training: Training, worst_difference: float, rows: int, size_bytes: int) -> str:
    """The report in Markdown.

    Args:
        manifest: of the bundle.
        training: the run that the bundle was exported from.
        worst_difference: between a probability of ONNX Runtime and one of scikit-learn.
        rows: over which that difference was taken.
        size_bytes: of the ONNX file.
    """
    first, last = training.window
    lines = [
        f"# {manifest.version}",
        "",
        f"Trained on {training.rows:,} flights from {first} to {last}.",
        f"Training took {training.duration_seconds:.0f} s and at most {training.peak_memory_mib:.0f} MiB.",
        f"The ONNX file has {size_bytes / 1e6:.2f} MB. Over {rows:,} rows, some of them with unknown inputs, a",
        f"probability of ONNX Runtime differs from scikit-learn's by at most {worst_difference:.1g}.",
        "",
        "## Rolling origin",
        "",
        *_evaluation(training),
        "",
        "## Parameters",
        "",
        "| parameter | value |",
        "|---|---|",
        *(f"| {name.replace('_', ' ')} | {value:g} |" for name, value in training.hyperparameters.items()),
    ]
    return "\n".join(lines) + "\n"


def _evaluation(training: Training) -> list[str]:
    rows = by_figure(training)
    if not training.metrics:
        return ["This model was trained without an evaluation."]
    return [
        "Each month is predicted by a model of the months before it. A flight counts as delayed when it arrives 15 or",
        "more minutes late or never. The constant is the delayed rate of the months before.",
        "",
        "Each column is the same model with the inputs up to that group known.",
        "",
        f"| figure | {' | '.join(training.metrics)} |",
        f"|---|{'---|' * len(training.metrics)}",
        *(f"| {label} | {' | '.join(f'{value:.4f}' for value in values)} |" for label, values in rows.items()),
    ]
