"""`python -m monitoring`: what watches the service, and what sets it up."""

import typer

from monitoring import dashboards_command

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="rich")
dashboards_command.add_to(app)


def main() -> None:
    app(prog_name="python -m monitoring")


if __name__ == "__main__":
    main()
