"""What PostGraphile is asked, and what its answers are held against; it runs in the benchmark alone."""

from pathlib import Path
from typing import Any

import graphql
import orjson
import pytest
from typer.testing import CliRunner

from benchmarks import page, results
from benchmarks.__main__ import app
from benchmarks.contenders import SERVICE, DisagreementError
from benchmarks.postgraphile import packages
from benchmarks.postgraphile.documents import DOCUMENTS, asked, comparable
from benchmarks.postgraphile.rounds import agree, rows, summary, verdict
from benchmarks.shapes import Shape
from tests.benchmarks.test_graph import figures
from tests.benchmarks.test_results import measured, point

OURS = {"flights": {"nodes": [{"id": "RmxpZ2h0OjI1", "scheduledDeparture": "2013-07-08T10:00:00Z", "code": "JFK"}]}}
THEIRS = {
    "flights": {
        "nodes": [
            {"id": "WyJGbGlnaHQiLCIyNSJd", "scheduledDeparture": "2013-07-08T10:00:00.000000+00:00", "code": "JFK"}
        ]
    }
}


def keys(document: str) -> Any:
    """The keys of the answer to a document, nested."""
    parsed = graphql.parse(document).definitions
    fragments = {each.name.value: each for each in parsed if isinstance(each, graphql.FragmentDefinitionNode)}

    def within(selections: graphql.SelectionSetNode | None) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for each in selections.selections if selections else ():
            if isinstance(each, graphql.FieldNode):
                found[(each.alias or each.name).value] = within(each.selection_set)
            elif isinstance(each, graphql.FragmentSpreadNode):
                found |= within(fragments[each.name.value].selection_set)
        return found

    (operation,) = (each for each in parsed if isinstance(each, graphql.OperationDefinitionNode))
    return within(operation.selection_set)


@pytest.mark.parametrize("name", list(DOCUMENTS))
def test_both_are_asked_for_the_same_keys_in_the_same_order(measured_shapes: dict[str, Shape], name: str) -> None:
    ours, theirs = measured_shapes[name], asked(measured_shapes[name])
    assert orjson.dumps(keys(theirs.document)) == orjson.dumps(keys(ours.document))
    assert [orjson.dumps(each) for each in theirs.variables] == [
        orjson.dumps(each.get("key", each)) for each in ours.variables
    ]


def test_ids_and_instants_are_compared_by_what_they_mean() -> None:
    assert comparable(OURS) == comparable(THEIRS)
    agree("page20", [orjson.dumps(OURS)], [orjson.dumps(THEIRS)])


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "WyJGbGlnaHQiLCIyNiJd"},
        {"scheduledDeparture": "2013-07-08T10:00:00.000000+01:00"},
        {"code": "LGA"},
        {"code": None},
    ],
)
def test_another_value_or_row_is_no_agreement(changed: dict[str, Any]) -> None:
    theirs = {"flights": {"nodes": [{**THEIRS["flights"]["nodes"][0], **changed}]}}
    fewer: dict[str, Any] = {"flights": {"nodes": []}}
    for other in (theirs, fewer):
        with pytest.raises(DisagreementError, match="request 0 of page20"):
            agree("page20", [orjson.dumps(OURS)], [orjson.dumps(other)])


def test_the_table_and_the_sentence_say_who_is_faster_at_what(tmp_path: Path) -> None:
    shapes = {
        "point": summary({SERVICE: [figures(300)], packages.NAME: [figures(200)]}),
        "page20": summary({SERVICE: [figures(90)], packages.NAME: [figures(100)]}),
    }
    assert [(*row[:3], row[-1]) for row in rows(shapes)] == [
        ("point", "service", "300", ""),
        ("", "postgraphile", "200", "1.50 (1.50 to 1.50)"),
        ("page20", "service", "90", ""),
        ("", "postgraphile", "100", "0.90 (0.90 to 0.90)"),
    ]
    said = verdict(shapes)
    assert "by the service of point (1.50 times as many)" in said
    assert "by PostGraphile of page20 (the service 0.90 times as many)" in said
    about = {**results.circumstances(), "client": "wrk 4", "seconds": 2, "rounds": 4, "versions": packages.versions()}
    page.write({**measured(point=point(0.4)), packages.NAME: {**about, "shapes": shapes}}, tmp_path)
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert said in text
    assert f"PostGraphile {packages.versions()['PostGraphile']}" in text


def test_without_npm_the_command_says_that_postgraphile_was_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(packages, "_INSTALLED", tmp_path / "nothing")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("shutil.which", lambda _: None)
    result = CliRunner().invoke(app, ["postgraphile", "--quick"])
    assert result.exit_code == 1
    assert "PostGraphile was left out: npm" in result.output


@pytest.mark.parametrize(
    ("options", "shown"),
    [(["--record", "--quick"], "all of it"), (["--shape", "stats"], "stats is none of point")],
)
def test_what_cannot_be_measured_or_recorded_is_refused(options: list[str], shown: str) -> None:
    result = CliRunner().invoke(app, ["postgraphile", *options])
    assert result.exit_code == 2
    assert shown in result.output
