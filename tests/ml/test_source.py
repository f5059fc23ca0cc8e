import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select

from db.engine import Database
from db.progress import Silent
from ml.source import SourceError, is_database, read_tables, shown

PASSWORD = "geheim"  # noqa: S105  no one's


def read(source: str) -> None:
    read_tables(source, ["airports"], Silent())


@pytest.mark.parametrize(
    ("source", "written"),
    [
        (
            f"postgresql://m7b0:{PASSWORD}@db.example:5433/flights",
            "postgresql+asyncpg://m7b0@db.example:5433/flights",
        ),
        (
            f"postgresql+asyncpg://m7b0@db.example/flights?password={PASSWORD}&ssl=require",
            "postgresql+asyncpg://m7b0@db.example/flights?ssl=require",
        ),
        ("sqlite:////m7b0.db", "sqlite+aiosqlite:////m7b0.db"),
    ],
)
def test_a_database_is_written_down_without_its_password(source: str, written: str) -> None:
    assert is_database(source)
    assert shown(source) == written


def test_a_directory_and_a_file_are_written_down_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert not is_database("data/processed")
    assert shown("sqlite:///m7b0.db") == f"sqlite+aiosqlite:///{tmp_path}/m7b0.db"
    assert shown("data/processed") == shown(Path("data/processed")) == str(tmp_path / "data" / "processed")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("mysql://localhost/flights", "the source names 'mysql'; this runs on sqlite:///FILE or postgresql://"),
        ("sqlite:////nowhere/at/all.db", "the source: the directory /nowhere/at does not exist"),
        (
            f"postgresql://u:{PASSWORD}@127.0.0.1:1/x",
            r"postgresql\+asyncpg://u@127.0.0.1:1/x cannot be used: .*; is the",
        ),
        ("nowhere", "nowhere cannot be read; run `python -m db prepare`"),
    ],
)
def test_a_source_that_cannot_be_read_says_why_in_one_line(source: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as refusal:
        read(source)

    assert "\n" not in str(refusal.value)
    assert PASSWORD not in str(refusal.value)


def test_a_sqlite_file_that_does_not_exist_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.db does not exist; `python -m db upgrade` makes it"):
        read(f"sqlite:///{tmp_path}/none.db")

    assert list(tmp_path.iterdir()) == []


async def test_a_database_that_is_not_migrated_says_what_to_run(empty_url: str, empty_database: Database) -> None:
    await empty_database.fetch("test", select(1))  # SQLite's file is made when it is first opened.

    with pytest.raises(SourceError, match=r"cannot be read: the schema is at migration none, not .*: run `python -m"):
        await asyncio.to_thread(read, empty_url)
