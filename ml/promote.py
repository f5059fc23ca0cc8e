"""A promotion as a person sees it: both models' figures, what changed, how to go back."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from ml.errors import ModelError
from ml.mirror import mirror
from ml.runtime.promotion import Comparison, Promotion, WorseThanChampionError, promote


def promote_and_tell(models: Path, version: str, alias: str, console: Console, *, force: bool) -> None:
    """Promote and say what that did; a version that is worse is shown beside the champion before it is refused.

    Raises:
        ModelError: as `ml.runtime.promotion.promote` does.
    """
    try:
        done = promote(models, version, alias, force=force)
    except WorseThanChampionError as error:
        console.print(comparison(error.version, error.champion, error.comparisons))
        raise
    if done.champion and done.comparisons:
        console.print(comparison(version, done.champion, done.comparisons))
    for line in told(done):
        console.print(line, soft_wrap=True, highlight=False)


def mirror_and_warn(models: Path, store: Path, console: Console) -> None:
    """Mirror the aliases in MLflow. A mirror that cannot be reached is a warning: the aliases on file stand."""
    try:
        mirror(models, store)
    except ModelError as error:
        console.print(
            "warning: MLflow does not show the aliases as they are:",
            error,
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def comparison(version: str, champion: str, comparisons: tuple[Comparison, ...]) -> Table:
    """The figures of both models side by side."""
    table = Table("figure", "known", title=f"{version} and the champion {champion}, on the same flights")
    table.add_column(version, justify="right")
    table.add_column(champion, justify="right")
    table.add_column("")
    for each in comparisons:
        figure = "missing" if each.candidate is None else f"{each.candidate:.4f}"
        verdict = "[red]worse[/]" if each.worse else ""
        table.add_row(each.name.replace("_", " "), each.basis, figure, f"{each.champion:.4f}", verdict)
    return table


def told(done: Promotion) -> list[str]:
    """What a promotion changed and how to undo it, a line each."""
    if not done.changed:
        return [f"{done.version} is {done.alias} already; nothing was changed"]
    before = done.previous or "none"
    lines = [f"{done.version} is {' and '.join((done.alias, *done.also))}; {done.alias} before: {before}"]
    if done.previous:
        # Whoever goes back goes back to a model that is no better, and may be worse.
        lines.append(f"to go back: python -m ml promote {done.previous} --alias {done.alias} --force")
    return lines
