"""Progress bars of commands that read or write many rows."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_LABEL = 24


class Bars:
    """A progress bar for each table or file, with the rows that go by in a second."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn(f"{{task.description:>{_LABEL}}}"),
            BarColumn(),
            MofNCompleteColumn(),
            _RowsPerSecond(),
            TimeRemainingColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def start(self, name: str, rows: int, done: int) -> None:
        # The end of a long file name tells more than its beginning: it has the year and the month.
        label = name if len(name) <= _LABEL else "…" + name[1 - _LABEL :]
        self._tasks[name] = self._progress.add_task(label, total=rows, completed=done)

    def advance(self, name: str, rows: int) -> None:
        self._progress.advance(self._tasks[name], rows)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


class _RowsPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} rows/s" if speed else "")
