"""What `karl report` prints of a comparison of strategies."""

from __future__ import annotations

from rich.console import Console

from karl.reports.study.report import Report
from karl.reports.study.summary import summary_sentences
from karl.reports.study.terminal import study_table

__all__ = ["show_study"]

# Of the tables of a report, the one that a terminal has room for.
_SHOWN = "outcome"


def show_study(report: Report) -> None:
    """Print the scores of every strategy, what follows from them, and what to know of them."""
    console = Console()
    for table in report.tables:
        if table.name == _SHOWN:
            console.print(study_table(table))
    for about, sentence in summary_sentences(report.study, report.tables):
        console.print(f"{about}: {sentence}", highlight=False, markup=False)
    for note in report.study.notes:
        console.print(f"Note: {note}", highlight=False, markup=False)
