"""Progress bars say which file, how far and how fast."""

import io

from rich.console import Console

from db.progress import Bars


def test_a_bar_shows_the_end_of_a_long_name_the_rows_and_their_speed() -> None:
    shown = io.StringIO()
    with Bars(Console(file=shown, width=120)) as bars:
        bars.start("On_Time_Reporting_Carrier_On_Time_Performance_1987_present_2025_1.zip", 600_000, 20_000)
        for _ in range(29):
            bars.advance("On_Time_Reporting_Carrier_On_Time_Performance_1987_present_2025_1.zip", 20_000)
    text = shown.getvalue()
    assert "…1987_present_2025_1.zip" in text
    assert "600000/600000" in text
    assert "rows/s" in text
