"""`python -m monitoring kuma`: what it does to Uptime Kuma, what it leaves alone, and what it says."""

import stat
from pathlib import Path

import httpx2
import pytest

from monitoring.kuma.config import CONFIG_FILE
from tests.monitoring.conftest import SECRETS, SMALL, Run, Served


def test_a_dry_run_shows_the_plan_and_changes_nothing(run: Run, kuma: Served, tmp_path: Path) -> None:
    done = run("apply", "--dry-run")
    assert done.status == 0
    assert [done.line(f"create {what}") for what in ("account admin", "tag part", "status page m7b0")]
    assert "set HOOK_URL" in done.line("waiting notification hook")
    assert (kuma.double.account, kuma.double.monitors) == (None, {})
    assert not (tmp_path / "key").exists()
    assert done == run("plan")


def test_what_was_applied_is_unchanged_the_second_time(run: Run, kuma: Served) -> None:
    first = run("apply")
    assert (first.status, first.line("8 created")) == (0, "8 created, 0 updated, 0 unchanged")
    before = kuma.double.monitor_list()
    second = run("apply")
    assert (second.status, second.line("0 created")) == (0, "0 created, 0 updated, 7 unchanged")
    assert kuma.double.monitor_list() == before


def test_the_file_that_is_deployed_is_applied_and_then_unchanged(run: Run, kuma: Served) -> None:
    assert run("apply", config=CONFIG_FILE).line("12 created")
    assert run("apply", config=CONFIG_FILE).line("0 created, 0 updated, 11 unchanged")
    assert (
        kuma.monitor("PostgreSQL")["databaseConnectionString"]
        == "postgres://m7b0_monitor:p%40ss%2Fword@postgres:5432/m7b0"
    )
    assert kuma.monitor("m7b0 agent")["pushToken"] == SECRETS["KUMA_PUSH_TOKEN"]


def test_a_field_that_was_edited_by_hand_is_shown_and_put_right(run: Run, kuma: Served) -> None:
    run("apply")
    live = kuma.monitor("live")
    live["url"], live["upsideDown"] = "http://elsewhere/", True
    change = "url: http://elsewhere/ → http://api:8000/health/live"
    assert run("apply", "--dry-run").line("update monitor live").endswith(change)
    assert live["url"] == "http://elsewhere/"
    assert run("apply").line("0 created, 1 updated")
    assert live["url"] == "http://api:8000/health/live"
    assert live["upsideDown"]  # The file says nothing of it.


def test_what_the_file_does_not_name_stays(run: Run, kuma: Served) -> None:
    run("apply")
    other = kuma.double.copy(kuma.monitor("live"), "somebody's")
    before = dict(other)
    assert run("apply").line("0 created, 0 updated")
    assert other == before
    assert run("status").line("somebody's http not yet known")


def test_tags_follow_the_file(run: Run, kuma: Served, small_file: Path) -> None:
    run("apply")
    small_file.write_text(SMALL.replace("tags: {part: service}", "tags: {part: 7}"), encoding="utf-8")
    assert run("apply").line("update monitor live").endswith("tags: {'part': 'service'} → {'part': '7'}")
    assert [(tag["name"], tag["value"]) for tag in kuma.double.tags_of(kuma.monitor("live")["id"])] == [("part", "7")]
    assert run("apply").line("0 created, 0 updated")


def test_the_status_page_follows_the_file(run: Run, kuma: Served, small_file: Path) -> None:
    run("apply")
    small_file.write_text(SMALL.replace("monitors: [live, agent]", "monitors: [agent]"), encoding="utf-8")
    assert "groups" in run("apply").line("update status page m7b0")
    (group,) = kuma.double.pages["m7b0"]["groups"]
    assert [each["name"] for each in group["monitorList"]] == ["agent"]
    assert run("apply").line("0 created, 0 updated")


def test_a_notification_is_made_when_its_secret_is_set_and_every_monitor_uses_it(
    run: Run, kuma: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("apply")
    monkeypatch.setenv("HOOK_URL", "https://hook.example/secret")
    done = run("apply")
    assert done.line("create notification hook")
    assert done.line("update monitor live").endswith("notifications: [] → ['hook']")
    assert done.line("1 created, 4 updated")
    (number,) = kuma.double.notifications
    assert all(monitor["notificationIDList"] == {str(number): True} for monitor in kuma.double.monitors.values())
    assert run("apply").line("0 created, 0 updated, 8 unchanged")
    monkeypatch.setenv("HOOK_URL", "https://hook.example/other")
    changed = run("apply")
    assert changed.line("update notification hook") == "update notification hook webhookURL (secret)"
    assert not any("hook.example" in line for line in changed.lines)


def test_the_key_is_made_once_for_its_owner_alone_and_never_printed(run: Run, kuma: Served, tmp_path: Path) -> None:
    done, path = run("apply"), tmp_path / "key"
    key = path.read_text(encoding="utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(key in line for line in done.lines)
    assert httpx2.get(f"{kuma.url}/metrics", auth=("", key)).status_code == 200
    assert httpx2.get(f"{kuma.url}/metrics", auth=("admin", SECRETS["KUMA_PASSWORD"])).status_code == 401
    run("apply")
    assert path.read_text(encoding="utf-8") == key
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".key")] == []


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "its file is gone"),
        (lambda path: path.write_text("uk99_other", encoding="utf-8"), "its file holds another key"),
        (lambda path: path.chmod(0o644), "its file has mode 0644"),
    ],
    ids=["gone", "another", "readable"],
)
def test_a_key_that_is_lost_or_was_readable_is_made_anew(
    run: Run, kuma: Served, tmp_path: Path, spoil: "object", reason: str
) -> None:
    run("apply")
    path = tmp_path / "key"
    (former,) = kuma.double.keys
    spoil(path)  # type: ignore[operator]  # One of the functions above.
    assert reason in run("apply").line("update API key prometheus")
    (now,) = kuma.double.keys
    assert now != former
    assert path.read_text(encoding="utf-8") == kuma.double.keys[now]["key"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_key_is_made_where_it_cannot_be_written(
    run: Run, kuma: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUMA_API_KEY_FILE", str(tmp_path / "missing" / "key"))
    done = run("apply")
    assert (done.status, done.lines[-1]) == (
        1,
        f"error: {tmp_path}/missing/key cannot be written: No such file or directory",
    )
    assert kuma.double.keys == {}


def test_secrets_are_not_shown_when_they_change(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("apply")
    monkeypatch.setenv("KUMA_PUSH_TOKEN", "push-token-8")
    monkeypatch.setenv("POSTGRES_MONITOR_PASSWORD", "another")
    monkeypatch.setenv("SERVICE_KEY", "m7b0_key")
    done = run("apply", "--dry-run")
    assert done.line("update monitor agent") == "update monitor agent pushToken (secret)"
    assert done.line("update monitor database") == "update monitor database databaseConnectionString (secret)"
    assert done.line("update monitor prediction") == "update monitor prediction headers (secret)"


def test_monitors_are_measured_before_and_after_a_restart_whatever_their_tags(run: Run, kuma: Served) -> None:
    done = run("apply")
    assert done.line("restart Uptime Kuma once")
    kuma.double.push(SECRETS["KUMA_PUSH_TOKEN"], {"status": "up", "ping": "12"})
    assert kuma.measured("monitor_status", "agent") == 1
    kuma.double.restart()
    assert kuma.measured("monitor_response_time", "agent") == 12
    assert not any(line.startswith("restart") for line in run("apply").lines)


def test_status_prints_how_each_monitor_is(run: Run, kuma: Served) -> None:
    run("apply")
    token = SECRETS["KUMA_PUSH_TOKEN"]
    kuma.double.push(token, {"status": "up", "msg": "7 requests", "ping": "12.4"})
    assert run("status").line("agent") == "agent push up 12 7 requests 2027-01-15 08:00:00"
    kuma.double.push(token, {"status": "down", "msg": "p95 812 ms > 500 ms", "ping": "812"})
    assert "down 812 p95 812 ms > 500 ms" in run("status").line("agent")
    del kuma.double.monitors[kuma.monitor("live")["id"]]
    assert run("status").line("live") == "live http missing"


def test_status_of_one_without_an_account_says_what_to_do(run: Run) -> None:
    done = run("status")
    assert (done.status, done.lines) == (1, ["error: Uptime Kuma has no account yet: python -m monitoring kuma apply"])


def test_a_wrong_password_is_told_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("apply")
    monkeypatch.setenv("KUMA_PASSWORD", "wrong-1")
    for command in ("plan", "apply", "status"):
        done = run(command)
        assert (done.status, len(done.lines)) == (1, 1)
        assert done.lines[0].startswith(
            "error: Uptime Kuma does not know 'admin' with this password: set KUMA_PASSWORD"
        )


def test_a_weak_password_is_told_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUMA_PASSWORD", "weak")
    done = run("apply")
    assert (done.status, len(done.lines)) == (1, 1)
    assert "Password is too weak" in done.lines[0]


def test_one_that_is_away_is_told_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUMA_URL", "http://127.0.0.1:9")
    for command in ("plan", "apply", "status"):
        done = run(command)
        assert (done.status, done.lines) == (
            1,
            ["error: Uptime Kuma does not answer at http://127.0.0.1:9: is it running, and is KUMA_URL its address?"],
        )


def test_a_bad_file_is_told_with_its_lines(run: Run, small_file: Path) -> None:
    small_file.write_text(SMALL.replace("type: postgres", "type: postgre"), encoding="utf-8")
    done = run("plan")
    assert (done.status, len(done.lines)) == (1, 1)
    assert done.lines[0].startswith("error: kuma.yml:18: monitors[3].type: 'postgre' is not one of")


def test_two_monitors_of_one_name_are_told(run: Run, kuma: Served) -> None:
    run("apply")
    kuma.double.copy(kuma.monitor("live"), "live")
    done = run("apply")
    assert (done.status, len(done.lines)) == (1, 1)
    assert "two monitors named 'live'" in done.lines[0]


def test_what_it_refuses_is_told_with_the_thing(run: Run, kuma: Served, small_file: Path) -> None:
    kuma.double.refuses = "SQLITE_FULL: database or disk is full"
    done = run("apply")
    assert (done.status, done.lines[-1]) == (
        1,
        "error: Uptime Kuma did not let itself be told: the monitor 'live': SQLITE_FULL: database or disk is full",
    )
    kuma.double.refuses = None
    assert run("apply").line("6 created, 0 updated, 1 unchanged")


def test_what_is_set_may_stand_in_a_dotenv_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUMA_PASSWORD")
    assert run("plan").lines == [
        "error: kuma.yml:3: password: set KUMA_PASSWORD, or KUMA_PASSWORD_FILE to a file that holds it"
    ]
    (tmp_path / ".env").write_text(f"KUMA_PASSWORD={SECRETS['KUMA_PASSWORD']}\n", encoding="utf-8")
    assert run("apply").status == 0
