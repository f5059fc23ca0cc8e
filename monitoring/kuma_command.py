"""`python -m monitoring kuma`: set Uptime Kuma up from a file, and see how the monitors are."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from monitoring.errors import MonitoringError

if TYPE_CHECKING:
    from monitoring.kuma.config import Config
    from monitoring.kuma.plan import Step

app = typer.Typer(
    no_args_is_help=True,
    help=__doc__,
    epilog="Example: KUMA_URL=http://127.0.0.1:3001 python -m monitoring kuma status",
    rich_markup_mode="rich",
)
out = Console(highlight=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

_COLOURS = {"create": "green", "update": "yellow", "waiting": "dim", "unchanged": "dim"}
_CONDITION_COLOURS = {"up": "green", "down": "red", "missing": "red", "pending": "yellow"}
_SHOWN_CHARACTERS = 60
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="What Uptime Kuma is to have; monitoring/kuma/kuma_config.yml.")
]


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End with status 1 and a line for each fault where an operator can put it right."""
    try:
        yield
    except ModuleNotFoundError as error:
        errors.print(f"[red]error:[/] {error.name} is not installed: pip install -r requirements/kuma.lock")
        raise typer.Exit(1) from error
    except MonitoringError as error:
        for line in str(error).splitlines():
            errors.print(f"[red]error:[/] {escape(line)}")
        raise typer.Exit(1) from error


def environment() -> dict[str, str]:
    """What fills in the files: `.env`, and the environment, which goes before it."""
    from dotenv import dotenv_values

    return {**{name: value for name, value in dotenv_values(".env").items() if value is not None}, **os.environ}


@app.command("plan", epilog="Example: python -m monitoring kuma plan")
def plan_command(config: ConfigFile = None) -> None:
    """Show what apply would do, and do nothing."""
    apply_command(config, dry_run=True)


@app.command("apply", epilog="Example: KUMA_URL=http://127.0.0.1:3001 python -m monitoring kuma apply --dry-run")
def apply_command(
    config: ConfigFile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
) -> None:
    """Create and update in Uptime Kuma what the file says. What it does not name stays as it is."""
    with one_line_errors():
        from monitoring.kuma.apply import apply
        from monitoring.kuma.plan import plan
        from monitoring.kuma.server import State, connected, is_fresh, log_in, make_account, read_state

        wanted = _config(config)
        with connected(wanted) as api:
            fresh = is_fresh(api)
            if fresh and dry_run:
                _print_plan(plan(wanted, State(fresh=True)))
                return
            if fresh:
                make_account(api, wanted)
            log_in(api, wanted)
            state = read_state(api, wanted)
            state.fresh = fresh
            steps = plan(wanted, state)
            _print_plan(steps)
            if not dry_run:
                apply(api, wanted, state, steps)
                _print_applied(wanted, steps)


@app.command("status", epilog="Example: python -m monitoring kuma status")
def status_command(config: ConfigFile = None) -> None:
    """Print how each monitor is, as Uptime Kuma last saw it."""
    with one_line_errors():
        from monitoring.kuma.server import connected, is_fresh, log_in
        from monitoring.kuma.status import read_status

        wanted = _config(config)
        with connected(wanted) as api:
            if is_fresh(api):
                raise MonitoringError("Uptime Kuma has no account yet: python -m monitoring kuma apply")
            log_in(api, wanted)
            rows = read_status(api, wanted)
    table = Table("monitor", "type", "status", "ms", "says", "at (UTC)", box=None, pad_edge=False)
    table.columns[3].justify = "right"
    for row in rows:
        colour = _CONDITION_COLOURS.get(row.condition, "dim")
        ping = "" if row.ping is None else f"{row.ping:.0f}"
        at = row.at.split(".")[0]
        table.add_row(escape(row.name), row.type, f"[{colour}]{row.condition}[/]", ping, escape(row.message), at)
    out.print(table)


def _config(path: Path | None) -> "Config":
    from monitoring.documents import read_document
    from monitoring.kuma.config import CONFIG_FILE, Config

    return read_document(path or CONFIG_FILE, Config, environment())


def _print_plan(steps: "list[Step]") -> None:
    table = Table("", "what", "name", "changes", box=None, pad_edge=False)
    for step in steps:
        changes = [
            f"{each.field}: {_shown(each.before)} → {_shown(each.after)}"
            if each.before != each.after
            else f"{each.field} {_shown(each.after)}"
            for each in step.differences
        ]
        colour = _COLOURS[step.action]
        said = escape("\n".join([step.reason] if step.reason else changes))
        table.add_row(f"[{colour}]{step.action}[/]", step.kind, escape(step.name), said)
    out.print(table)


def _print_applied(config: "Config", steps: "list[Step]") -> None:
    from monitoring.kuma.plan import Action, Kind

    counts = {action: sum(step.action is action for step in steps) for action in Action}
    done = [
        f"{counts[Action.CREATE]} created",
        f"{counts[Action.UPDATE]} updated",
        f"{counts[Action.UNCHANGED]} unchanged",
    ]
    out.print(", ".join(done), soft_wrap=True)
    if any(step.kind is Kind.API_KEY and step.action is not Action.UNCHANGED for step in steps):
        out.print(f"the key for /metrics is in {config.api_key.file}", soft_wrap=True, markup=False)
    if any(step.kind is Kind.TAG and step.action is Action.CREATE for step in steps):
        out.print("restart Uptime Kuma once: it measures with the tags that were there when it started", soft_wrap=True)
    if any(step.action is not Action.UNCHANGED and step.kind is Kind.STATUS_PAGE for step in steps):
        out.print(f"status page: {config.url}/status/{config.status_page.slug}", soft_wrap=True, markup=False)


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    text = " ".join(str(getattr(value, "value", value)).split())
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"
