"""Where the processor's time of a request goes: the service and plain execution, sampled by py-spy under load."""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.clients import Client
from benchmarks.contenders import PLAIN, SERVICE, Contender, started
from benchmarks.graph import Told, chosen

SHAPES = ("page100", "board100")
RATE = 400
"""Samples a second; py-spy stops the process for each."""
FUNCTIONS = 8
_SPY = Path(sys.executable).with_name("py-spy")
_START_SECONDS = 2
_TIMEOUT = 120
_FRAME = re.compile(r"(?P<function>.*) \((?P<file>[^()]*?)(?::\d+)?\)")
# A sample counts for the innermost frame that one of these knows, so that what a package calls in the standard library
# is its own. A part whose code is in several places has several expressions.
_PARTS: tuple[tuple[str, str], ...] = (
    ("the model's run", r"/onnxruntime/"),
    ("graphql-core", r"/site-packages/graphql/"),
    ("Strawberry", r"/site-packages/strawberry/"),
    ("compiled execution", r"/graphql_api/(compiled/|compilation\.py|batching\.py)|<compiled selection>"),
    (
        "predictions and their inputs",
        r"/(ml|graphql_api)/(\w+/)*(runtime|inference|predictions?|prediction_\w+)(/|\.py)",
    ),
    ("database: driver, statements, rows", r"/(asyncpg|sqlalchemy|db)/"),
    ("JSON", r"/graphql_api/encoding\.py"),
    ("metrics and log", r"/(prometheus_client|structlog)/|/graphql_api/(metrics|histogram|observation|logs?)\.py"),
    ("HTTP and event loop", r"/(uvicorn|starlette|uvloop|asyncio)/|/graphql_api/(http|headers|asking|sender)\.py"),
    ("the rest of the service", r"/graphql_api/"),
)
_OTHER = "other"
_WAITING = re.compile(r"_worker \(.*/concurrent/futures/thread\.py.*\)")
"""Of a pool's thread that has nothing to do, and that py-spy may take for busy."""


class NotProfiledError(Exception):
    """py-spy could not look at the process; the message says why, and what to do."""


class Sample(NamedTuple):
    """A stack, the innermost frame last, as `function (file)`, and how often it was seen."""

    stack: Sequence[str]
    times: int


class Part(NamedTuple):
    """A part of a request: its share of the samples, and of the processor's milliseconds for one."""

    name: str
    share: float
    cpu_ms: float


def measure(client: Client, url: str, shapes: Sequence[str], seconds: int, told: Told) -> dict[str, Any]:
    """Ask the service and plain execution for each shape, first for its cost alone, then while it is sampled.

    Returns:
        By shape and contender: `cpu_ms` of a request, `parts` and `functions`, each with its `share` and `cpu_ms`.

    Raises:
        LoadError: answers were errors, or there were none.
        NotProfiledError: py-spy could not look.
    """
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="m7b0-profile-") as directory, started(url, Path(directory)) as contenders:
        for shape in chosen(contenders, shapes):
            for contender in (each for each in contenders if each.name in (SERVICE, PLAIN)):
                cpu_ms = contender.measure(client, shape, seconds).cpu_ms
                with _Spy(contender, Path(directory) / "stacks", seconds) as spy:
                    contender.measure(client, shape, seconds + _START_SECONDS)
                samples = spy.samples()
                found.setdefault(shape.name, {})[contender.name] = {
                    "cpu_ms": cpu_ms,
                    "samples": sum(sample.times for sample in samples),
                    "parts": [part._asdict() for part in parts(samples, cpu_ms)],
                    "functions": [part._asdict() for part in functions(samples, cpu_ms)],
                }
                told(f"{shape.name}, {contender.name}")
    return found


class _Spy:
    """py-spy beside a contender for so many seconds."""

    def __init__(self, contender: Contender, out: Path, seconds: int) -> None:
        pid = str(contender.server.process.pid)
        options = ("--format", "raw", "--full-filenames", "--function", "--rate", str(RATE), "--duration", str(seconds))
        self._command = (str(_SPY), "record", *options, "--output", str(out), "--pid", pid)
        self._out = out

    def __enter__(self) -> "_Spy":
        if not _SPY.exists():
            raise NotProfiledError(f"there is no {_SPY}: `make test` or `make bench` installs it")
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._said, _nothing = self._process.communicate(timeout=_TIMEOUT)
        finally:
            self._process.kill()

    def samples(self) -> list[Sample]:
        """What it saw.

        Raises:
            NotProfiledError: it may not look at other processes.
        """
        if self._process.returncode:
            raise NotProfiledError(
                f"py-spy failed: {self._said.strip()}\nRun it as root, or let processes of one user see each other: "
                "sysctl kernel.yama.ptrace_scope=0"
            )
        return read(self._out.read_text(encoding="utf-8").splitlines())


def read(lines: Iterable[str]) -> list[Sample]:
    """py-spy's raw format: the frames from the outermost to the innermost with `;` between them, and the count.

    Threads that wait for work are left out.
    """
    split = (line.rpartition(" ") for line in lines)
    samples = [Sample(stack.split(";"), int(count)) for stack, _, count in split]
    return [sample for sample in samples if not _WAITING.fullmatch(sample.stack[-1])]


def parts(samples: Iterable[Sample], cpu_ms: float) -> list[Part]:
    """The parts of a request that costs `cpu_ms`, the largest first."""
    counts: Counter[str] = Counter()
    for sample in samples:
        counts[part_of(sample.stack)] += sample.times
    return _shares(counts, cpu_ms)


def part_of(stack: Sequence[str]) -> str:
    """The part that the innermost frame belongs to of those that belong to any."""
    for frame in reversed(stack):
        for name, files in _PARTS:
            if re.search(files, frame):
                return name
    return _OTHER


def functions(samples: Iterable[Sample], cpu_ms: float) -> list[Part]:
    """The functions in which most samples were taken, without what they call; what is in C is its caller's."""
    counts: Counter[str] = Counter()
    for sample in samples:
        counts[_short(sample.stack[-1])] += sample.times
    return _shares(counts, cpu_ms)[:FUNCTIONS]


def _short(frame: str) -> str:
    """`dumps (graphql_api/encoding.py)` of a frame with the whole path."""
    found = _FRAME.fullmatch(frame)
    return f"{found['function']} ({'/'.join(Path(found['file']).parts[-2:])})" if found else frame


def _shares(counts: Counter[str], cpu_ms: float) -> list[Part]:
    total = counts.total()
    return [Part(name, count / total, cpu_ms * count / total) for name, count in counts.most_common()]


COLUMNS = ("part", "service ms", "%", "plain ms", "%")


def rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row for each part of one shape, with what it takes of the service and of plain execution, and their sums."""
    ours, theirs = ({part["name"]: part for part in found[name]["parts"]} for name in (SERVICE, PLAIN))
    names = sorted({*ours, *theirs}, key=lambda name: -max(each.get(name, _NONE)["cpu_ms"] for each in (ours, theirs)))
    table = [(name, *(text for each in (ours, theirs) for text in _figures(each.get(name, _NONE)))) for name in names]
    sums = (text for name in (SERVICE, PLAIN) for text in (f"{found[name]['cpu_ms']:.2f}", "100"))
    return [*table, ("in all", *sums)]


FUNCTION_COLUMNS = ("function of the service", "ms", "%")


def function_rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The service's functions in which most time goes, for one shape."""
    return [(each["name"], *_figures(each)) for each in found[SERVICE]["functions"]]


_NONE: Mapping[str, Any] = {"cpu_ms": 0.0, "share": 0.0}


def _figures(part: Mapping[str, Any]) -> tuple[str, str]:
    return f"{part['cpu_ms']:.2f}", f"{100 * part['share']:.0f}"
