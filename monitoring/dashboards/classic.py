"""Grafana's classic JSON of a dashboard, by the builders of its foundation SDK, which know what each panel may have."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, prometheus, stat, statetimeline
from grafana_foundation_sdk.builders import timeseries as lines
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    LegendDisplayMode,
    LegendPlacement,
    ScaleDistribution,
    SortOrder,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    GridPos,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from monitoring.dashboards.inference import INFERENCE
from monitoring.dashboards.kuma import KUMA
from monitoring.dashboards.overview import OVERVIEW
from monitoring.dashboards.panels import COLUMNS, Board, Kind, Panel
from monitoring.dashboards.resolvers import RESOLVERS

BOARDS = (OVERVIEW, RESOLVERS, INFERENCE, KUMA)
DIRECTORY = Path(__file__).parents[1] / "grafana" / "dashboards"
_DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")


def write(directory: Path = DIRECTORY) -> list[Path]:
    """Write all dashboards, each into a file of its own."""
    paths = []
    for board in BOARDS:
        path = directory / f"{board.name}.json"
        path.write_text(text_of(board), encoding="utf-8")
        paths.append(path)
    return paths


def text_of(board: Board) -> str:
    """The JSON of a dashboard, as Grafana imports it."""
    built = dashboard.Dashboard(board.title).uid(f"m7b0-{board.name}").description(board.description)
    built = built.tags(["m7b0"]).readonly().tooltip(DashboardCursorSync.CROSSHAIR).refresh("30s").time("now-3h", "now")
    built = built.timezone("browser")
    built.with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    for number, (panel, place) in enumerate(_laid_out(board), start=1):
        built.with_panel(_panel(panel, place, number))
    text: str = JSONEncoder(sort_keys=True, indent=2).encode(built.build())
    return text + "\n"


def _laid_out(board: Board) -> Iterator[tuple[Panel, GridPos]]:
    x = y = height = 0
    for panel in board.panels:
        if x + panel.width > COLUMNS:
            x, y, height = 0, y + height, 0
        yield panel, GridPos(h=panel.height, w=panel.width, x=x, y=y)
        x, height = x + panel.width, max(height, panel.height)


def _panel(panel: Panel, place: GridPos, number: int) -> Any:
    built = _BUILDERS[panel.kind](panel)
    built = built.id(number).title(panel.title).description(panel.description).datasource(_DATASOURCE).grid_pos(place)
    built = built.unit(panel.unit)
    if panel.decimals is not None:
        built = built.decimals(panel.decimals)
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        target = prometheus.Dataquery().ref_id(letter).datasource(_DATASOURCE).expr(query.expression)
        target = target.legend_format(query.legend)
        if panel.kind in ("number", "bars"):
            target = target.instant()
        else:
            target = target.range().exemplar("graphql_request_duration_seconds_bucket" in query.expression)
        if panel.kind == "heatmap":
            target = target.format(PromQueryFormat.HEATMAP)
        built = built.with_target(target)
    return built


def _legend(panel: Panel) -> common.VizLegendOptions:
    wide = panel.width >= COLUMNS // 2
    legend = common.VizLegendOptions().show_legend(True)
    legend = legend.placement(LegendPlacement.RIGHT if wide else LegendPlacement.BOTTOM)
    legend = legend.display_mode(LegendDisplayMode.TABLE if wide else LegendDisplayMode.LIST)
    return legend.calcs(["lastNotNull", "max"] if wide else ["lastNotNull"])


def _lines(panel: Panel) -> Any:
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
    built = lines.Panel().legend(_legend(panel)).tooltip(tooltip).line_width(1).show_points(VisibilityMode.NEVER)
    if panel.logarithmic:
        scale = common.ScaleDistributionConfig().type(ScaleDistribution.LOG).log(10)
        return built.scale_distribution(scale)
    return built.fill_opacity(10).min(0)


def _number(_: Panel) -> Any:
    return stat.Panel().reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))


def _bars(_: Panel) -> Any:
    built = bargauge.Panel().reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"])).min(0)
    return built.orientation(VizOrientation.HORIZONTAL).display_mode(BarGaugeDisplayMode.BASIC)


def _states(panel: Panel) -> Any:
    options = {
        value: ValueMappingResult(text=word, color=color, index=number)
        for number, (value, word, color) in enumerate(panel.words)
    }
    return statetimeline.Panel().mappings([ValueMap(options=options)]).merge_values(True)


def _heatmap(panel: Panel) -> Any:
    color = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").steps(64)
    values = heatmap.CellValues().unit(panel.unit)
    return heatmap.Panel().calculate(False).color(color).cell_values(values).show_legend()


_BUILDERS: Mapping[Kind, Callable[[Panel], Any]] = {
    "lines": _lines,
    "number": _number,
    "bars": _bars,
    "states": _states,
    "heatmap": _heatmap,
}
