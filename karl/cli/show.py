"""What a run prints and draws at its end, and what a report prints."""

from __future__ import annotations

from collections.abc import Mapping

from karl.cli.printing import print_lines, print_table
from karl.config.compose import GROUPS_KEY
from karl.files import read_json
from karl.reports.collect import read_run
from karl.reports.figures import save_run_figure
from karl.reports.quality import confusion_table, quality_table
from karl.reports.study import Study
from karl.reports.summary import summary_sentences
from karl.reports.table import Table
from karl.reports.tables import study_tables
from karl.runs.directory import Run
from karl.stages.kinds import QUALITY

__all__ = ["show_quality", "show_run", "show_study"]

# Of the tables of a report, the one that a terminal has room for: the first that there is.
_SHOWN = ("rounds", "outcome")


def show_study(study: Study, tables: Mapping[str, Table]) -> None:
    """Print the scores of a run or of every strategy, what follows, and what to know of them."""
    for name in [name for name in _SHOWN if name in tables][:1]:
        print_table(tables[name])
    said = [f"{about}: {sentence}" for about, sentence in summary_sentences(study, tables)]
    print_lines(*said, *(f"Note: {note}" for note in study.notes), wrap=True)


def show_run(
    run: Run, study: Study | None = None, tables: Mapping[str, Table] | None = None
) -> None:
    """Print what came of a run and draw its learning curve.

    Parameters
    ----------
    run : Run
    study, tables : Study and mapping of str to Table, optional
        What a report has read of the run already.
    """
    study = study or read_run(run)
    if study.metrics.is_empty():
        print_lines(f"{run.folder} has not been evaluated yet.")
        return
    tables = tables or study_tables(study)
    figure = run.folder / "report" / "learning_curve.png"
    save_run_figure(study, tables, figure)
    show_study(study, tables)
    print_lines(f"Results: {run.metrics_file}", f"Figure:  {figure}")
    show_quality(run)


def show_quality(run: Run) -> None:
    """Print how good the labels of a run's annotator are, if that was measured."""
    file = QUALITY.path(run.folder)
    if not file.exists():
        return
    found = read_json(file)
    print_table(quality_table({run.config[GROUPS_KEY]["llm"]: found}))
    print_table(confusion_table(found))
    print_lines(f"Quality: {file}")
