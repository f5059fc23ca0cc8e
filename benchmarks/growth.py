"""How the time of a page grows with its rows, and the service's answers with the connections."""

from dataclasses import asdict
from typing import Any

from benchmarks.clients import Client
from benchmarks.contenders import PLAIN, Contender
from benchmarks.graph import Told
from benchmarks.shapes import page

ROWS = (10, 20, 50, 100, 200, 500, 1000)
CONNECTIONS = (1, 2, 4, 8, 16, 32, 64)
MEASUREMENTS = 2 * (len(ROWS) + len(CONNECTIONS))
"""How many `measure` makes."""


def measure(contenders: list[Contender], client: Client, seconds: int, told: Told) -> dict[str, Any]:
    """Pages of 10 to 1,000 rows on one connection, and pages of 20 on 1 to 64, of the service and by hand.

    Returns:
        For "rows" and "connections" the figures of each contender, in order.
    """
    asked = [each for each in contenders if each.name != PLAIN]
    rows: dict[str, list[dict[str, float]]] = {each.name: [] for each in asked}
    connections: dict[str, list[dict[str, float]]] = {each.name: [] for each in asked}
    for count in ROWS:
        for each in asked:
            rows[each.name].append({"rows": count, **asdict(each.measure(client, page(count), seconds, 1))})
            told(f"{count} rows, {each.name}")
    for count in CONNECTIONS:
        for each in asked:
            figures = each.measure(client, page(20), seconds, count)
            connections[each.name].append({"connections": count, **asdict(figures)})
            told(f"{count} connections, {each.name}")
    return {"rows": rows, "connections": connections}
