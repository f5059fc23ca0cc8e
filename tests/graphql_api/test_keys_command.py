"""`python -m graphql_api keys` as an operator uses it."""

import re
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from graphql_api.__main__ import app
from graphql_api.api_keys import prefix_of, sha256_of

Keys = Callable[..., Result]
READ = ("--scope", "flights:read")


@pytest.fixture
def keys(small_url: str, monkeypatch: pytest.MonkeyPatch) -> Keys:
    """Runs the command on a database with tables."""
    monkeypatch.setenv("DATABASE_URL", small_url)
    return lambda *arguments: CliRunner().invoke(app, ["keys", *arguments])


@pytest.fixture
def name() -> str:
    return f"name {uuid4().hex[:6]}"


def created(result: Result) -> str:
    assert result.exit_code == 0, result.output
    key = result.stdout.removesuffix("\n")
    assert prefix_of(key), "standard output is the key and nothing else"
    return key


def listed(keys: Keys, key: str) -> str:
    """The lines of a key in the list, without its name's and columns' spaces."""
    lines = keys("list").stdout.splitlines()
    start = next(index for index, line in enumerate(lines) if str(prefix_of(key)) in line)
    more = [line for line in lines[start + 1 : start + 4] if not re.match(r"\d", line)]
    return re.sub(r"\s+", " ", " ".join([lines[start], *more]))


def failed(result: Result, words: str) -> None:
    """One clear line, and exit code 1."""
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.fullmatch(r"error: [^\n]+\n", result.stderr), result.stderr
    assert words in result.stderr


def test_a_key_is_printed_once_and_listed_without_its_secret(keys: Keys, name: str) -> None:
    result = keys("create", "--name", f" {name} ", "--scope", "introspect", *READ, *READ, "--expires-in", "90")
    key = created(result)
    assert f"{name} may use it for flights:read, introspect until 20" in result.stderr
    assert "shown this once" in result.stderr
    line = listed(keys, key)
    moment = r"20\d\d-\d\d-\d\d \d\d:\d\dZ"
    assert re.fullmatch(rf"\d+ \w+ {name} flights:read {moment} {moment} never live introspect ?", line), line
    assert key not in keys("list").output
    assert sha256_of(key) not in keys("list").output


def test_a_key_is_for_good_where_no_days_are_given(keys: Keys, name: str) -> None:
    result = keys("create", "--name", name, *READ)
    assert "until it is revoked" in result.stderr
    assert re.search(r"Z never never live", listed(keys, created(result)))


def test_a_third_key_of_a_name_is_refused_and_a_revoked_one_makes_room(keys: Keys, name: str) -> None:
    first, second = [created(keys("create", "--name", name, *READ)) for _ in range(2)]
    old = str(prefix_of(first))
    refusal = keys("create", "--name", name, *READ)
    failed(refusal, f"{name} has 2 live keys already, {old} and {prefix_of(second)}.")
    assert f"python -m graphql_api keys revoke {old}" in refusal.stderr
    assert keys("revoke", old).exit_code == 0
    assert "revoked" in listed(keys, first)
    created(keys("create", "--name", name, *READ))


@pytest.mark.parametrize("by", ["prefix", "id", "key"])
def test_a_key_is_revoked_by_its_beginning_its_number_or_itself(keys: Keys, name: str, by: str) -> None:
    key = created(keys("create", "--name", name, *READ))
    which = {"prefix": str(prefix_of(key)), "id": listed(keys, key).split()[0], "key": key}[by]
    result = keys("revoke", which)
    assert result.exit_code == 0
    assert f"{prefix_of(key)} of {name} is revoked since 20" in result.stdout
    assert key not in result.output
    assert keys("revoke", which).stdout == result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--name", "x", "--scope", "flights:eat"), "there is no 'flights:eat'; there are flights:read, flights:write"),
        (("--name", "x", "--scope", ""), "--scope: there is no ''"),
        (("--name", "", *READ), "--name: give the key a name"),
        (("--name", "  ", *READ), "--name: give the key a name"),
        (("--name", "x" * 101, *READ), "--name: give the key a name"),
        (("--name", "a\0b", *READ), "--name: give the key a name"),
        (("--name", "x", *READ, "--expires-in", "0"), "0 days from now is in the past"),
        (("--name", "x", *READ, "--expires-in", "-1"), "-1 days from now is in the past"),
        (("--name", "x", *READ, "--expires-in", "9" * 20), "is too far away"),
    ],
)
def test_what_a_key_cannot_be_is_one_clear_line(keys: Keys, arguments: tuple[str, ...], words: str) -> None:
    before = keys("list").stdout
    failed(keys("create", *arguments), words)
    assert keys("list").stdout == before


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("m7b0_zzzzzzzz", "there is no key m7b0_zzzzzzzz"),
        ("999999999", "there is no key 999999999"),
        ("x", "neither how a key begins"),
        ("", "neither how a key begins"),
        ("9" * 30, "neither how a key begins"),
    ],
)
def test_a_key_that_is_not_there_is_one_clear_line(keys: Keys, which: str, words: str) -> None:
    failed(keys("revoke", which), words)


COMMANDS = [("create", "--name", "x", *READ), ("list",), ("revoke", "1")]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command[0]))
def test_a_database_without_tables_is_one_clear_line(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    if empty_url.startswith("sqlite"):
        Path(empty_url.removeprefix("sqlite:///")).touch()
    monkeypatch.setenv("DATABASE_URL", empty_url)
    failed(CliRunner().invoke(app, ["keys", *command]), "run `python -m db upgrade`")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command[0]))
def test_a_database_that_is_not_there_is_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/none.db")
    failed(CliRunner().invoke(app, ["keys", *command]), "none.db does not exist")
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    result = CliRunner().invoke(app, ["keys", *command])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: the database cannot be used: ")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", [(), ("create",), ("list",), ("revoke",)], ids=str)
def test_help_shows_an_example(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, ["keys", *command, "--help"])
    assert result.exit_code == 0
    assert "Example: python -m graphql_api keys" in result.output
