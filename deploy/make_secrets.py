"""Make the secrets of a deployment: for each who reads them a directory, each secret a file for its reader alone.

Run by the job `secrets` of docker-compose.yml, as root, with a volume for each directory. What is there is never
overwritten, except by `renew`; what a reader was given before and is not to have any more is taken away.
"""

import argparse
import os
import secrets
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path("/secrets")
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"
_LENGTH = 32
"""Uptime Kuma takes a push token of at most 32 characters; of these, 32 are 186 bits."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads secrets: a user, by number, and the names of the files."""

    user: int
    names: tuple[str, ...]


READERS: Mapping[str, Reader] = {
    "api": Reader(10001, ("postgres_password", "kuma_push_token")),
    "migrate": Reader(10001, ("postgres_password", "postgres_monitor_password")),
    "postgres": Reader(999, ("postgres_password",)),
    "kuma": Reader(65534, ("postgres_monitor_password", "kuma_password", "kuma_push_token")),
    "grafana": Reader(472, ("grafana_password",)),
}
"""By the directory. The numbers are the users of the images: docker-compose.yml."""


def read(directory: Path, name: str) -> str | None:
    """A secret as any of its readers has it, None where none has."""
    for reader, facts in READERS.items():
        path = directory / reader / name
        if name in facts.names and path.exists():
            return path.read_text(encoding="ascii").strip()
    return None


def make(directory: Path, *, renew: str | None = None) -> list[str]:
    """Write what is missing, and a new value of the secret that is to be renewed; take away what is not a reader's.

    Returns:
        The files that were written.
    """
    written = []
    names = sorted({name for reader in READERS.values() for name in reader.names})
    for reader, facts in READERS.items():
        for name in set(names) - set(facts.names):
            (directory / reader / name).unlink(missing_ok=True)
    for name in names:
        known = None if name == renew else read(directory, name)
        value = known or "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        for reader, facts in READERS.items():
            path = directory / reader / name
            if name in facts.names and (known is None or not path.exists()):
                _write(path, value, facts.user)
                written.append(f"{reader}/{name}")
    return written


def _write(path: Path, value: str, user: int) -> None:
    """In place at once, and never readable for anybody else."""
    path.parent.mkdir(mode=0o711, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(value)
        # Before it is given away: to change the mode of another's file takes a capability that the job has not.
        os.fchmod(file.fileno(), 0o400)
        if os.geteuid() == 0:
            os.fchown(file.fileno(), user, user)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line.

    Returns:
        The exit status.
    """
    names = sorted({name for reader in READERS.values() for name in reader.names})
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="Holds a directory for each reader.")
    parser.add_argument("do", nargs="?", default="make", choices=["make", "show", "renew"])
    parser.add_argument("name", nargs="?", choices=names)
    given = parser.parse_args(arguments)
    if (given.name is None) != (given.do == "make"):
        parser.error(f"{given.do} takes {'no name' if given.do == 'make' else 'a name: ' + ', '.join(names)}")
    if given.do == "show":
        value = read(given.directory, given.name)
        if value is None:
            print(f"{given.name} has not been made yet", file=sys.stderr)
            return 1
        print(value)
        return 0
    for written in make(given.directory, renew=given.name):
        print(f"made {written}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
