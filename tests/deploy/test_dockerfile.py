"""The Dockerfile takes what there is, and nothing that an image should not have."""

import re
from pathlib import Path

import pytest

from deploy.dockerfile import Context, DockerfileError, command, copied, lineage, needed_for, read_dockerfile
from deploy.follow import here

ROOT = Path(__file__).parents[2]
STAGES = read_dockerfile((ROOT / "Dockerfile").read_text(encoding="utf-8"))
CONTEXT = Context(ROOT, (ROOT / ".dockerignore").read_text(encoding="utf-8")).files()
TARGETS = ("serve", "data", "kuma", "mlflow")


def test_every_source_of_a_copy_is_in_the_context() -> None:
    known = {str(path) for path in CONTEXT} | {str(parent) for path in CONTEXT for parent in path.parents}
    for stage in STAGES.values():
        for copy in (copied(step) for step in stage.steps if step.keyword == "COPY"):
            assert copy.stage in (None, *STAGES)
            if copy.stage is None:
                assert [source for source in copy.sources if source.removeprefix("./") not in known] == []


def test_every_file_of_the_context_is_copied() -> None:
    copies = [copied(step) for stage in STAGES.values() for step in stage.steps if step.keyword == "COPY"]
    sources = [Path(source) for copy in copies if copy.stage is None for source in copy.sources]
    spare = [path for path in CONTEXT if not any(path.is_relative_to(source) for source in sources)]
    assert spare == [Path("Dockerfile")]


def test_the_context_is_small_and_has_no_secret() -> None:
    assert sum((ROOT / path).stat().st_size for path in CONTEXT) < 20e6
    secret = re.compile(r"(^|/)(\.env|\.git|\.venv|secrets?)(/|$)|\.(db|pem|key)$|(^|/)node_modules/")
    assert [path for path in CONTEXT if secret.search(str(path))] == []


@pytest.mark.parametrize("target", TARGETS)
def test_a_base_image_is_pinned_to_a_release(target: str) -> None:
    for stage in needed_for(STAGES, target):
        if stage.base not in STAGES:
            assert re.fullmatch(r"(python|node):\d+\.\d+\.\d+-(bookworm-slim|slim-bookworm)", stage.base)


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_as_a_user_that_is_not_root_and_says_what_it_is(target: str) -> None:
    stages = lineage(STAGES, target)
    (user,) = [found for stage in stages if (found := stage.last("USER"))][-1:]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    assert any("org.opencontainers.image.title" in (stage.last("LABEL") or "") for stage in stages)
    assert all(step.keyword != "USER" for step in stages[-1].steps[:-5] if step.keyword == "RUN")


@pytest.mark.parametrize("target", ["serve", "mlflow"])
def test_what_goes_on_running_has_a_health_check_of_python_alone(target: str) -> None:
    assert command(STAGES[target].last("HEALTHCHECK") or "")[0] == "python"


def test_each_installation_is_locked_by_hashes() -> None:
    installations = [
        step.arguments for stage in STAGES.values() for step in stage.steps if " install " in f" {step.arguments} "
    ]
    pip = [each for each in installations if "-m pip" in each]
    assert len(pip) == 4
    assert all("--require-hashes" in each and "--no-deps" in each for each in pip)
    assert [each for each in installations if "npm" in each] == []  # npm ci takes what the lock says.


def test_the_serving_image_installs_the_serving_lock_alone() -> None:
    names = [stage.name for stage in needed_for(STAGES, "serve")]
    locks = re.findall(r"-r (\S+)", " ".join(step.arguments for name in names for step in STAGES[name].steps))
    assert locks == ["requirements.lock"]


def test_a_later_rule_decides_and_a_directory_stands_for_what_is_in_it(tmp_path: Path) -> None:
    for name in ("a/b/keep.py", "a/b/drop.pyc", "a/c.txt", "d/e.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert Context(tmp_path, "*\n!a/b\n**/*.pyc\n").files() == [Path("a/b/keep.py")]
    assert Context(tmp_path, "# all\na/*.txt\n").files() == [Path("a/b/drop.pyc"), Path("a/b/keep.py"), Path("d/e.txt")]


def test_an_instruction_that_is_not_known_is_told_with_its_line() -> None:
    with pytest.raises(DockerfileError, match="line 2: ADD is not known here"):
        read_dockerfile("FROM python:3.11.15 AS a\nADD . /app\n")


def test_paths_of_the_image_alone_are_moved() -> None:
    text = "install -d /var/lib/m7b0 && /opt/m7b0/bin/python -c /usr/bin/env /app"
    moved = "install -d /r/var/lib/m7b0 && /r/opt/m7b0/bin/python -c /usr/bin/env /r/app"
    assert here(text, Path("/r")) == moved
    assert here("/opt/m7b0/bin:/usr/bin", Path("/r")) == "/r/opt/m7b0/bin:/usr/bin"
