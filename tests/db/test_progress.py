"""Progress bars say which table or file, how far and how fast."""

import io

from rich.console import Console

from db.progress import Bars


def test_each_table_has_a_bar_with_its_rows() -> None:
    shown = io.StringIO()

    with Bars(Console(file=shown, width=120)) as bars:
        bars.start("flights", 1000, 200)
        bars.advance("flights", 300)
        bars.start("weather", 10, 0)

    text = shown.getvalue()
    assert "flights" in text
    assert "500/1000" in text
    assert "0/10" in text


def test_a_bar_shows_the_end_of_a_long_name_the_rows_and_their_speed() -> None:
    shown = io.StringIO()
    name = "On_Time_Reporting_Carrier_On_Time_Performance_1987_present_2025_1.zip"

    with Bars(Console(file=shown, width=120)) as bars:
        bars.start(name, 600_000, 20_000)
        for _ in range(29):
            bars.advance(name, 20_000)

    text = shown.getvalue()
    assert "…1987_present_2025_1.zip" in text
    assert "600000/600000" in text
    assert "rows/s" in text


def test_without_a_table_nothing_is_shown() -> None:
    shown = io.StringIO()

    with Bars(Console(file=shown)):
        pass

    assert shown.getvalue() == ""
