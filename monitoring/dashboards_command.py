"""`python -m monitoring dashboards` and `pictures`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("dashboards", epilog="Example: python -m monitoring dashboards")(dashboards_command)
    app.command(
        "pictures", epilog="Example: python -m monitoring pictures --prometheus http://127.0.0.1:9090 build/pictures"
    )(pictures_command)


def dashboards_command(
    directory: Annotated[
        Path | None, typer.Argument(help="Where to; monitoring/grafana/dashboards when left out.")
    ] = None,
) -> None:
    """Write the dashboards of Grafana, as monitoring/dashboards describes them."""
    try:
        from monitoring.dashboards import classic
    except ModuleNotFoundError as error:
        raise _failure(f"{error.name} is not installed; `make test` makes an environment that has it") from error
    for path in classic.write(directory or classic.DIRECTORY):
        print(path)


def pictures_command(
    directory: Annotated[Path, typer.Argument(help="Where to; it is made if need be.")],
    prometheus: Annotated[str, typer.Option(help="The address of a Prometheus that has the metrics.")],
    minutes: Annotated[float, typer.Option(min=0.1, help="How far back they go.")] = 15.0,
) -> None:
    """Draw each dashboard as Grafana would show it, from what a Prometheus has."""
    from monitoring.prometheus_api import PrometheusError

    try:
        from monitoring.pictures import draw
    except ModuleNotFoundError as error:
        raise _failure(f"{error.name} is not installed; `make test` makes an environment that has it") from error
    try:
        for path in draw(prometheus, directory, minutes * 60):
            print(path)
    except PrometheusError as error:
        raise _failure(str(error)) from error


def _failure(message: str) -> typer.Exit:
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(f"error: {message}")
    return typer.Exit(1)
