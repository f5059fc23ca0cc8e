"""The schema that clients rely on: of the release before, or where there is none yet, of the main branch before."""

import subprocess
from datetime import date
from pathlib import Path
from typing import NamedTuple

_MAIN = ("origin/main", "main")


class Previous(NamedTuple):
    """A schema and where it is from; or None, and why there is none.

    `replaced` is the day on which the version after it was committed, where clients have had that since.
    """

    schema: str | None
    source: str
    replaced: date | None = None


def previous_schema(schema: Path) -> Previous:
    """Find in git what the file is to be compared with.

    That is the release before, if there is one: the nearest tag behind the commit that is checked out. Else, on a
    branch, it is where the branch left main; and on main itself the last version that was different.
    """
    repository = _Repository(schema)
    if fault := repository.fault():
        return Previous(None, f"git finds no repository here: {fault}")
    return (
        repository.release()
        or repository.where_it_left_main()
        or repository.last_different()
        or Previous(None, repository.why_nothing())
    )


class _Repository:
    """The repository that a file lies in."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def fault(self) -> str | None:
        try:
            done = self._run("rev-parse", "--git-dir")
        except FileNotFoundError:
            return "git is not installed"
        return done.stderr.strip() if done.returncode else None

    def release(self) -> Previous | None:
        # Not HEAD's own tag: a release is compared with the one before it.
        tag = self._ask("describe", "--tags", "--abbrev=0", "HEAD^")
        return self._at(tag, f"release {tag}") if tag else None

    def where_it_left_main(self) -> Previous | None:
        for main in _MAIN:
            commit = self._ask("merge-base", "HEAD", main)
            if commit and commit != self._ask("rev-parse", "HEAD"):
                return self._at(commit, f"{main} at {commit[:9]}")
        return None

    def last_different(self) -> Previous | None:
        now = self._file.read_text(encoding="utf-8")
        commits = self._ask("log", "--first-parent", "--format=%H %cs", "--", self._file.name) or ""
        replaced = None
        for line in commits.splitlines():
            commit, day = line.split()
            found = self._at(commit, f"commit {commit[:9]}")
            if found and found.schema != now:
                return found._replace(replaced=replaced)
            replaced = date.fromisoformat(day)
        return None

    def why_nothing(self) -> str:
        if self._ask("rev-parse", "--is-shallow-repository") == "true":
            return "this clone is shallow and holds no earlier version: git fetch --unshallow --tags brings them"
        return "this is its first version"

    def _at(self, commit: str, source: str) -> Previous | None:
        done = self._run("show", f"{commit}:./{self._file.name}")
        return None if done.returncode else Previous(done.stdout, source)

    def _ask(self, *arguments: str) -> str | None:
        done = self._run(*arguments)
        return None if done.returncode else done.stdout.strip()

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # A clone may be another user's, as in a container. Whoever checks it runs its code already.
        command = ["git", "-c", "safe.directory=*", *arguments]
        return subprocess.run(  # noqa: S603 — no shell, and the arguments are this file's own.
            command, check=False, capture_output=True, encoding="utf-8", cwd=self._file.resolve().parent
        )
