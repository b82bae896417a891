"""What a run prints and draws at its end."""

from __future__ import annotations

from rich.console import Console

from karl.config.compose import GROUPS_KEY
from karl.files import read_json
from karl.reports.curves import read_metrics
from karl.reports.plot import plot_learning_curve
from karl.reports.quality import confusion_table, quality_table
from karl.reports.table import rounds_table, summary_lines
from karl.runs.directory import Run
from karl.stages.kinds import QUALITY

__all__ = ["show_quality", "show_results"]


def show_results(run: Run) -> None:
    """Print the table of rounds and draw the learning curve.

    Every figure comes from the run's `metrics.jsonl`.
    """
    console = Console()
    rows = read_metrics(run.metrics_file)
    if not rows:
        console.print(f"{run.folder} has not been evaluated yet.")
        return
    figure = run.folder / "report" / "learning_curve.png"
    plot_learning_curve(rows, figure)
    console.print(rounds_table(rows))
    for line in summary_lines(rows):
        console.print(line, highlight=False)
    console.print(
        f"Results: {run.metrics_file}\nFigure:  {figure}", highlight=False, soft_wrap=True
    )
    show_quality(run)


def show_quality(run: Run) -> None:
    """Print how good the labels of a run's annotator are, if that was measured."""
    file = QUALITY.path(run.folder)
    if not file.exists():
        return
    console = Console()
    found = read_json(file)
    console.print(quality_table({run.config[GROUPS_KEY]["llm"]: found}))
    console.print(confusion_table(found, "relation"))
    console.print(f"Quality: {file}", highlight=False, soft_wrap=True)
