"""Settings of everything that opens the database; the service adds its own to them."""

from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class DatabaseSettings(BaseSettings):
    """Read from the environment, then from `.env`, then from the defaults here."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True)

    database_url: SecretStr = Field(
        SecretStr("sqlite:///m7b0.db"),
        description="Where the flights are: sqlite:///FILE (relative to the working directory) "
        "or postgresql://USER:PASSWORD@HOST:PORT/NAME.",
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


def fault_of(error: ValidationError) -> str:
    """Which settings cannot be what they are, and why, in one line."""
    faults = []
    for fault in error.errors():
        name, message = ".".join(map(str, fault["loc"])).upper(), fault["msg"].removeprefix("Value error, ")
        faults.append(f"{name}: {message}" if name else message)
    return "; ".join(faults)
