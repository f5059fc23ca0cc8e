"""Time limits of one length for whatever many requests wait for."""

import asyncio
from types import TracebackType
from typing import Self


class Deadlines:
    """What `asyncio.timeout` does, for limits that are all as long, with one timer for all of them.

    Limits of one length end in the order in which they began, so that it is enough to watch the first: starting and
    ending one is an entry in a dict, where a timer of its own would take as long as a tenth of a small query.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._open: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> "Deadline":
        """A limit for the body of a `with`, which it cancels, and which then raises `TimeoutError`."""
        return Deadline(self)

    def _add(self, deadline: "Deadline") -> None:
        self._open[deadline] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(deadline.at, self._expire)

    def _remove(self, deadline: "Deadline") -> None:
        self._open.pop(deadline, None)

    def _expire(self) -> None:
        """Cancel those whose time is over, and watch the first of the others."""
        self._timer = None
        loop = asyncio.get_running_loop()
        while self._open:
            first = next(iter(self._open))
            if first.at > loop.time():
                self._timer = loop.call_at(first.at, self._expire)
                return
            self._remove(first)
            first.pass_()


class Deadline:
    """The time limit of one task, for one `with`; see `Deadlines.begin`."""

    __slots__ = ("_cancelling", "_deadlines", "_passed", "_task", "at")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._passed = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A time limit is for what a task does.")
        self._task, self._cancelling = task, task.cancelling()
        self.at = asyncio.get_running_loop().time() + self._deadlines.seconds
        self._deadlines._add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Raises:
        TimeoutError: the time is over. Where the task was cancelled by somebody else too, it stays cancelled.
        """
        self._deadlines._remove(self)
        # As in asyncio.timeout: https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.uncancel
        if self._passed and self._task.uncancel() <= self._cancelling and isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error

    def pass_(self) -> None:
        """The time is over."""
        self._passed = True
        self._task.cancel()
