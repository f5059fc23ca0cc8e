import re
from dataclasses import replace

from ml.evaluation import Evaluation
from ml.record import Training
from ml.report import PLOTS, cost_table, markdown, report
from ml.tables import headline, label


def _report(evaluation: Evaluation | None, training: Training) -> str:
    return report("model_v9", ["Trained on flights."], evaluation, training.hyperparameters, cost_table(training))


def test_the_report_shows_every_plot(evaluation: Evaluation, training: Training) -> None:
    assert set(re.findall(r"!\[[^\]]+\]\(plots/([^)]+)\)", _report(evaluation, training))) == set(PLOTS)


def test_every_table_has_as_many_cells_in_each_row(evaluation: Evaluation, training: Training) -> None:
    tables = re.findall(r"(?:^\|.*\|\n)+", _report(evaluation, training), re.MULTILINE)

    # Headline, two references, inputs, parameters, costs; for each of three groupings one of AUC and three in full.
    assert len(tables) == 6 + 3 * 4
    for table in tables:
        assert len({row.count("|") for row in table.splitlines()}) == 1, table


def test_the_headline_has_every_figure_with_interval_and_references(evaluation: Evaluation, training: Training) -> None:
    text = _report(evaluation, training)
    head, *rows = headline(evaluation)

    assert head == ["figure", "SCHEDULE", "WEATHER", "OPERATIONS", "HISTORY", "CONSTANT", "model_v1 SCHEDULE"]
    assert {row[0] for row in rows} == {
        label(name) for name in evaluation.figures["SCHEDULE"] if not name.endswith("_constant")
    }
    value, (low, high) = evaluation.figures["WEATHER"]["brier"], evaluation.intervals["WEATHER"]["brier"]
    (brier,) = (row for row in rows if row[0] == "Brier")
    assert brier[2] == f"{value:.4f} ({low:.3f} to {high:.3f})"
    assert brier[-1] == "0.1784"
    (skill,) = (row for row in rows if row[0] == "Brier skill")
    assert skill[-1] == "–"  # noqa: RUF001  the dash of an empty cell
    assert all(line in text for line in markdown(headline(evaluation)))


def test_carriers_with_few_flights_are_marked(evaluation: Evaluation, training: Training) -> None:
    text = _report(evaluation, training)
    few = {group.code for group in evaluation.groups["carrier"] if group.flights < 1000}

    assert "HA" in few
    assert set(re.findall(r"^\| (\w\w)\* \|", text, re.MULTILINE)) == few
    assert "fewer than 1,000 flights" in text


def test_the_report_says_what_the_evaluation_assumes(evaluation: Evaluation, training: Training) -> None:
    text = _report(evaluation, training)

    for word in ("perfect forecast", "two hours before", "One year, three airports", "not itself tested"):
        assert word in text


def test_the_report_of_a_model_without_evaluation_says_so(training: Training) -> None:
    text = _report(None, training)

    assert "has not been evaluated" in text
    assert "![" not in text
    assert "| iterations | 4 |" in text


def test_the_costs_are_those_on_record(training: Training) -> None:
    rows = cost_table(
        replace(
            training,
            costs={
                **training.costs,
                "evaluation_seconds": 300.0,
                "evaluation_cpu_seconds": 600.0,
                "evaluation_watt_hours": 2.0,
            },
        )
    )

    assert rows == [
        ["cost", "value"],
        ["peak memory of training", "200 MiB"],
        ["fitting to all flights", "1 s, 2 s of a core, 0.006 Wh"],
        ["evaluation", "300 s, 600 s of a core, 2 Wh"],
        ["ONNX file", "0.25 MB"],
        ["one prediction", "21 µs; 0.25 J per 1,000 predictions"],
        ["1,000 predictions at once", "4.5 ms; 0.054 J per 1,000 predictions"],
    ]
    assert cost_table(replace(training, costs={})) == rows[:2]
