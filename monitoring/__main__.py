"""`python -m monitoring`: what watches the service, and what sets it up."""

import typer

from monitoring import dashboards_command
from monitoring.agent_command import agent_command
from monitoring.kuma_command import app as kuma_app

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="rich")
app.add_typer(kuma_app, name="kuma")
app.command(
    "agent",
    epilog="Example: KUMA_PUSH_TOKEN_FILE=token python -m monitoring agent --metrics-url http://127.0.0.1:8000/metrics "
    "--push-url http://127.0.0.1:3001/api/push",
)(agent_command)
dashboards_command.add_to(app)


def main() -> None:
    app(prog_name="python -m monitoring")


if __name__ == "__main__":
    main()
