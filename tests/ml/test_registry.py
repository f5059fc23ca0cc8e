import os
import shutil
from pathlib import Path

import pytest

from ml.runtime import ModelUnavailableError, look
from ml.runtime.files import seal
from tests.bundles import add_version, damage, followed, opened, write_aliases

BAD_ALIASES = [b"", b"{", b"[]", b'{"champion": 1}', b"null", b'{"champion": "model_v', b"\xff", b'{"champion": null}']


@pytest.fixture
def two(models: Path) -> Path:
    """A champion, model_v1, and a challenger, model_v2."""
    add_version(models / "model_v1", models / "model_v2")
    write_aliases(models, champion="model_v1", challenger="model_v2")
    return models


def test_the_champion_answers_when_no_model_is_named(models: Path) -> None:
    registry = opened(models)

    assert registry.select().version == "model_v1"
    assert registry.select() is registry.select(version="model_v1")


def test_a_model_is_chosen_by_version_or_by_alias(models: Path) -> None:
    add_version(models / "model_v1", models / "model_v2")
    write_aliases(models, champion="model_v1", challenger="model_v2")
    registry = opened(models)

    assert registry.select(alias="challenger").version == "model_v2"
    assert registry.select(version="model_v2") is registry.select(alias="challenger")
    assert registry.select().version == "model_v1"


def test_versions_are_in_the_order_of_their_numbers(models: Path) -> None:
    add_version(models / "model_v1", models / "model_v10")
    add_version(models / "model_v1", models / "model_v2")

    assert [bundle.version for bundle in opened(models).bundles] == ["model_v1", "model_v2", "model_v10"]


def test_a_model_may_have_both_aliases_or_none(models: Path) -> None:
    add_version(models / "model_v1", models / "model_v2")
    write_aliases(models, challenger="model_v1", champion="model_v1")
    registry = opened(models)

    assert registry.aliases_of("model_v1") == ["champion", "challenger"]
    assert registry.aliases_of("model_v2") == []


def test_a_damaged_bundle_is_refused_while_the_others_serve(models: Path) -> None:
    damage(add_version(models / "model_v1", models / "model_v2"))
    registry = opened(models)

    assert [bundle.version for bundle in registry.bundles] == ["model_v1"]
    assert "SHA-256" in registry.refused["model_v2"]
    with pytest.raises(ModelUnavailableError, match=r"^The model model_v2 failed its checks\. Usable: model_v1\.$"):
        registry.select(version="model_v2")


def test_a_damaged_champion_is_unavailable_and_is_not_replaced_by_another(models: Path) -> None:
    add_version(models / "model_v1", models / "model_v2")
    damage(models / "model_v1")
    registry = opened(models)

    assert registry.select(version="model_v2").version == "model_v2"
    with pytest.raises(ModelUnavailableError, match=r"^The model model_v1 failed its checks\. Usable: model_v2\.$"):
        registry.select()


def test_a_version_that_does_not_exist_is_unavailable(models: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"There is no model model_v9\. Usable: model_v1\."):
        opened(models).select(version="model_v9")


def test_an_alias_that_no_model_has_is_unavailable(models: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"No model is challenger\. Usable: model_v1\."):
        opened(models).select(alias="challenger")


@pytest.mark.parametrize("content", BAD_ALIASES)
def test_with_damaged_aliases_versions_still_answer(models: Path, content: bytes) -> None:
    (models / "aliases.json").write_bytes(content)
    registry = opened(models)

    assert str(registry.fault).startswith("aliases.json ")
    assert registry.select(version="model_v1").version == "model_v1"
    with pytest.raises(ModelUnavailableError, match="No model is champion"):
        registry.select()


def test_a_directory_without_models_has_none(tmp_path: Path) -> None:
    registry = opened(tmp_path / "nowhere")

    assert registry.bundles == []
    with pytest.raises(ModelUnavailableError, match=r"No model is champion\. Usable: none\."):
        registry.select()


def test_other_files_beside_the_bundles_are_left_alone(models: Path) -> None:
    (models / "artifacts").mkdir()
    (models / "model_v3.zip").write_bytes(b"")

    registry = opened(models)

    assert list(registry.loaded) == ["model_v1"]
    assert registry.refused == {}


def test_a_directory_that_has_not_changed_asks_for_nothing(two: Path) -> None:
    registry = opened(two)
    listing = look(two)

    assert not registry.is_behind(listing)
    assert registry.changed(listing) == []
    assert followed(registry, two) == registry


def test_a_new_bundle_is_added_and_the_others_are_the_same_objects(two: Path) -> None:
    registry = opened(two)
    add_version(two / "model_v1", two / "model_v3")
    assert registry.is_behind(look(two))
    assert registry.changed(look(two)) == ["model_v3"]
    new = followed(registry, two)

    assert list(new.loaded) == ["model_v1", "model_v2", "model_v3"]
    assert all(new.loaded[version] is registry.loaded[version] for version in registry.loaded)
    assert list(registry.loaded) == ["model_v1", "model_v2"], "what a request holds does not change under it"


def test_a_bundle_that_is_replaced_serves_in_its_new_form(two: Path) -> None:
    registry = opened(two)
    (two / "model_v1" / "model.json").write_bytes((two / "model_v1" / "model.json").read_bytes() + b" ")
    seal(two / "model_v1")
    new = followed(registry, two)

    assert new.select().checksums != registry.select().checksums
    assert new.select().checksums == (two / "model_v1" / "SHA256SUMS").read_text(encoding="utf-8")


def test_a_change_of_the_checksums_alone_is_noticed_whatever_the_clock_says(two: Path) -> None:
    """Two writes within a tick of the file system's clock have the same time."""
    sums = two / "model_v1" / "SHA256SUMS"
    registry, before = opened(two), sums.stat()
    sums.write_bytes(sums.read_bytes().replace(b"a", b"b"))
    os.utime(sums, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert registry.changed(look(two)) == ["model_v1"]


def test_a_damaged_replacement_changes_nothing_that_serves(two: Path) -> None:
    registry = opened(two)
    damage(two / "model_v1")
    new = followed(registry, two)

    assert new.select() is registry.select()
    assert "is damaged" in new.refused["model_v1"]


def test_what_was_refused_is_not_tried_again_until_it_changes_or_is_asked_for(two: Path) -> None:
    damage(add_version(two / "model_v1", two / "model_v3"))
    registry = opened(two)
    assert registry.changed(look(two)) == []
    assert registry.changed(look(two), again=True) == ["model_v3"]
    assert followed(registry, two).refused == registry.refused
    shutil.rmtree(two / "model_v3")
    add_version(two / "model_v1", two / "model_v3")
    new = followed(registry, two)

    assert new.select(version="model_v3").version == "model_v3"
    assert new.refused == {}


def test_aliases_are_switched(two: Path) -> None:
    registry = opened(two)
    write_aliases(two, champion="model_v2", challenger="model_v1")
    assert registry.changed(look(two)) == []
    new = followed(registry, two)

    assert (new.select().version, new.select(alias="challenger").version) == ("model_v2", "model_v1")
    assert registry.select().version == "model_v1"


def test_a_challenger_that_is_no_longer_named_is_none(two: Path) -> None:
    registry = opened(two)
    write_aliases(two, champion="model_v1")

    assert followed(registry, two).aliases == {"champion": "model_v1"}


@pytest.mark.parametrize(
    "content",
    [
        *BAD_ALIASES,
        b"{}",
        b'{"challenger": "model_v1"}',
        b'{"champion": "model_v9"}',
        b'{"champion": "model_v2", "challenger": "model_v9"}',
    ],
)
def test_bad_aliases_leave_all_of_them_as_they_were(two: Path, content: bytes) -> None:
    registry = opened(two)
    (two / "aliases.json").write_bytes(content)
    new = followed(registry, two)

    assert new.aliases == {"champion": "model_v1", "challenger": "model_v2"}
    assert str(new.fault).startswith("aliases.json ")
    assert len(str(new.fault).splitlines()) == 1
    assert not new.is_behind(look(two)), "they are not tried again"


def test_aliases_that_vanish_stay_in_force(two: Path) -> None:
    registry = opened(two)
    (two / "aliases.json").unlink()
    new = followed(registry, two)

    assert new.aliases == registry.aliases
    assert new.fault == "aliases.json cannot be read"


def test_a_bad_bundle_that_is_named_champion_does_not_become_it_and_does_when_it_is_put_right(two: Path) -> None:
    registry = opened(two)
    damage(add_version(two / "model_v1", two / "model_v3"))
    write_aliases(two, champion="model_v3", challenger="model_v1")
    new = followed(registry, two)
    assert new.aliases == registry.aliases
    assert new.fault == "aliases.json names model_v3 as champion, which cannot be used"
    shutil.rmtree(two / "model_v3")
    add_version(two / "model_v1", two / "model_v3")
    right = followed(new, two)

    assert right.aliases == {"champion": "model_v3", "challenger": "model_v1"}
    assert (right.fault, right.refused) == (None, {})


def test_aliases_that_name_a_model_before_it_is_there_come_into_force_with_it(two: Path) -> None:
    registry = opened(two)
    write_aliases(two, champion="model_v3")
    early = followed(registry, two)
    assert early.select().version == "model_v1"
    add_version(two / "model_v1", two / "model_v3")

    assert followed(early, two).select().version == "model_v3"


def test_a_service_that_started_without_a_usable_champion_takes_any_that_is(two: Path) -> None:
    damage(two / "model_v1")
    registry = opened(two)
    assert registry.fault == "aliases.json names model_v1 as champion, which cannot be used"
    write_aliases(two, champion="model_v2", challenger="model_v9")
    new = followed(registry, two)

    assert new.select().version == "model_v2"
    assert "model_v9 as challenger" in str(new.fault)


def test_a_bundle_whose_directory_is_gone_serves_as_long_as_an_alias_names_it(two: Path) -> None:
    add_version(two / "model_v1", two / "model_v3")
    registry = opened(two)
    for version in ("model_v1", "model_v2", "model_v3"):
        shutil.rmtree(two / version)
    new = followed(registry, two)
    assert new.select() is registry.select()
    assert new.select(alias="challenger") is registry.select(alias="challenger")
    assert list(new.loaded) == ["model_v1", "model_v2"]
    assert "the directory of model_v1 is gone" in new.refused["model_v1"]
    write_aliases(two, champion="model_v2")
    dropped = followed(new, two)

    assert list(dropped.loaded) == ["model_v2"]
    assert list(dropped.refused) == ["model_v2"]


def test_a_directory_that_is_away_for_a_while_changes_nothing(two: Path) -> None:
    add_version(two / "model_v1", two / "model_v3")
    registry = opened(two)
    away = two.rename(two.with_name("away"))
    listing = look(two)
    assert registry.is_behind(listing)
    without = registry.following(listing, {})
    assert (without.loaded, without.aliases) == (registry.loaded, registry.aliases)
    assert str(without.fault).endswith("models cannot be read: No such file or directory")
    assert not without.is_behind(look(two)), "that is said once"
    away.rename(two)
    assert without.is_behind(look(two))

    assert followed(without, two) == registry
