"""The file formats in which flights are exported."""

from enum import StrEnum
from pathlib import Path


class Format(StrEnum):
    """How flights are written. In CSV and JSON Lines instants are text: 2013-01-01T10:15:00Z."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"


SUFFIXES = {".parquet": Format.PARQUET, ".csv": Format.CSV, ".jsonl": Format.JSONL, ".ndjson": Format.JSONL}


def format_of(name: str) -> Format | None:
    """The format that a file's suffix stands for, None where it stands for none."""
    return SUFFIXES.get(Path(name).suffix.lower())
