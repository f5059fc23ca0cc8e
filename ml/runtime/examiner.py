"""`python -m ml.runtime.examiner NICENESS ROWS BUNDLE…`: what `ml.runtime.quarantine` starts, not for people.

Loads each bundle with every check, runs it on one row and on ROWS, and prints a line of JSON for each: its checksums,
or the reason why it is refused. What a bundle does to this process, it does to no other.
"""

import os
import sys
from pathlib import Path
from typing import Any

import orjson

from ml.runtime.bundle import load_bundle
from ml.runtime.files import BundleError


def main(niceness: str, rows: str, *bundles: str) -> None:
    verdicts = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    # Whatever a library prints must not be taken for a verdict.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if hasattr(os, "nice"):
        os.nice(int(niceness))
    for bundle in bundles:
        verdicts.write(orjson.dumps(_verdict(Path(bundle), int(rows))) + b"\n")


def _verdict(path: Path, rows: int) -> dict[str, Any]:
    try:
        bundle = load_bundle(path)
        bundle.warm(rows)
    except BundleError as error:
        return {"refused": str(error)}
    return {"checksums": bundle.checksums}


if __name__ == "__main__":
    main(*sys.argv[1:])
