"""What production does not start with, and what it changes."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from db.engine import database_url
from db.settings import fault_of
from graphql_api.settings import Access, Settings, separated


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


def refusal(**values: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        settings(**values)
    return fault_of(caught.value)


def test_introspection_takes_a_key_in_production_alone() -> None:
    assert settings().introspection is Access.OPEN
    assert settings(app_env="production").introspection is Access.KEYS


@pytest.mark.parametrize("name", ["writes", "introspection"])
def test_production_is_not_opened(name: str) -> None:
    assert f"{name.upper()}=open is for development" in refusal(app_env="production", **{name: "open"})


@pytest.mark.parametrize(
    "password", ["password", "Change-Me!", "m7b0", "postgres", "${POSTGRES_PASSWORD}", "<password>"]
)
def test_production_does_not_start_on_a_placeholder(password: str) -> None:
    url = SecretStr(f"postgresql://m7b0:{password}@db/m7b0")
    assert "the password in DATABASE_URL" in refusal(app_env="production", database_url=url)
    assert settings(database_url=url).database_url == url


def test_nor_on_one_of_the_rate_limit_s_storage() -> None:
    url = SecretStr("redis://:changeme@redis:6379/0")
    assert "the password in RATE_LIMIT_STORAGE_URL" in refusal(app_env="production", rate_limit_storage_url=url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://m7b0:x9K2-vvq@db/m7b0",
        "postgresql://m7b0:$ecretR3al@db/m7b0",
        "postgresql://m7b0:%7Bcurly-7f@db/m7b0",
        "postgresql://m7b0@db/m7b0",
        "sqlite:///m7b0.db",
    ],
)
def test_production_starts_on_what_is_none(url: str) -> None:
    given = settings(app_env="production", database_url=SecretStr(url))
    assert given.database_url.get_secret_value() == url


@pytest.mark.parametrize(
    "origins", ["https://app.example.com/", "app.example.com", "https://a.example https://b.example"]
)
def test_an_origin_has_no_path(origins: str) -> None:
    assert "is not an origin" in refusal(cors_origins=origins)


def test_origins_are_separated_by_commas() -> None:
    given = settings(cors_origins="https://a.example, http://localhost:5173,").cors_origins
    assert separated(given) == ["https://a.example", "http://localhost:5173"]


def test_the_password_of_the_database_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("p@ss/w:rd #%\n")
    given = settings(database_url="postgresql://m7b0@db:5432/m7b0?sslmode=require", database_password_file=str(file))
    url = database_url(given.database_url.get_secret_value())
    assert (url.username, url.password, url.host, url.database) == ("m7b0", "p@ss/w:rd #%", "db", "m7b0")
    assert "p@ss" not in repr(given)


@pytest.mark.parametrize(
    "url", ["postgresql://m7b0:x@db/m7b0", "postgresql://db/m7b0", "sqlite:///m7b0.db", "postgresql://m7b0:@db/m7b0"]
)
def test_a_password_in_a_file_needs_a_url_that_has_a_place_for_it(url: str, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("x")
    assert "a user and without a password" in refusal(
        database_url=url, database_password_file=str(tmp_path / "password")
    )


def test_a_password_file_that_is_empty_or_missing_is_told(tmp_path: Path) -> None:
    missing, empty = tmp_path / "missing", tmp_path / "empty"
    empty.write_text("\n")
    for file, reason in ((missing, "cannot be read"), (empty, "is empty")):
        given = refusal(database_url="postgresql://m7b0@db/m7b0", database_password_file=str(file))
        assert f"DATABASE_PASSWORD_FILE: {file} {reason}" in given


def test_production_does_not_start_on_a_placeholder_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("changeme")
    assert "the password in DATABASE_URL" in refusal(
        app_env="production",
        database_url="postgresql://m7b0@db/m7b0",
        database_password_file=str(tmp_path / "password"),
    )
