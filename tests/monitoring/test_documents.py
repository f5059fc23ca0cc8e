"""Files of an operator: what is wrong is told with the file, the line and what would be right."""

import re
from pathlib import Path

import pytest

from monitoring.documents import read_document
from monitoring.errors import MonitoringError
from monitoring.kuma.config import CONFIG_FILE, Config, HTTPMonitor, JSONQueryMonitor
from tests.monitoring.conftest import SECRETS, SMALL

ENVIRONMENT = {**SECRETS, "KUMA_URL": "http://127.0.0.1:3001", "KUMA_API_KEY_FILE": "key"}
LINES = SMALL.splitlines()


def line_of(text: str) -> int:
    """The line of the small file that holds a text."""
    (number,) = (number for number, line in enumerate(LINES, start=1) if text in line)
    return number


def faults(tmp_path: Path, text: str, environment: dict[str, str] | None = None) -> list[str]:
    path = tmp_path / "kuma.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MonitoringError) as caught:
        read_document(path, Config, ENVIRONMENT if environment is None else environment)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("username: admin", "username: ad: min", "this is not YAML: mapping values are not allowed here"),
        ("username: admin", "user: admin", "user is not a field here; did you mean username?"),
        (
            "interval_seconds: 60",
            "interval_seconds: 5",
            "monitors[2].interval_seconds: Input should be greater than or",
        ),
        (
            "type: json-query",
            "type: json",
            "monitors[1].type: 'json' is not one of 'http', 'json-query', 'postgres', 'push'",
        ),
        (
            "url: http://api:8000/graphql",
            "url: api:8000/graphql",
            "monitors[1].url: 'api:8000/graphql' is not an address",
        ),
        ("expected: 9E", "operator: equals", "monitors[1].operator: 'equals' is not '==', '!=', '>'"),
        (
            "password: {env: KUMA_PASSWORD}",
            "password: secret",
            "password: a secret is not written here; name the variable",
        ),
        ('color: "#0d9488"', "color: teal", "tags[0].color: 'teal' is not a colour such as '#0d9488'"),
        ("slug: m7b0", "slug: M7B0 status", "status_page.slug: 'M7B0 status' is not made of small letters"),
        (
            "monitors: [live, agent]",
            "monitors: [live, agnet]",
            "there is no monitor 'agnet'; monitors has agent, database",
        ),
        ("name: database", "name: live", "monitors[3].name: 'live' is the name of an earlier one"),
        (
            "tags: {part: service}",
            "tags: {prat: service}",
            "monitors[0].tags.prat: there is no tag 'prat'; tags has part",
        ),
        ("url: ${KUMA_URL}", "url: ${KUMA_ADDRESS}", "the environment has no KUMA_ADDRESS: set it, or write"),
        ("username: admin", "url: http://other", "url stands twice in one mapping: keep one"),
        ("postgres://m7b0@", "postgres://m7b0:secret@", "monitors[3].connection: the password does not stand here"),
        ("username: admin", "username: &admin [*admin]", "this refers to itself"),
    ],
    ids=lambda value: value[:24],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, good: str, bad: str, message: str) -> None:
    assert SMALL.count(good) == 1
    told = faults(tmp_path, SMALL.replace(good, bad))
    assert told[0].startswith(f"{line_of(good)}: ")
    assert message in told[0]


def test_every_fault_has_its_line(tmp_path: Path) -> None:
    told = faults(tmp_path, SMALL.replace('"#0d9488"', "red").replace("slug: m7b0", "slug: M"))
    assert [line.split(":")[0] for line in told] == [str(line_of("#0d9488")), str(line_of("slug:"))]


def test_a_missing_field_is_told_with_the_line_of_what_should_have_it(tmp_path: Path) -> None:
    (told,) = faults(tmp_path, "\n".join(line for line in LINES if "json_path" not in line))
    assert told == f"{line_of('name: prediction')}: monitors[1]: json_path is missing"


def test_secrets_that_are_not_set_are_told_with_what_to_set(tmp_path: Path) -> None:
    told = faults(tmp_path, SMALL, {"KUMA_URL": "http://kuma", "KUMA_API_KEY_FILE": "key", "KUMA_PUSH_TOKEN": "t" * 33})
    assert [line.split(": ", 2)[2] for line in told] == [
        "set KUMA_PASSWORD, or KUMA_PASSWORD_FILE to a file that holds it",
        (
            "the token in KUMA_PUSH_TOKEN has 33 characters; wanted are 1 to 32 letters, digits, _ and -, as from "
            "openssl rand -hex 16"
        ),
        "set POSTGRES_MONITOR_PASSWORD, or POSTGRES_MONITOR_PASSWORD_FILE to a file that holds it",
    ]


@pytest.mark.parametrize("text", ["", "- a list", "just words"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (told,) = faults(tmp_path, text)
    assert told.startswith("1: a mapping is wanted here, with url, username")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(MonitoringError, match=re.escape(f"{tmp_path / 'none.yml'} cannot be read: No such file")):
        read_document(tmp_path / "none.yml", Config, {})
    (tmp_path / "latin.yml").write_bytes(b"url: \xe9")
    with pytest.raises(MonitoringError, match="it is not UTF-8"):
        read_document(tmp_path / "latin.yml", Config, {})


def test_a_secret_comes_from_a_file_where_the_variable_is_not_set(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from a file\n", encoding="utf-8")
    environment = {**ENVIRONMENT, "KUMA_PASSWORD": "", "KUMA_PASSWORD_FILE": str(tmp_path / "password")}
    path = tmp_path / "kuma.yml"
    path.write_text(SMALL, encoding="utf-8")
    read = read_document(path, Config, environment)
    assert read.password.text == "from a file"
    assert "from a file" not in repr(read)


def test_values_are_filled_in_from_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "kuma.yml"
    text = SMALL.replace("username: admin", "username: ${NAME:-nobody}-$${LITERAL}")
    path.write_text(text.replace("http://api:8000/graphql", "${BASE:-http://api:8000}/graphql"), encoding="utf-8")
    read = read_document(path, Config, {**ENVIRONMENT, "NAME": "ann", "BASE": ""})
    assert read.username == "ann-${LITERAL}"
    assert isinstance(read.monitors[1], JSONQueryMonitor)
    assert read.monitors[1].url == "http://api:8000/graphql"


def test_the_file_that_is_deployed_names_the_services_of_the_deployment() -> None:
    read = read_document(CONFIG_FILE, Config, SECRETS)
    urls = {monitor.name: monitor.url for monitor in read.monitors if isinstance(monitor, HTTPMonitor)}
    assert urls == {
        "m7b0 live": "http://proxy:8080/health/live",
        "m7b0 ready": "http://proxy:8080/health/ready",
        "m7b0 prediction": "http://proxy:8080/graphql",
        "Prometheus": "http://prometheus:9090/-/healthy",
        "Grafana": "http://grafana:3000/api/health",
        "MLflow": "http://mlflow:5000/health",
    }
    assert read.url == "http://uptime-kuma:3001"
    shown = [name for group in read.status_page.groups for name in group.monitors]
    assert sorted(shown) == sorted(monitor.name for monitor in read.monitors)
