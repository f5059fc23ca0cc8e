"""What counts as a break, against which version, and what may go."""

import re
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest
from typer.testing import CliRunner, Result

from graphql_api.__main__ import app
from graphql_api.breaking import NOTICE, changes, hurried_deprecations, unclear_deprecations
from graphql_api.previous_schema import previous_schema
from tests.graphql_api.conftest import ROOT

DAY = date(2027, 6, 2)
SCHEMA = """
type Query {
  flight(id: ID!, how: Int = 1): Flight
  legs: [Leg!]! @deprecated(reason: "Use flight. Goes after 2027-06-01.")
}
type Flight { id: ID! late: Int status: Status! }
type Leg { number: Int }
enum Status { HERE GONE @deprecated(reason: "Use HERE. Goes after 2027-06-02.") }
input Where { code: String }
union Found = Flight | Leg
"""


@pytest.mark.parametrize(
    ("old", "new", "broken"),
    [
        ("late: Int", "", "Field Flight.late was removed."),
        ("late: Int", "late: String", "Field Flight.late changed type from Int to String."),
        ("status: Status!", "status: Status", "Field Flight.status changed type from Status! to Status."),
        ("how: Int = 1", "how: Int!", "Argument Query.flight(how:) has changed type from Int to Int!."),
        ("how: Int = 1", "how: Int = 2", "Query.flight(how:) has changed defaultValue from 1 to 2."),
        ("how: Int = 1", "how: Int = 1, why: Int!", "A required argument Query.flight(why:) was added."),
        ("code: String", "code: String name: String!", "A required field Where.name was added."),
        ("input Where", "input Where @oneOf", "Where takes exactly one of its fields now."),
        ("enum Status { HERE", "enum Status { THERE", "Enum value Status.HERE was removed."),
        ("Flight | Leg", "Flight", "Leg was removed from union type Found."),
    ],
)
def test_what_clients_rely_on_may_not_change(old: str, new: str, broken: str) -> None:
    found = changes(SCHEMA, SCHEMA.replace(old, new), DAY)
    assert found.breaking == [broken]


@pytest.mark.parametrize(
    ("old", "new", "noted"),
    [
        ("late: Int", "late: Int early: Int", []),
        ("late: Int", 'late: Int @deprecated(reason: "Use status. Goes after 2028-01-01.")', []),
        ("late: Int", "late: Int!", []),
        ("code: String", "code: String name: String", ["An optional field Where.name was added."]),
        ("HERE", "HERE THERE", ["Enum value Status.THERE was added."]),
        ("Flight | Leg", "Flight | Leg | Query", ["Query was added to union type Found."]),
    ],
)
def test_additions_are_no_break(old: str, new: str, noted: list[str]) -> None:
    found = changes(SCHEMA, SCHEMA.replace(old, new, 1), DAY)
    assert (found.breaking, found.dangerous) == ([], noted)


def test_what_was_deprecated_may_go_after_its_day_with_the_types_that_it_alone_led_to() -> None:
    legs = '  legs: [Leg!]! @deprecated(reason: "Use flight. Goes after 2027-06-01.")\n'
    only = SCHEMA.replace("union Found = Flight | Leg", "")
    without = only.replace(legs, "").replace("type Leg { number: Int }", "")
    assert changes(only, without, DAY).breaking == []
    assert changes(only, without, date(2027, 6, 1)).breaking == ["Leg was removed.", "Field Query.legs was removed."]
    # It may stay, too.
    assert changes(only, only, DAY) == ([], [])


def test_a_type_that_something_else_leads_to_may_not_go_with_what_is_deprecated() -> None:
    both = SCHEMA.replace("union Found = Flight | Leg", "").replace("late: Int", "late: Int leg: Leg")
    without = both.replace("type Leg { number: Int }", "type Other { number: Int }").replace("leg: Leg", "leg: Other")
    gone = without.replace("legs: [Leg!]!", "legs: [Other!]!")
    assert "Leg was removed." in changes(both, gone, DAY).breaking


def test_an_enum_value_stays_on_its_last_day() -> None:
    without = SCHEMA.replace('GONE @deprecated(reason: "Use HERE. Goes after 2027-06-02.")', "")
    assert changes(SCHEMA, without, DAY).breaking == ["Enum value Status.GONE was removed."]
    assert changes(SCHEMA, without, date(2027, 6, 3)).breaking == []


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("late: Int", "late: Int @deprecated{}", "Flight.late"),
        ("how: Int = 1", "how: Int = 1 @deprecated{}", "Query.flight(how:)"),
        ("code: String", "code: String @deprecated{}", "Where.code"),
        ("HERE", "HERE @deprecated{}", "Status.HERE"),
        ("late: Int", "late: Int never: Int @deprecated{}", "Flight.never"),
        ("type Query", "directive @mark(how: Int @deprecated{}) on FIELD type Query", "@mark(how:)"),
    ],
)
def test_a_new_deprecation_gives_clients_six_months(old: str, new: str, name: str) -> None:
    def hurried(last: date) -> list[str]:
        reason = f'(reason: "Use status. Goes after {last}.")'
        return hurried_deprecations(SCHEMA, SCHEMA.replace(old, new.format(reason), 1), DAY)

    assert hurried(DAY + NOTICE) == []
    for late in (DAY + NOTICE - timedelta(days=1), date(2001, 1, 1)):
        (line,) = hurried(late)
        assert line.startswith(f"{name} is newly deprecated and goes after {late}")
        assert str(DAY + NOTICE) in line


def test_the_day_of_a_deprecation_comes_nearer_by_itself_but_is_not_brought_forward() -> None:
    def moved(last: str) -> list[str]:
        return hurried_deprecations(SCHEMA, SCHEMA.replace("2027-06-01", last), date(2027, 5, 1))

    assert moved("2027-06-01") == moved("2027-06-15") == []
    assert len(moved("2027-05-31")) == 1
    assert len(moved("2001-01-01")) == 1


@pytest.mark.parametrize(
    "deprecation",
    [
        "@deprecated",
        '@deprecated(reason: "Use flight.")',
        '@deprecated(reason: "Goes after 2027-06-01.")',
        '@deprecated(reason: "Use flight. Goes after 2027-06-31.")',
    ],
)
def test_a_deprecation_names_what_to_use_and_a_day(deprecation: str) -> None:
    assert len(unclear_deprecations(f"type Query {{ legs: Int {deprecation} }}")) == 1


def test_the_deprecations_of_the_schema_are_clear() -> None:
    assert unclear_deprecations(SCHEMA) == []
    assert unclear_deprecations((ROOT / "schema.graphql").read_text(encoding="utf-8")) == []


def test_the_deprecation_that_the_policy_shows_is_clear() -> None:
    (shown,) = re.findall(r"```graphql\n(.*?)```", (ROOT / "docs/deprecation.md").read_text("utf-8"), re.DOTALL)
    assert "@deprecated" in shown
    assert unclear_deprecations(dedent(shown)) == []


class Repository:
    """A git repository with a schema."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.schema = directory / "schema.graphql"

    def git(self, *arguments: str) -> None:
        settings = ("-c", "user.name=tests", "-c", "user.email=tests@localhost", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *settings, *arguments], check=True, capture_output=True, cwd=self.directory)

    def commit(self, schema: str) -> None:
        self.schema.write_text(schema, encoding="utf-8")
        self.git("add", "schema.graphql")
        self.git("commit", "--allow-empty", "--message", "A version")

    def check(self) -> Result:
        return CliRunner().invoke(app, ["breaking", str(self.schema)], env={"COLUMNS": "200"})


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "repository")
    repository.directory.mkdir()
    repository.git("init", "--initial-branch=main")
    return repository


BROKEN = SCHEMA.replace("late: Int", "")
GROWN = SCHEMA.replace("late: Int", "late: Int early: Int")


def test_the_first_version_is_compared_with_nothing_and_says_so(repository: Repository) -> None:
    repository.commit(SCHEMA)
    checked = repository.check()
    assert (checked.exit_code, "this is its first version" in checked.output) == (0, True)


def test_on_main_it_is_compared_with_the_last_version_that_was_different(repository: Repository) -> None:
    repository.commit(SCHEMA)
    repository.commit(BROKEN)
    repository.commit(BROKEN)
    checked = repository.check()
    assert checked.exit_code == 1
    assert "Field Flight.late was removed." in checked.output
    assert "docs/deprecation.md" in checked.output


def test_on_a_branch_it_is_compared_with_where_the_branch_left_main(repository: Repository) -> None:
    repository.commit(SCHEMA)
    repository.git("checkout", "-b", "topic")
    repository.commit(GROWN)
    repository.git("checkout", "main")
    repository.commit(SCHEMA.replace("late: Int", "late: Int other: Int"))
    repository.git("checkout", "topic")
    assert repository.check().exit_code == 0
    repository.commit(BROKEN)
    repository.commit(BROKEN.replace("Leg {", "Leg { more: Int"))
    assert repository.check().exit_code == 1, "two commits on"


def test_with_a_release_it_is_compared_with_the_release_whatever_came_between(repository: Repository) -> None:
    repository.commit(SCHEMA)
    repository.git("tag", "v1.0.0")
    repository.commit(BROKEN)
    repository.commit(BROKEN.replace("Leg {", "Leg { more: Int"))
    checked = repository.check()
    assert (checked.exit_code, "release v1.0.0" in checked.output) == (1, True)
    # A release is compared with the one before it, not with itself.
    repository.git("tag", "v2.0.0")
    assert previous_schema(repository.schema).source == "release v1.0.0"
    repository.commit(GROWN.replace("late: Int", ""))
    assert previous_schema(repository.schema).source == "release v2.0.0"


def test_a_shallow_clone_says_that_it_holds_no_earlier_version(repository: Repository) -> None:
    repository.commit(SCHEMA)
    repository.commit(BROKEN)
    clone = Repository(repository.directory.parent / "clone")
    repository.git("clone", "--depth=1", f"file://{repository.directory}", str(clone.directory))
    checked = clone.check()
    assert (checked.exit_code, "git fetch --unshallow --tags" in checked.output) == (0, True)
    assert "warning:" in checked.output


def test_a_clone_of_another_user_is_compared_too(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.commit(SCHEMA)
    repository.commit(BROKEN)
    # How git's own tests pretend it: https://github.com/git/git/blob/master/t/t0033-safe-directory.sh
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    refused = subprocess.run(["git", "log"], check=False, capture_output=True, text=True, cwd=repository.directory)
    assert "dubious ownership" in refused.stderr
    checked = repository.check()
    assert (checked.exit_code, "Field Flight.late was removed." in checked.output) == (1, True)


def test_a_hurried_deprecation_is_a_break(repository: Repository) -> None:
    repository.commit(SCHEMA)
    repository.commit(
        SCHEMA.replace("late: Int", 'late: Int @deprecated(reason: "Use status. Goes after 2001-01-01.")')
    )
    checked = repository.check()
    assert (checked.exit_code, "breaks clients: Flight.late is newly deprecated" in checked.output) == (1, True)


def test_on_main_a_deprecation_is_as_good_on_a_later_day(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = datetime.now(UTC).date() + NOTICE - timedelta(days=10)
    late = f'late: Int @deprecated(reason: "Use status. Goes after {last}.")'
    repository.commit(SCHEMA)
    repository.schema.write_text(SCHEMA.replace("late: Int", late), encoding="utf-8")
    assert repository.check().exit_code == 1, "not committed yet"
    monkeypatch.setenv("GIT_COMMITTER_DATE", f"{last - NOTICE}T12:00:00Z")
    repository.commit(SCHEMA.replace("late: Int", late))
    assert repository.check().exit_code == 0
    monkeypatch.setenv("GIT_COMMITTER_DATE", f"{last - NOTICE + timedelta(days=1)}T12:00:00Z")
    repository.git("commit", "--amend", "--no-edit")
    assert repository.check().exit_code == 1


def test_without_a_repository_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "schema.graphql").write_text(SCHEMA, encoding="utf-8")
    checked = Repository(tmp_path).check()
    assert (checked.exit_code, "compared with nothing" in checked.output) == (0, True)


def test_two_files_are_compared_and_what_is_dangerous_is_noted(tmp_path: Path) -> None:
    (tmp_path / "old").write_text(SCHEMA, encoding="utf-8")
    (tmp_path / "new").write_text(SCHEMA.replace("HERE", "HERE THERE", 1), encoding="utf-8")
    arguments = ["breaking", str(tmp_path / "new"), "--against", str(tmp_path / "old")]
    checked = CliRunner().invoke(app, arguments)
    assert (checked.exit_code, "note: Enum value Status.THERE was added." in checked.output) == (0, True)


def test_a_deprecation_without_a_day_is_refused(repository: Repository) -> None:
    repository.commit(SCHEMA.replace("late: Int", "late: Int @deprecated"))
    checked = repository.check()
    assert (checked.exit_code, "Goes after YYYY-MM-DD" in checked.output) == (1, True)
