"""How every plot looks: one plain style, colours that colour-blind people tell apart, files without a date in them."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = {
    "SCHEDULE": "#E69F00",
    "WEATHER": "#009E73",
    "OPERATIONS": "#0072B2",
    "HISTORY": "#555555",
    "CONSTANT": "#999999",
}
"""Of Okabe and Ito's palette (Color Universal Design, 2008); the references are grey."""

LABELS = {
    "SCHEDULE": "schedule",
    "WEATHER": "+ weather",
    "OPERATIONS": "+ operations",
    "HISTORY": "history of route and hour",
    "CONSTANT": "constant",
}
LINES = {"SCHEDULE": "-", "WEATHER": "-", "OPERATIONS": "-", "HISTORY": "--", "CONSTANT": ":"}
MARKERS = {"SCHEDULE": "o", "WEATHER": "s", "OPERATIONS": "D", "HISTORY": "^", "CONSTANT": "v"}
GUIDE = {"color": "#444444", "linewidth": 0.9, "linestyle": (0, (4, 3)), "zorder": 1}
"""The line of what would be ideal, or of chance."""

DOTS_PER_INCH = 100
_STYLE: Any = {  # matplotlib names each of its several hundred settings in the type.
    "font.family": "DejaVu Sans",  # Comes with matplotlib, so that every machine draws the same.
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "figure.facecolor": "white",
}


@contextmanager
def plain_style() -> Iterator[None]:
    """Within the block, figures are made in the project's style whatever a user's own settings say."""
    with rc_context(_STYLE):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches, whose parts are laid out without overlapping."""
    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")


def png(figure: Figure) -> bytes:
    """The figure as a PNG file. The same figure gives the same bytes: nothing says when or with what it was drawn."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None}, pil_kwargs={"optimize": True})
    return content.getvalue()


def percent(axis: Any) -> None:
    """Label an axis from 0 to 1 in per cent."""
    axis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")


def square(axes: Axes) -> None:
    """Both axes from 0 to 1 in per cent, equally long."""
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    percent(axes.xaxis)
    percent(axes.yaxis)
