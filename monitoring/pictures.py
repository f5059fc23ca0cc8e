"""The dashboards as pictures: each panel's queries asked of a Prometheus and drawn where it lies in the grid."""

import json
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, NullFormatter
from PIL import Image

from monitoring.dashboards.panels import COLUMNS
from monitoring.prometheus_api import Prometheus, Series

POINTS = 120
"""Steps of a graph."""
SCRAPES = 4
"""`$__rate_interval` is as many scrapes at least, as Grafana has it."""
_CELL_WIDTH, _CELL_HEIGHT = 0.62, 0.36
"""Inches."""
_COLOURS = mpl.colormaps["tab10"].colors + mpl.colormaps["Set2"].colors  # type: ignore[attr-defined]  # a list of colours
_NAMED = {"green": "#3a9d5d", "red": "#cc3b3b", "yellow": "#e0b43b", "blue": "#4a7fc9"}
_BARS_MAX, _LEGEND_MAX = 10, 8


class Span(NamedTuple):
    """What is drawn: from one time to another in steps, and the window of rates, all in seconds."""

    start: float
    end: float
    step: float
    window: float


class Drawn(NamedTuple):
    """The series of a panel with their names."""

    names: list[str]
    series: list[Series]


def draw(url: str, directory: Path, seconds: float, boards: Path | None = None) -> list[Path]:
    """Draw every dashboard, each into a PNG of its own.

    Args:
        url: that of a Prometheus.
        directory: is made if need be.
        seconds: how far back from now.
        boards: the directory with the dashboards' JSON; the committed one when left out.

    Raises:
        PrometheusError: it cannot be reached, or refuses a query.
    """
    directory.mkdir(parents=True, exist_ok=True)
    found = boards or Path(__file__).parent / "grafana" / "dashboards"
    with Prometheus(url) as prometheus:
        end = time.time()
        scrape = _scrape_seconds(prometheus)
        step = max(seconds / POINTS, scrape)
        span = Span(end - seconds, end, step, max(SCRAPES * scrape, step + scrape))
        paths = []
        for source in sorted(found.glob("*.json")):
            board = json.loads(source.read_text(encoding="utf-8"))
            path = directory / f"dashboard-{source.stem}.png"
            _write(_figure(board, prometheus, span), path)
            paths.append(path)
    return paths


def _write(figure: Figure, path: Path) -> None:
    """With a palette: a third of the bytes, and no difference to the eye."""
    drawn = BytesIO()
    figure.savefig(drawn, dpi=72)
    Image.open(drawn).convert("RGB").quantize(160).save(path, optimize=True)


def _scrape_seconds(prometheus: Prometheus) -> float:
    """How long it waits between two scrapes."""
    found = prometheus.now("max(prometheus_target_interval_length_seconds)")
    lengths = [value for series in found for value in series.values if math.isfinite(value)]
    return max(1.0, round(max(lengths))) if lengths else 15.0


def _figure(board: Mapping[str, Any], prometheus: Prometheus, span: Span) -> Figure:
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"]) + 1
    figure = Figure((COLUMNS * _CELL_WIDTH, rows * _CELL_HEIGHT))
    FigureCanvasAgg(figure)
    figure.text(0.01, 1 - 0.5 / rows, board["title"], fontsize=15, va="center", weight="bold")
    start, end = (datetime.fromtimestamp(at, UTC) for at in (span.start, span.end))
    figure.text(
        0.99,
        1 - 0.5 / rows,
        f"{start:%d %B %Y %H:%M} to {end:%H:%M} UTC",
        fontsize=10,
        va="center",
        ha="right",
        color="#666",
    )
    for panel in board["panels"]:
        place = panel["gridPos"]
        corner = place["x"] / COLUMNS, (rows - 1 - place["y"] - place["h"]) / rows
        size = place["w"] / COLUMNS, place["h"] / rows
        figure.add_artist(Rectangle(corner, *size, fill=False, edgecolor="#dddddd", linewidth=1))
        left, bottom, right, top = _margins(panel)
        axes = figure.add_axes(
            (
                corner[0] + left * size[0],
                corner[1] + bottom * size[1],
                (right - left) * size[0],
                (top - bottom) * size[1],
            )
        )
        at = corner[0] + 0.15 / COLUMNS, corner[1] + size[1] - 0.6 / rows
        figure.text(*at, panel["title"], fontsize=10, weight="bold", va="center")
        instant = panel["type"] in ("stat", "bargauge")
        _DRAW[panel["type"]](axes, panel, _drawn(panel, prometheus, span, instant=instant), span)
    return figure


def _margins(panel: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Where the axes begin and end in their panel, as shares of its width and height: left, bottom, right, top."""
    kind, width, height = panel["type"], panel["gridPos"]["w"], panel["gridPos"]["h"]
    top = 1 - 1.4 / height
    if kind == "stat":
        return 0.06, 0.1, 0.98, top
    if kind == "bargauge":
        return 0.36, 0.04, 0.98, top
    left = (2.6 if kind == "state-timeline" else 1.3) / width
    if kind == "timeseries":
        return left, *((0.13, 0.7) if _is_wide(panel) else (0.35, 0.97)), top
    return left, 0.13, 0.98, top


def _is_wide(panel: Mapping[str, Any]) -> bool:
    """Whether the legend is on the right."""
    return bool(panel["options"]["legend"]["placement"] == "right")


def _drawn(panel: Mapping[str, Any], prometheus: Prometheus, span: Span, *, instant: bool) -> Drawn:
    names: list[str] = []
    found: list[Series] = []
    for target in panel["targets"]:
        expression = target["expr"].replace("$__rate_interval", f"{math.ceil(span.window)}s")
        series = (
            prometheus.now(expression, span.end)
            if instant
            else prometheus.over(expression, span.start, span.end, span.step)
        )
        names += [_name(target["legendFormat"], each.labels) for each in series]
        found += series
    return Drawn(names, found)


def _name(legend: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), legend).strip()


def _short(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"


def _unit(panel: Mapping[str, Any]) -> Callable[[float], str]:
    """How the panel's unit is written."""
    unit = panel["fieldConfig"]["defaults"]["unit"]
    decimals = panel["fieldConfig"]["defaults"].get("decimals")

    def written(value: float) -> str:
        if not math.isfinite(value):
            return "no data"
        if unit == "percentunit":
            return f"{value * 100:.{decimals}f}%" if decimals is not None else f"{value * 100:.3g}%"
        if unit in ("s", "ms"):
            seconds = value if unit == "s" else value / 1000
            for factor, word in ((1, "s"), (1e-3, "ms")):
                if abs(seconds) >= factor:
                    return f"{seconds / factor:.3g} {word}"
            return f"{seconds * 1e6:.3g} µs" if seconds else "0"
        if unit == "bytes":
            return f"{value / 2**20:.3g} MiB"
        shown = f"{value / 1000:.3g}k" if abs(value) >= 1000 else f"{value:.3g}"
        return shown + {"reqps": " req/s", "ops": " ops/s"}.get(unit, "")

    return written


def _lines(axes: Axes, panel: Mapping[str, Any], drawn: Drawn, span: Span) -> None:
    unit = _unit(panel)
    order = sorted(range(len(drawn.names)), key=lambda place: -_last(drawn.series[place]))
    for number, place in enumerate(order):
        series = drawn.series[place]
        colour = _COLOURS[number % len(_COLOURS)]
        times, values = _with_gaps(series, span.step)
        label = f"{_short(drawn.names[place], 30)}  {unit(_last(series))}"
        axes.plot(times, values, color=colour, linewidth=1.2, label=label if number < _LEGEND_MAX else None)  # type: ignore[arg-type]  # datetimes are drawn
    _time_axis(axes, span)
    if panel["fieldConfig"]["defaults"]["custom"].get("scaleDistribution", {}).get("type") == "log":
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(0, max(axes.get_ylim()[1], 1e-3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: unit(value)))
    axes.grid(axis="y", color="#e5e5e5")
    if order:
        beside = {"bbox_to_anchor": (1.01, 1.06)} if _is_wide(panel) else {"bbox_to_anchor": (-0.1, -0.14), "ncols": 2}
        axes.legend(loc="upper left", fontsize=7, frameon=False, handlelength=1, **beside)
    else:
        _empty(axes)


def _with_gaps(series: Series, step: float) -> tuple[list[datetime], list[float]]:
    """Nothing is drawn between two values where there was none."""
    times: list[datetime] = []
    values: list[float] = []
    for time_, value in zip(series.times, series.values, strict=True):
        if times and time_ - times[-1].timestamp() > 1.5 * step:
            times.append(datetime.fromtimestamp(time_ - step / 2, UTC))
            values.append(math.nan)
        times.append(datetime.fromtimestamp(time_, UTC))
        values.append(value)
    return times, values


def _number(axes: Axes, panel: Mapping[str, Any], drawn: Drawn, _: Span) -> None:
    axes.axis("off")
    text = _unit(panel)(drawn.series[0].values[-1]) if drawn.series else "no data"
    axes.text(0, 0.45, text, fontsize=20, va="center", transform=axes.transAxes, color="#24507a")


def _bars(axes: Axes, panel: Mapping[str, Any], drawn: Drawn, _: Span) -> None:
    unit = _unit(panel)
    shown = [place for place, series in enumerate(drawn.series) if math.isfinite(_last(series))]
    shown = sorted(shown, key=lambda place: -_last(drawn.series[place]))[:_BARS_MAX]
    if not shown:
        _empty(axes)
        return
    values = [_last(drawn.series[place]) for place in shown]
    bars = axes.barh([_short(drawn.names[place], 34) for place in shown], values, color="#4a7fc9")
    axes.bar_label(bars, [f" {unit(value)}" for value in values], fontsize=8)
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=8, length=0)
    axes.set_xlim(0, max(max(values) * 1.25, 1e-9))
    axes.xaxis.set_visible(False)
    _without_frame(axes)


def _states(axes: Axes, panel: Mapping[str, Any], drawn: Drawn, span: Span) -> None:
    mapping = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    width = span.step / 86_400
    words: dict[str, str] = {}
    for row, series in enumerate(drawn.series):
        for time_, value in zip(series.times, series.values, strict=True):
            state = mapping[f"{value:g}"]
            words[state["text"]] = _NAMED[state["color"]]
            axes.barh(row, width, left=datetime.fromtimestamp(time_, UTC), color=_NAMED[state["color"]], height=0.7)  # type: ignore[arg-type]  # as above
    axes.set_yticks(range(len(drawn.names)), drawn.names, fontsize=8)
    axes.invert_yaxis()
    _time_axis(axes, span)
    for word, colour in words.items():
        axes.plot([], [], color=colour, linewidth=6, label=word)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, fontsize=8, frameon=False)
    _without_frame(axes)


def _heatmap(axes: Axes, _: Mapping[str, Any], drawn: Drawn, span: Span) -> None:
    """Buckets are cumulative: each row is what a bucket has more than the one below it."""
    by_end = {float(series.labels["le"]): series for series in drawn.series}
    ends = sorted(by_end)
    if not ends:
        _empty(axes)
        return
    times = sorted({time_ for series in drawn.series for time_ in series.times})
    values = [dict(zip(by_end[end].times, by_end[end].values, strict=True)) for end in ends]
    cells = [
        [max(0.0, row.get(time_, 0.0) - below.get(time_, 0.0)) for time_ in times]
        for row, below in zip(values, [{}, *values[:-1]], strict=True)
    ]
    edges = [datetime.fromtimestamp(time_ - span.step / 2, UTC) for time_ in (*times, times[-1] + span.step)]
    mesh = axes.pcolormesh(edges, range(len(ends) + 1), cells, cmap="Blues")  # type: ignore[arg-type]  # as above
    axes.set_yticks([row + 1 for row in range(len(ends))], [f"{end:g}" for end in ends], fontsize=7)
    figure = axes.figure
    bar = figure.colorbar(mesh, ax=axes, pad=0.01)
    bar.ax.tick_params(labelsize=7)
    _time_axis(axes, span)


def _time_axis(axes: Axes, span: Span) -> None:
    axes.set_xlim(datetime.fromtimestamp(span.start, UTC), datetime.fromtimestamp(span.end, UTC))  # type: ignore[arg-type]  # as above
    locator: Any = AutoDateLocator(minticks=3, maxticks=6)  # type: ignore[no-untyped-call]  # untyped
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))  # type: ignore[no-untyped-call]  # untyped
    axes.tick_params(labelsize=7)
    _without_frame(axes)


def _without_frame(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _empty(axes: Axes) -> None:
    axes.text(0.5, 0.5, "no data", ha="center", va="center", transform=axes.transAxes, color="#999")


def _last(series: Series) -> float:
    finite: Sequence[float] = [value for value in series.values if math.isfinite(value)]
    return finite[-1] if finite else -math.inf


_DRAW: Mapping[str, Callable[[Axes, Mapping[str, Any], Drawn, Span], None]] = {
    "timeseries": _lines,
    "stat": _number,
    "bargauge": _bars,
    "state-timeline": _states,
    "heatmap": _heatmap,
}
