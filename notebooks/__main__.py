"""`python -m notebooks`: execute every notebook from the first cell to the last and keep its outputs."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from rich.console import Console
from traitlets.config import Config

DIRECTORY = Path(__file__).parent
SECONDS = 300
"""How long one cell may take."""


def execute(path: Path) -> NotebookNode:
    """The notebook in the file `path` with fresh outputs, without what differs from one execution to the next.

    Raises:
        CellExecutionError: a cell failed; the message holds its traceback.
    """
    notebook: NotebookNode = nbformat.read(path, as_version=4)
    # The kernel imports this checkout's packages, wherever it was started from.
    paths = os.pathsep.join(filter(None, (str(DIRECTORY.parent), os.environ.get("PYTHONPATH"))))
    with TemporaryDirectory() as directory:
        # Sockets in a directory of its own, and no one's profile.
        config = Config(KernelManager={"transport": "ipc", "ip": f"{directory}/kernel"})
        client = NotebookClient(
            notebook,
            timeout=SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(DIRECTORY)}},
            config=config,
        )
        client.execute(env=os.environ | {"PYTHONPATH": paths, "IPYTHONDIR": directory})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # When each cell began and ended.
    notebook.metadata["language_info"] = {"name": "python"}  # Not the version of whoever executed it.
    return notebook


def main() -> None:
    console = Console()
    for path in sorted(DIRECTORY.glob("*.ipynb")):
        with console.status(f"executing {path.name}"):
            notebook = execute(path)
        nbformat.write(notebook, path)
        console.print(f"wrote {path.name}, {path.stat().st_size / 1e3:.0f} kB", highlight=False)


if __name__ == "__main__":
    main()
