"""What the commands of `python -m ml` are configured by."""

from pathlib import Path

from pydantic import ValidationError

from db.settings import DatabaseSettings, fault_of
from ml.errors import ModelError
from ml.runtime.settings import ModelSettings


class TrainingSettings(DatabaseSettings, ModelSettings):
    """The settings of the database and those of the models; `DATABASE_URL` is not among what the commands read."""

    @property
    def processed(self) -> Path:
        """What `python -m db prepare` writes."""
        return self.data_dir / "processed"


def read_settings() -> TrainingSettings:
    """The settings from the environment, then from `.env`, then the defaults.

    Raises:
        ModelError: a setting has a value that it cannot have.
    """
    try:
        return TrainingSettings()
    except ValidationError as error:
        raise ModelError(f"settings: {fault_of(error)}") from error
