"""`karl estimate`, `karl enrich` and `karl annotators`: what annotators cost and are worth."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from karl.cli.options import RUNS, ConfigDir, Name, Overrides, RunsDir

if TYPE_CHECKING:
    from karl.reports.table import Table
    from karl.runs.estimate import Forecast

__all__ = ["app", "enrich", "estimate"]

_SHORT = 90
_NBSP = "\u00a0"  # keeps a number and its unit on one line

app = typer.Typer(help="Compare annotators.", no_args_is_help=True, add_completion=False)

Gold = Annotated[
    int | None,
    typer.Option("--gold", min=1, help="Count in so many gold pairs.", show_default=False),
]


def estimate(
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = RUNS,
    config_dir: ConfigDir = None,
    gold: Gold = None,
) -> None:
    """Tell what a run would still ask of a language model, and cost. Spends nothing.

    Such as:

    karl estimate llm=openai budget.rounds=10
    """
    from karl.cli.printing import print_lines, print_table
    from karl.runs.estimate import forecast
    from karl.sweeps.opening import find_run

    run = find_run(overrides or (), name, runs_dir, config_dir)
    found = forecast(run, gold)
    if not found.lines:
        said = "is asked nothing more" if run.experiment.llm.costs else "costs nothing"
        print_lines(f"llm={run.experiment.choices['llm']} {said}.")
        return
    print_table(_estimates(found))
    print_lines(*found.notes, wrap=True)


def enrich(
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = RUNS,
    config_dir: ConfigDir = None,
) -> None:
    """Have item cards written by a language model: cards=llm.

    `karl run cards=llm` does this by itself before anything else; what is
    written is shared by all runs of the folder and is paid once.

    Such as:

    karl enrich cards=llm llm=openai data=demo
    """
    from karl.cli.printing import print_lines
    from karl.cli.progress import open_display
    from karl.runs import enrich as enriching
    from karl.sweeps.opening import find_run

    with open_display() as display:
        run = find_run(overrides or (), name, runs_dir, config_dir, display.watch)
        summary, cards, categories = enriching.enrich(run)
    print_lines(
        f"{summary.cards:,} of {summary.items:,} items have a card; {summary.majors:,} major and "
        f"{summary.fines:,} fine categories, {summary.uncategorised:,} items in none of them",
        f"Cards:      {cards}",
        *([] if categories is None else [f"Categories: {categories}"]),
    )


@app.command()
def compare(
    overrides: Overrides = None,
    gold: Annotated[
        int, typer.Option("--gold", min=1, help="Human-labelled training pairs to compare on.")
    ] = 100,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the table as Markdown.", show_default=False),
    ] = None,
    runs_dir: RunsDir = RUNS,
    config_dir: ConfigDir = None,
) -> None:
    """Have several annotators label the same human-labelled pairs and compare them.

    Every llm=… begins an annotator, to which the llm.… overrides after it belong;
    all other overrides are common. A budget holds for each annotator.

    Such as:

    karl annotators compare data=demo llm=oracle llm=openai llm=openai llm.rationale=true
    """
    from karl.cli.printing import print_lines, print_table
    from karl.cli.progress import open_display
    from karl.files import write_text
    from karl.reports.quality import quality_table
    from karl.runs.quality import compare_annotators

    with open_display() as display:
        found = compare_annotators(overrides or [], gold, runs_dir, config_dir, display.watch)
    table = quality_table(found)
    print_table(table)
    if output is not None:
        write_text(output, table.markdown())
        print_lines(f"Written: {output}")


def _estimates(found: Forecast) -> Table:
    from karl.reports.table import Column, Table

    columns = (
        Column("what", "", right=False),
        *(Column(key, key, _count) for key in ("answers", "stored", "calls")),
        Column("tokens_in", "tokens in", _thousands),
        Column("tokens_out", "tokens out", _thousands),
        Column("cost_usd", "USD", _dollars),
        Column("most_usd", "at most", _dollars),
        Column("seconds", "time", _duration),
    )
    return Table("estimate", "", "", [*map(asdict, found.lines), asdict(found.total)], columns)


def _count(n: int) -> str:
    return f"{n:,}"


def _thousands(n: int) -> str:
    return f"{n:,}" if n < 10_000 else f"{n / 1000:,.0f}{_NBSP}k"


def _dollars(usd: float) -> str:
    return f"{usd:,.4f}" if usd < 1 else f"{usd:,.2f}"


def _duration(seconds: float) -> str:
    if 0 < seconds < 1:
        return f"<{_NBSP}1{_NBSP}s"
    if seconds < _SHORT:
        return f"{seconds:.0f}{_NBSP}s"
    minutes = seconds / 60
    return f"{minutes:.0f}{_NBSP}min" if minutes < _SHORT else f"{minutes / 60:.1f}{_NBSP}h"
