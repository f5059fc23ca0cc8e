"""A Dockerfile and its `.dockerignore`, read: as much of both as this project's use."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_KNOWN = frozenset(
    {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK"}
    | {"LABEL", "RUN", "STOPSIGNAL", "USER", "WORKDIR"}
)
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


class DockerfileError(Exception):
    """The file says something that is not known here. The message names the line."""


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction, its arguments in one line, and the line that it begins at."""

    keyword: str
    arguments: str
    line: int


@dataclass(frozen=True, slots=True)
class Stage:
    """What stands between one FROM and the next."""

    name: str
    base: str
    steps: list[Step] = field(default_factory=list)

    def last(self, keyword: str) -> str | None:
        """The arguments of the last instruction of a kind, None where there is none."""
        found = [step.arguments for step in self.steps if step.keyword == keyword]
        return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class Copy:
    """A COPY: from the context, or from another stage."""

    sources: tuple[str, ...]
    destination: str
    stage: str | None


def read_dockerfile(text: str) -> dict[str, Stage]:
    """The stages by name, in their order.

    Raises:
        DockerfileError: an instruction or an option is not known here.
    """
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    for step in _steps(text):
        if step.keyword == "FROM":
            match = re.fullmatch(r"(\S+) AS (\S+)", expanded(step.arguments, arguments))
            if match is None:
                raise DockerfileError(f"line {step.line}: a FROM has a name here: FROM image AS name")
            stages[match[2]] = Stage(name=match[2], base=match[1])
        elif not stages:
            if step.keyword != "ARG" or "=" not in step.arguments:
                raise DockerfileError(f"line {step.line}: before the first FROM there is ARG NAME=value alone")
            name, _, value = step.arguments.partition("=")
            arguments[name] = value
        else:
            stages[list(stages)[-1]].steps.append(step)
    return stages


def _steps(text: str) -> Iterator[Step]:
    begun = 0
    parts: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or not line.strip():
            continue
        begun = begun if parts else number
        parts.append(line.strip().removesuffix("\\").strip())
        if not line.rstrip().endswith("\\"):
            keyword, _, arguments = " ".join(parts).partition(" ")
            if keyword not in _KNOWN:
                raise DockerfileError(f"line {begun}: {keyword} is not known here")
            yield Step(keyword, arguments, begun)
            parts = []


def needed_for(stages: Mapping[str, Stage], target: str) -> list[Stage]:
    """The stages that a target is made from, itself the last, each after what it needs."""
    ordered: dict[str, Stage] = {}

    def visit(name: str) -> None:
        if name in ordered or name not in stages:
            return
        stage = stages[name]
        visit(stage.base)
        for step in stage.steps:
            if step.keyword == "COPY" and (copy := copied(step)).stage:
                visit(copy.stage or "")
        ordered[name] = stage

    visit(target)
    return list(ordered.values())


def lineage(stages: Mapping[str, Stage], target: str) -> list[Stage]:
    """A stage and those that it is built on, the first of them first."""
    line = []
    name = target
    while name in stages:
        line.append(stages[name])
        name = stages[name].base
    return line[::-1]


def copied(step: Step) -> Copy:
    """What a COPY copies.

    Raises:
        DockerfileError: it has an option that is not known here.
    """
    words = shlex.split(step.arguments)
    options = [word for word in words if word.startswith("--")]
    *sources, destination = [word for word in words if not word.startswith("--")]
    stage = None
    for option in options:
        if not option.startswith("--from="):
            raise DockerfileError(f"line {step.line}: {option} is not known here")
        stage = option.removeprefix("--from=")
    return Copy(tuple(sources), destination, stage)


def command(arguments: str) -> list[str]:
    """The words of a CMD or HEALTHCHECK in its JSON form.

    Raises:
        DockerfileError: it is in the other form.
    """
    match = re.search(r"\[.*\]$", arguments)
    if match is None:
        raise DockerfileError(f"{arguments!r} is not a list of words in JSON")
    words: list[str] = json.loads(match[0])
    return words


def expanded(text: str, values: Mapping[str, str]) -> str:
    """The text with `$NAME` and `${NAME}` filled in; nothing where there is no such name."""
    return _VARIABLE.sub(lambda match: values.get(match[1] or match[2], ""), text)


class Context:
    """The files that `docker build` sees: those that `.dockerignore` lets through.

    https://docs.docker.com/build/concepts/context/#dockerignore-files: the last line that matches decides, and a line
    that names a directory is about all that is in it.
    """

    def __init__(self, root: Path, ignore: str) -> None:
        self.root = root
        lines = [line.strip() for line in ignore.splitlines()]
        self._rules = [
            (_pattern(line.removeprefix("!")), line.startswith("!"), line.removeprefix("!"))
            for line in lines
            if line and not line.startswith("#")
        ]

    def files(self) -> list[Path]:
        """Their paths from the root, sorted."""
        return sorted(path.relative_to(self.root) for path in self._below(self.root))

    def _below(self, directory: Path) -> Iterator[Path]:
        for path in directory.iterdir():
            name = path.relative_to(self.root).as_posix()
            if path.is_dir() and not path.is_symlink():
                if self._kept(name) or any(kept and rule.startswith(f"{name}/") for _, kept, rule in self._rules):
                    yield from self._below(path)
            elif self._kept(name):
                yield path

    def _kept(self, name: str) -> bool:
        kept = True
        for pattern, keeps, _ in self._rules:
            if pattern.match(name):
                kept = keeps
        return kept


def _pattern(rule: str) -> re.Pattern[str]:
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    body = re.sub(r"\*\*/|\*\*|\*|\?|[^*?]+", lambda match: parts.get(match[0]) or re.escape(match[0]), rule)
    return re.compile(rf"{body}(?:/.*)?$")
