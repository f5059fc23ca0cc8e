"""Following a Dockerfile where no Docker is: each stage becomes a directory, made by the steps as they are written.

The base images are not there. Their Python is one of this machine, their Node.js the machine's own; what lies outside
the directories of the image is the machine's. A path such as /app becomes one below the stage's directory.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.dockerfile import Context, Stage, copied, expanded, lineage, needed_for, read_dockerfile

OF_THE_IMAGE = ("app", "build", "opt", "var/lib")
"""The directories that the Dockerfile makes. All others are the base image's, and here the machine's."""

_ABSOLUTE = re.compile(rf"(?<![\w./])/(?=(?:{'|'.join(OF_THE_IMAGE)})(?:[/\s:]|$))")
# How the machine reaches its package registry is the machine's matter.
_OF_THE_MACHINE = re.compile(
    r"(pip_|npm_config_|https?_proxy$|no_proxy$|ssl_cert_|requests_ca_|node_extra_ca)", re.IGNORECASE
)


class FollowError(Exception):
    """A step failed. The message holds the step and what it printed."""


class Build:
    """Follows the stages of a Dockerfile into directories below `directory`."""

    def __init__(self, root: Path, directory: Path, python: Path) -> None:
        self.stages = read_dockerfile((root / "Dockerfile").read_text(encoding="utf-8"))
        self._context = Context(root, (root / ".dockerignore").read_text(encoding="utf-8"))
        self._directory = directory
        self._copied_context = directory / "context"
        self._base = _base_image(directory / "base", python)
        self.seconds: dict[str, float] = {}

    def root_of(self, stage: str) -> Path:
        """The directory that stands for the root of a stage."""
        return self._directory / "stages" / stage

    def make(self, target: str) -> Path:
        """Follow all that a target needs, and has not been made yet.

        Raises:
            FollowError: a step failed.
        """
        if not self._copied_context.exists():
            for path in self._context.files():
                (self._copied_context / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self._context.root / path, self._copied_context / path)
        for stage in needed_for(self.stages, target):
            if stage.name not in self.seconds:
                began = time.monotonic()
                self._follow(stage)
                self.seconds[stage.name] = time.monotonic() - began
        return self.root_of(target)

    def environment(self, target: str) -> dict[str, str]:
        """What ENV says, from the first stage that it is built on to its own, with paths as they are here."""
        root = self.root_of(target)
        values = {"PATH": f"{self._base}:/usr/local/bin:/usr/bin:/bin"}
        for stage in lineage(self.stages, target):
            for step in stage.steps:
                if step.keyword == "ENV":
                    for word in shlex.split(step.arguments):
                        name, _, value = word.partition("=")
                        values[name] = here(expanded(value, values), root)
        return values

    def workdir(self, target: str) -> Path:
        """Where its commands run."""
        given = [stage.last("WORKDIR") for stage in lineage(self.stages, target)]
        return self.root_of(target) / ([each for each in given if each] or ["/"])[-1].lstrip("/")

    def _follow(self, stage: Stage) -> None:
        root = self.root_of(stage.name)
        root.parent.mkdir(parents=True, exist_ok=True)
        if stage.base in self.stages:
            subprocess.run(["cp", "-a", f"{self.root_of(stage.base)}", f"{root}"], check=True)
        else:
            root.mkdir()
        # Steps before the first WORKDIR of a stage run where the stage that it is built on was.
        cwd = self.workdir(stage.base) if stage.base in self.stages else root
        cwd = root / cwd.relative_to(self.root_of(stage.base) if stage.base in self.stages else root)
        values = {**self._machine(), **(self.environment(stage.base) if stage.base in self.stages else {})}
        values.setdefault("PATH", f"{self._base}:/usr/local/bin:/usr/bin:/bin")
        values = {name: value.replace(f"{self.root_of(stage.base)}/", f"{root}/") for name, value in values.items()}
        for step in stage.steps:
            if step.keyword == "WORKDIR":
                cwd = root / step.arguments.lstrip("/")
                cwd.mkdir(parents=True, exist_ok=True)
            elif step.keyword == "ENV":
                for word in shlex.split(step.arguments):
                    name, _, value = word.partition("=")
                    values[name] = here(expanded(value, values), root)
            elif step.keyword == "COPY":
                copy = copied(step)
                source = self.root_of(copy.stage) if copy.stage else self._copied_context
                destination = (
                    root / copy.destination.lstrip("/") if copy.destination[0] == "/" else cwd / copy.destination
                )
                for each in copy.sources:
                    _copy(source / each.lstrip("/"), destination, into=copy.destination.endswith("/"))
            elif step.keyword == "RUN":
                _run(here(step.arguments, root), cwd, values)

    @staticmethod
    def _machine() -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if _OF_THE_MACHINE.match(name)}
        return {**kept, "HOME": os.environ.get("HOME", "/tmp")}  # noqa: S108 — where there is no other.


def here(text: str, root: Path) -> str:
    """A text of the Dockerfile with the image's paths as they are below a stage's directory."""
    return _ABSOLUTE.sub(f"{root}/", text)


def _base_image(directory: Path, python: Path) -> Path:
    """A directory for PATH with what the base image has: `python`, whose pip is that of the running one."""
    directory.mkdir(parents=True)
    script = directory / "python"
    pip, plain = (f'exec {shlex.quote(str(each))} "$@"' for each in (sys.executable, python))
    script.write_text(f'#!/bin/sh\n[ "$1 $2" = "-m pip" ] && {pip}\n{plain}\n')
    script.chmod(0o755)
    return directory


def _copy(source: Path, destination: Path, *, into: bool) -> None:
    """As COPY does: of a directory what is in it; a file to that name, or into the directory where it ends with `/`."""
    if source.is_dir():
        destination.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", f"{source}/.", f"{destination}"], check=True)
        return
    if not source.exists():
        raise FollowError(f"COPY: {source} does not exist")
    (destination if into else destination.parent).mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", f"{source}", f"{destination}"], check=True)


def _run(command: str, cwd: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=cwd,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FollowError(f"RUN {command}\n{done.stdout}")
