"""A hundred ways in which a committed bundle can go bad, none of which is served."""

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from ml.runtime import BundleError, load_bundle
from ml.runtime.files import CHECKSUMS_FILE, MANIFEST_FILE, MODEL_FILE, seal

MODELS = Path(__file__).parents[2] / "mlruns"
VERSION, OTHER = "model_v2", "model_v1"
Mutation = Callable[[Path], object]


def flipped(name: str, seed: str) -> Mutation:
    """One bit, at a place that the seed decides."""

    def mutate(bundle: Path) -> None:
        content = bytearray((bundle / name).read_bytes())
        generator = random.Random(seed)  # noqa: S311  a place in a file, not a secret
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        (bundle / name).write_bytes(content)

    return mutate


def truncated(name: str, share: float) -> Mutation:
    def mutate(bundle: Path) -> None:
        content = (bundle / name).read_bytes()
        (bundle / name).write_bytes(content[: int(len(content) * share)])

    return mutate


def appended(name: str, content: bytes) -> Mutation:
    return lambda bundle: (bundle / name).write_bytes((bundle / name).read_bytes() + content)


def removed(name: str) -> Mutation:
    return lambda bundle: (bundle / name).unlink()


def taken_from_the_other(*names: str) -> Mutation:
    return lambda bundle: [shutil.copy(MODELS / OTHER / name, bundle / name) for name in names]


def edited(change: Callable[[dict[str, Any]], object]) -> Mutation:
    """The manifest with something else in it, written as the export writes it."""

    def mutate(bundle: Path) -> None:
        path = bundle / MANIFEST_FILE
        manifest = orjson.loads(path.read_bytes())
        before = orjson.dumps(manifest)
        change(manifest)
        assert orjson.dumps(manifest) != before, "nothing was edited"
        path.write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

    return mutate


def exchange(rows: list[Any], first: int, second: int) -> None:
    rows[first], rows[second] = rows[second], rows[first]


def exchange_golden_rows(golden: dict[str, Any]) -> None:
    for rows in golden.values():
        exchange(rows, 0, 7)


EDITS: dict[str, Callable[[dict[str, Any]], object]] = {
    "two features exchanged": lambda manifest: exchange(manifest["features"], 3, 4),
    "features reversed": lambda manifest: manifest["features"].reverse(),
    "a feature less": lambda manifest: manifest["features"].pop(),
    "two carriers exchanged": lambda manifest: exchange(manifest["vocabularies"]["carrier"], 0, 1),
    "two airports exchanged": lambda manifest: exchange(manifest["vocabularies"]["destination"], 5, 50),
    "an airport more": lambda manifest: manifest["vocabularies"]["destination"].append("XXX"),
    "a carrier renamed": lambda manifest: manifest["vocabularies"]["carrier"].__setitem__(2, "ZZ"),
    "an edge moved": lambda manifest: manifest["classes"]["edges"].__setitem__(0, -31.0),
    "the lowest delay moved": lambda manifest: manifest["classes"].update(lowest=-500.0),
    "the highest delay moved": lambda manifest: manifest["classes"].update(highest=5000.0),
    "two golden inputs exchanged": lambda manifest: exchange(manifest["golden"]["inputs"], 0, 7),
    "two golden outputs exchanged": lambda manifest: exchange(manifest["golden"]["outputs"], 0, 7),
    "both golden rows exchanged": lambda manifest: exchange_golden_rows(manifest["golden"]),
    "fewer golden rows": lambda manifest: [rows.pop() for rows in manifest["golden"].values()],
    "a better figure": lambda manifest: manifest["metrics"][0].update(value=0.99),
    "more training rows": lambda manifest: manifest.update(trainingRows=1_000_000),
    "another date": lambda manifest: manifest.update(trainedAt="2027-01-01T00:00:00+00:00"),
    "another window": lambda manifest: manifest["trainingWindow"].update(last="2014-12-31"),
    "another seed": lambda manifest: manifest.update(seed=8),
    "another version": lambda manifest: manifest.update(version="model_v3"),
    "another checksum": lambda manifest: manifest.update(sha256="0" * 64),
    "a field more": lambda manifest: manifest.update(note="tuned by hand"),
}
NAMES = (MODEL_FILE, MANIFEST_FILE, CHECKSUMS_FILE)


def mutations() -> Iterator[tuple[str, Mutation]]:
    for name, count in ((MODEL_FILE, 30), (MANIFEST_FILE, 30), (CHECKSUMS_FILE, 10)):
        for number in range(count):
            yield f"{name}, bit {number}", flipped(name, f"{name} {number}")
    for name in NAMES:
        for share in (0.999, 0.5, 0.0):
            yield f"{name} cut to {share}", truncated(name, share)
        yield f"{name} with a byte more", appended(name, b"\n")
        yield f"no {name}", removed(name)
        yield f"{name} of the other version", taken_from_the_other(name)
    yield "model and manifest of the other version", taken_from_the_other(MODEL_FILE, MANIFEST_FILE)
    yield "all of the other version", taken_from_the_other(*NAMES)
    yield (
        "manifest with other line ends",
        lambda bundle: (bundle / MANIFEST_FILE).write_bytes(
            (bundle / MANIFEST_FILE).read_bytes().replace(b"\n", b"\r\n")
        ),
    )
    yield from ((name, edited(change)) for name, change in EDITS.items())


MUTATIONS = dict(mutations())


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODELS / VERSION, tmp_path / VERSION))


def test_a_copy_that_nothing_happened_to_is_served(bundle: Path) -> None:
    assert len(MUTATIONS) >= 100
    assert load_bundle(bundle).version == VERSION


@pytest.mark.parametrize("mutate", MUTATIONS.values(), ids=MUTATIONS)
def test_no_mutation_is_served(bundle: Path, mutate: Mutation) -> None:
    mutate(bundle)

    with pytest.raises(BundleError) as refusal:
        load_bundle(bundle)

    assert len(str(refusal.value).splitlines()) == 1
    assert VERSION in str(refusal.value), "it says what it is about"


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_manifest_under_a_new_seal_is_refused_or_sound_and_never_another_error(
    bundle: Path, seed: int
) -> None:
    """Who seals a bundle anew vouches for it; what is then no manifest is refused all the same."""
    for number in range(seed % 4 + 1):
        flipped(MANIFEST_FILE, f"{seed} {number}")(bundle)
    seal(bundle)
    with suppress(BundleError):
        assert load_bundle(bundle).features
