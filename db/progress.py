"""How far long work on the tables has come."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Display


class Progress(Protocol):
    """What loading and reading report to: `start` once a table, `advance` once a part."""

    def start(self, table: str, rows: int, done: int) -> None: ...

    def advance(self, table: str, rows: int) -> None: ...


class Silent:
    """A progress that is not shown."""

    def start(self, table: str, rows: int, done: int) -> None:
        pass

    def advance(self, table: str, rows: int) -> None:
        pass


class Bars:
    """A progress bar for each table, shown from the first one to the end of the block."""

    def __init__(self, console: Console) -> None:
        self._display = Display(
            TextColumn("{task.description:>10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def start(self, table: str, rows: int, done: int) -> None:
        self._display.start()
        self._tasks[table] = self._display.add_task(table, total=rows, completed=done)

    def advance(self, table: str, rows: int) -> None:
        self._display.advance(self._tasks[table], rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tasks:
            self._display.stop()
