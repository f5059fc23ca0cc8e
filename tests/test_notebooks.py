"""The notebooks run, and what is committed of them is what a run gives."""

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from ml.runtime.aliases import open_model
from notebooks.__main__ import DIRECTORY, execute

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(DIRECTORY.glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(notebook: NotebookNode, stream: str) -> str:
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs if output.output_type == "stream"]
    return "".join(output.text for output in outputs if output.name == stream)


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS


@every_notebook
def test_a_notebook_runs_from_the_first_cell_to_the_last_without_a_warning(path: Path) -> None:
    notebook = execute(path)
    cells = code_cells(notebook)

    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert printed(notebook, "stderr") == ""
    assert sum("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs) >= 5


@every_notebook
def test_what_is_committed_is_small_and_says_nothing_of_who_ran_it_when(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)

    assert path.stat().st_size < 1_000_000
    assert [cell.metadata for cell in notebook.cells] == [{}] * len(notebook.cells)
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


@every_notebook
def test_what_is_committed_was_run_in_order_with_the_champion_of_today(path: Path) -> None:
    """Where this fails, `python -m notebooks` runs it again."""
    notebook = nbformat.read(path, as_version=4)
    cells = code_cells(notebook)

    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert printed(notebook, "stderr") == ""
    assert open_model(ROOT / "mlruns", "champion").version in printed(notebook, "stdout")
