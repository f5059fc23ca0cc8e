"""The model card quotes the champion as its bundle describes itself."""

import re
from pathlib import Path

import orjson
import pytest

from ml.tables import label, number

ROOT = Path(__file__).parents[1]
CARD = (ROOT / "docs" / "model-card.md").read_text(encoding="utf-8")
CHAMPION = orjson.loads((ROOT / "mlruns" / "aliases.json").read_bytes())["champion"]
BUNDLE = ROOT / "mlruns" / CHAMPION


def _table(heading: str) -> list[dict[str, str]]:
    """The first table under a heading: for each row, its cells by the head."""
    section = CARD.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")
    ]
    return [dict(zip(head, cells, strict=True)) for cells in rows]


def test_the_card_is_about_the_champion() -> None:
    assert f"`{CHAMPION}`" in CARD
    assert set(re.findall(r"mlruns/(model_v\d+)/", CARD)) == {CHAMPION}


@pytest.mark.parametrize("basis", ["SCHEDULE", "WEATHER", "OPERATIONS"])
def test_the_card_quotes_the_figures_of_the_champion(basis: str) -> None:
    metrics = orjson.loads((BUNDLE / "model.json").read_bytes())["metrics"]
    expected = {
        label(metric["name"]): number(metric["name"], metric["value"]) for metric in metrics if metric["basis"] == basis
    }
    quoted = {row["figure"]: row[basis].split(" ")[0] for row in _table("Performance")}

    assert len(quoted) >= 5
    assert quoted == {figure: expected[figure] for figure in quoted}


def test_the_card_quotes_the_costs_of_the_champion() -> None:
    report = (BUNDLE / "report.md").read_text(encoding="utf-8")

    for row in _table("Costs"):
        for quantity in re.findall(r"[\d.,]*\d", row["value"]):
            assert re.search(rf"(?<![\d.,]){re.escape(quantity)}(?![\d.,]*\d)", report), row


def test_files_that_the_card_names_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", CARD):
        assert (ROOT / "docs" / target).exists(), target
