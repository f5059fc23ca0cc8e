"""Secrets are made once, each for its reader, and never overwritten by themselves."""

import os
from pathlib import Path

import pytest

from deploy.make_secrets import READERS, main, make, read


def modes(directory: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in directory.glob("*/*")}


def test_each_reader_gets_a_file_that_it_alone_can_read(tmp_path: Path) -> None:
    written = make(tmp_path)
    assert sorted(written) == sorted(f"{reader}/{name}" for reader, facts in READERS.items() for name in facts.names)
    assert modes(tmp_path) == {0o400}


def test_a_secret_of_several_readers_is_one(tmp_path: Path) -> None:
    make(tmp_path)
    values = {path.read_text() for path in tmp_path.glob("*/postgres_password")}
    assert len(values) == 1
    assert len(values.pop()) == 32


def test_what_is_there_stays_and_what_is_missing_is_made_from_it(tmp_path: Path) -> None:
    make(tmp_path)
    before = read(tmp_path, "postgres_password")
    assert make(tmp_path) == []
    (tmp_path / "api" / "postgres_password").unlink()
    assert make(tmp_path) == ["api/postgres_password"]
    assert (tmp_path / "api" / "postgres_password").read_text() == before


def test_what_a_reader_was_given_and_is_not_to_have_any_more_is_taken_away(tmp_path: Path) -> None:
    make(tmp_path)
    given_before = tmp_path / "kuma" / "postgres_password"
    given_before.write_text("the owner's")
    own = tmp_path / "kuma" / "notes"
    own.touch()
    assert make(tmp_path) == []
    assert (given_before.exists(), own.exists()) == (False, True)


def test_the_database_s_own_password_is_read_by_those_alone_that_need_it() -> None:
    assert {reader for reader, facts in READERS.items() if "postgres_password" in facts.names} == {
        *("api", "migrate", "postgres"),
    }
    assert {reader for reader, facts in READERS.items() if "postgres_monitor_password" in facts.names} == {
        *("kuma", "migrate"),
    }


def test_a_renewed_secret_is_another_for_all_its_readers_and_the_others_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    before, other = read(tmp_path, "postgres_password"), read(tmp_path, "kuma_password")
    assert main(["--directory", str(tmp_path), "renew", "postgres_password"]) == 0
    values = {path.read_text() for path in tmp_path.glob("*/postgres_password")}
    assert len(values) == 1
    assert before not in values
    assert read(tmp_path, "kuma_password") == other
    captured = capsys.readouterr()
    assert captured.out == ""
    assert not any(value in captured.err for value in values)
    assert modes(tmp_path) == {0o400}


def test_a_secret_is_shown_to_who_asks_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--directory", str(tmp_path), "show", "grafana_password"]) == 1
    make(tmp_path)
    assert main(["--directory", str(tmp_path), "show", "grafana_password"]) == 0
    assert capsys.readouterr().out.strip() == read(tmp_path, "grafana_password")


def test_the_mode_is_set_before_the_file_is_given_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []

    def give(descriptor: int, user: int, _group: int) -> None:
        given.append((user, os.fstat(descriptor).st_mode & 0o777))

    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.fchown", give)
    make(tmp_path)
    assert {user for user, _ in given} == {facts.user for facts in READERS.values()}
    assert {mode for _, mode in given} == {0o400}
