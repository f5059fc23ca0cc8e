"""`report.md`: what the evaluation of a model found, for people."""

from collections.abc import Mapping, Sequence

from ml import tables
from ml.costs import WATTS_PER_CORE
from ml.evaluation import FEW_FLIGHTS, GROUPINGS, REFERENCES, Evaluation
from ml.features import BASES
from ml.record import Training
from ml.tables import Rows

REPORT_FILE = "report.md"
PLOTS_DIRECTORY = "plots"
"""Beside the report."""

PLOTS: dict[str, str] = {
    "auc-by-month.png": "AUC by month. The band is the 95% interval of the model with everything known.",
    "curves.png": "All months together. Dashed in grey: chance on the left, the delayed rate on the right.",
    "reliability.png": (
        "How often flights were delayed of which the model said so: 20 bins of equally many flights with their 95% "
        "intervals. Below, how often each probability was predicted."
    ),
    "delays.png": (
        "Above, the share of arrivals at or below each quantile, which should lie on the dashed line. "
        "Below, where the delays fell in their predicted distribution, which should be flat."
    ),
    "importance.png": "The AUC that is lost when a group of inputs is shuffled among the flights of a month.",
    "fairness.png": (
        "With everything known, by carrier and by airport, with 95% intervals. "
        f"Hollow and grey: fewer than {FEW_FLIGHTS:,} flights."
    ),
}
"""The plots by file name, and what is to be seen in them."""

_ASSUMES = """\
- A flight counts as delayed when it arrives 15 or more minutes late, is cancelled or is diverted.
- Each month is predicted by a model of the months before it. The model that is served is fitted to all months and thus
  not itself tested: the figures are of models made in the same way from fewer flights.
- With weather or operations its probabilities are brought to the temperature that the tested months before it taught.
- WEATHER assumes a perfect forecast: the observation of the hours up to the departure stands for it. A real forecast is
  worse, the more so the longer it is ahead.
- OPERATIONS is what was known two hours before the scheduled departure.
- One year, three airports: each season was seen once; no month is predicted from the same month of another year.
- HISTORY is the delayed rate of the flights of the same origin, destination and hour in the months before, drawn
  towards the average; CONSTANT is the rate of all flights in the months before.
- Intervals hold 95% and come from drawing days again, within their month: the flights of a day share its weather. They
  do not cover another year, another fit, or days that hang together.
"""

_FIGURES_MEAN = """\
- AUC is how often a delayed flight had a higher probability than one that was not delayed; chance is 0.5. The mean is
  that of the months' own; pooled is over all flights together, where it also counts how late a month was.
- Average precision is the area under precision and recall; chance is the delayed rate.
- Brier and log loss judge the probability of being delayed; less is better. Brier skill is the share of the constant's
  Brier score that is saved.
- CRPS and pinball loss judge the distribution of the arrival delay of flights that arrived, in minutes; less is better.
- Calibration error is how far probability and delayed rate are apart in 20 bins of equally many flights, on average.
  Calibration in the large is the mean probability minus the delayed rate.
- Interval coverage is the share of arrivals between p10 and p90, which should be 0.8; the width is theirs, in minutes.
"""

_COSTS_NOTE = f"""\
Energy is an estimate: {WATTS_PER_CORE:g} W for each second of a core, without memory and cooling (`ml/costs.py`).
Predictions are those of the ONNX file on one thread, without looking inputs up.
"""


def report(
    title: str,
    facts: Sequence[str],
    evaluation: Evaluation | None,
    hyperparameters: Mapping[str, float],
    costs: Rows,
) -> str:
    """The report in Markdown; its plots lie in `PLOTS_DIRECTORY` beside it.

    Args:
        title: of what this is the report.
        facts: sentences about the model, a line each.
        evaluation: what was found; None says that there was none.
        hyperparameters: by name.
        costs: the rows of `cost_table`; without any there is no such section.
    """
    lines = [
        f"# {title}",
        "",
        *facts,
        *(_evaluation(evaluation) if evaluation else ["", "## Evaluation", "", "The model has not been evaluated."]),
        "",
        "## Parameters",
        "",
        *markdown([["parameter", "value"], *([_words(name), f"{value:g}"] for name, value in hyperparameters.items())]),
    ]
    if costs:
        lines += ["", "## Costs", "", _COSTS_NOTE, *markdown(costs)]
    return "\n".join(lines) + "\n"


def cost_table(training: Training) -> Rows:
    """What training took and what predicting will take."""
    costs = training.costs
    rows = [["cost", "value"], ["peak memory of training", f"{training.peak_memory_mib:,.0f} MiB"]]
    for name, of in (("fit", "fitting to all flights"), ("evaluation", "evaluation")):
        if f"{name}_seconds" in costs:
            seconds, cpu, energy = (costs[f"{name}_{unit}"] for unit in ("seconds", "cpu_seconds", "watt_hours"))
            rows.append([of, f"{seconds:,.0f} s, {cpu:,.0f} s of a core, {energy:.2g} Wh"])
    if "onnx_megabytes" in costs:
        one, batch = costs["one_prediction_microseconds"], costs["thousand_predictions_milliseconds"]
        one_energy, batch_energy = costs["thousand_single_predictions_joules"], costs["thousand_predictions_joules"]
        rows += [
            ["ONNX file", f"{costs['onnx_megabytes']:.2f} MB"],
            ["one prediction", f"{one:.0f} µs; {one_energy:.2g} J per 1,000 predictions"],
            ["1,000 predictions at once", f"{batch:.1f} ms; {batch_energy:.2g} J per 1,000 predictions"],
        ]
    return rows


def markdown(rows: Rows) -> list[str]:
    """A table in Markdown, a line each; the first column is text, the others are numbers."""
    head, *body = rows
    rule = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *body)]


def _evaluation(evaluation: Evaluation) -> list[str]:
    months = [group.code for group in evaluation.groups["month"]]
    lines = [
        "",
        "## Headline",
        "",
        f"{evaluation.flights:,} flights on {evaluation.days} days, {months[0]} to {months[-1]}, each predicted by",
        "a model of the months before its own.",
        "In brackets, 95% intervals. The first three columns are the model with the inputs up to that group known.",
        "",
        *markdown(tables.headline(evaluation)),
        "",
        *_plot("auc-by-month.png"),
        *_plot("curves.png"),
        *_plot("reliability.png"),
        *_plot("delays.png"),
        "## What the figures mean",
        "",
        _FIGURES_MEAN,
        "## What the evaluation assumes",
        "",
        _ASSUMES,
        "## Against the references",
        "",
        "AUC and average precision should be above 0, everything else below it.",
    ]
    for reference in REFERENCES:
        lines += ["", *markdown(tables.differences(evaluation, reference))]
    lines += ["", "## Inputs", "", *markdown(tables.importance_table(evaluation)), "", *_plot("importance.png")]
    for grouping in GROUPINGS:
        lines += [*_groups(evaluation, grouping), ""]
    return [*lines, "## Carriers and airports beside each other", "", *_plot("fairness.png")[:-1]]


def _groups(evaluation: Evaluation, grouping: str) -> list[str]:
    groups = evaluation.groups[grouping]
    lines = [f"## By {grouping}", ""]
    if any(group.few for group in groups):
        lines += [f"\\* fewer than {FEW_FLIGHTS:,} flights: mostly chance.", ""]
    lines += ["AUC:", "", *markdown(tables.auc_by_group(groups, grouping))]
    for basis in BASES:
        lines += ["", f"{basis}:", "", *markdown(tables.group_table(groups, grouping, basis))]
    return lines


def _plot(name: str) -> list[str]:
    alternative = name.removesuffix(".png").replace("-", " ")
    return [f"![{alternative}]({PLOTS_DIRECTORY}/{name})", "", PLOTS[name], ""]


def _words(name: str) -> str:
    return name.replace("_", " ")
