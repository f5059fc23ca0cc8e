"""Settings of everything that opens the database; the service adds its own to them."""

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class DatabaseSettings(BaseSettings):
    """Read from the environment, then from `.env`, then from the defaults here."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True)

    database_url: SecretStr = Field(
        SecretStr("sqlite:///m7b0.db"),
        description="Where the flights are: sqlite:///FILE (relative to the working directory) "
        "or postgresql://USER:PASSWORD@HOST:PORT/NAME.",
    )
    database_password_file: str = Field(
        "", description="A file that holds the password of DATABASE_URL, which then names a user and no password."
    )
    database_monitor_password_file: str = Field(
        "", description="A file that holds the password of the role that `python -m db monitor` makes on PostgreSQL."
    )
    database_pool_size: int = Field(
        5,
        ge=1,
        le=100,
        description="Connections for pages and lookups, and as many again for all else, which are kept open. On "
        "PostgreSQL, count both for every replica.",
    )
    database_timeout_seconds: float = Field(
        10.0, gt=0, description="How long to wait for a connection, for a lock, and for the answer to a statement."
    )
    data_dir: Path = Field(Path("data"), description="Holds raw/ and processed/, as described in data/README.md.")

    @model_validator(mode="before")
    @classmethod
    def _password_comes_from_its_file(cls, values: dict[str, Any]) -> dict[str, Any]:
        if not (file := values.get("database_password_file")):
            return values
        given = values.get("database_url", cls.model_fields["database_url"].default)
        url = given.get_secret_value() if isinstance(given, SecretStr) else str(given)
        return {**values, "database_url": SecretStr(_with_password(url, Path(file)))}


def _with_password(url: str, file: Path) -> str:
    """The URL with the password in the file, which may hold any characters and may end with a line break.

    Raises:
        ValueError: the file cannot be read or is empty, or the URL has no place for a password.
    """
    try:
        parts = urlsplit(url)
        user, password = parts.username, parts.password
    except ValueError as error:
        raise ValueError("DATABASE_URL is not a URL") from error
    if not user or password is not None:
        raise ValueError(
            "DATABASE_PASSWORD_FILE is for a DATABASE_URL with a user and without a password: "
            "postgresql://USER@HOST:PORT/NAME"
        )
    try:
        secret = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"DATABASE_PASSWORD_FILE: {file} cannot be read: {error}") from error
    if not secret:
        raise ValueError(f"DATABASE_PASSWORD_FILE: {file} is empty")
    before, _, after = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{before.removesuffix(':')}:{quote(secret, safe='')}@{after}").geturl()


def fault_of(error: ValidationError) -> str:
    """Which settings cannot be what they are, and why, in one line."""
    faults = []
    for fault in error.errors():
        name, message = ".".join(map(str, fault["loc"])).upper(), fault["msg"].removeprefix("Value error, ")
        faults.append(f"{name}: {message}" if name else message)
    return "; ".join(faults)
