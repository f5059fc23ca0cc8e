"""How far long work on the tables has come."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Display
from rich.text import Text

_LABEL = 24
"""Characters of a name that are shown."""


class Progress(Protocol):
    """What loading, reading and exporting report to: `start` once a table or file, `advance` once a part."""

    def start(self, name: str, rows: int, done: int) -> None: ...

    def advance(self, name: str, rows: int) -> None: ...


class Silent:
    """A progress that is not shown."""

    def start(self, name: str, rows: int, done: int) -> None:
        pass

    def advance(self, name: str, rows: int) -> None:
        pass


class Bars:
    """A bar for each table or file with its rows in a second, shown from the first one to the end of the block."""

    def __init__(self, console: Console) -> None:
        self._display = Display(
            TextColumn(f"{{task.description:>{_LABEL}}}"),
            BarColumn(),
            MofNCompleteColumn(),
            _RowsPerSecond(),
            TimeRemainingColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def start(self, name: str, rows: int, done: int) -> None:
        self._display.start()
        # The end of a long file name tells more than its beginning: it has the year and the month.
        label = name if len(name) <= _LABEL else "…" + name[1 - _LABEL :]
        self._tasks[name] = self._display.add_task(label, total=rows, completed=done)

    def advance(self, name: str, rows: int) -> None:
        self._display.advance(self._tasks[name], rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tasks:
            self._display.stop()


class _RowsPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} rows/s" if speed else "")
