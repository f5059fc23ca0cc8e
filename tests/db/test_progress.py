import io

from rich.console import Console

from db.progress import Bars


def test_each_table_has_a_bar_with_its_rows() -> None:
    console = Console(file=io.StringIO(), width=100)

    with Bars(console) as bars:
        bars.start("flights", 1000, 200)
        bars.advance("flights", 300)
        bars.start("weather", 10, 0)

    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "flights" in shown
    assert "500/1000" in shown
    assert "0/10" in shown


def test_without_a_table_nothing_is_shown() -> None:
    console = Console(file=io.StringIO())

    with Bars(console):
        pass

    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == ""
