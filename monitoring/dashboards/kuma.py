"""What Uptime Kuma sees from outside."""

from monitoring.dashboards.panels import Board, Panel, Query, number

_STATES = (("0", "down", "red"), ("1", "up", "green"), ("2", "pending", "yellow"), ("3", "maintenance", "blue"))

KUMA = Board(
    "kuma",
    "m7b0: Uptime Kuma",
    "The states of the monitors over time, as Uptime Kuma's own metrics have them.",
    [
        number("Up", "Monitors that are up.", "short", "count(monitor_status == 1) or vector(0)"),
        number("Down", "Monitors that are down.", "short", "count(monitor_status == 0) or vector(0)"),
        number(
            "Pending or in maintenance",
            "Monitors that are looked at again, or not at all.",
            "short",
            "count(monitor_status >= 2) or vector(0)",
        ),
        Panel(
            "Uptime",
            "The share of the time in which each monitor was up, over a day.",
            "percentunit",
            [Query('monitor_uptime_ratio{window="1d"}', "{{monitor_name}}")],
            "bars",
            height=4,
        ),
        Panel(
            "States",
            "The state of each monitor. A push monitor is down when its agent says so, or says nothing.",
            "none",
            [Query("max by (monitor_name) (monitor_status)", "{{monitor_name}}")],
            "states",
            width=24,
            words=_STATES,
        ),
        Panel(
            "Response time",
            "How long each monitor took the last time. A push monitor shows what its agent pushes: the "
            "duration that 95 of 100 requests stay below.",
            "ms",
            [Query("max by (monitor_name) (monitor_response_time >= 0)", "{{monitor_name}}")],
            width=24,
        ),
    ],
)
