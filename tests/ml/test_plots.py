import pytest

from ml.evaluation import Evaluation
from ml.plots import draw
from ml.report import PLOTS
from ml.scores import Scores


@pytest.fixture(scope="module")
def drawn(evaluation: Evaluation, scores: dict[str, Scores]) -> dict[str, bytes]:
    return draw(evaluation, scores)


def test_every_plot_that_the_report_names_is_drawn_and_no_other(drawn: dict[str, bytes]) -> None:
    assert list(drawn) == list(PLOTS)
    assert all(content.startswith(b"\x89PNG\r\n") for content in drawn.values())


def test_a_plot_is_small_enough_to_be_committed(drawn: dict[str, bytes]) -> None:
    assert {name: len(content) for name, content in drawn.items() if len(content) > 150_000} == {}


def test_the_same_figures_give_the_same_bytes(
    drawn: dict[str, bytes], evaluation: Evaluation, scores: dict[str, Scores]
) -> None:
    assert draw(evaluation, scores) == drawn
    assert not any(word in content for content in drawn.values() for word in (b"Software", b"tIME", b"Creation"))
