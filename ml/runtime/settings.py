"""Where the models are: one setting, read by the service that serves them and by the commands that make them."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class ModelSettings(BaseSettings):
    """Read together with the settings of whoever needs the models."""

    model_dir: Path = Field(Path("mlruns"), description="Holds the bundles model_v1/, model_v2/, … and aliases.json.")
