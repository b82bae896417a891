"""`karl estimate`, `karl enrich` and `karl annotators`: what annotators cost and are worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from karl.cli.options import RUNS, ConfigDir, Name, Overrides, RunsDir

if TYPE_CHECKING:
    from rich.table import Table

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
    from rich.console import Console

    from karl.runs.estimate import forecast
    from karl.sweeps.opening import find_run

    run = find_run(overrides or (), name, runs_dir, config_dir)
    found = forecast(run, gold)
    console = Console(highlight=False)
    if not found.lines:
        said = "is asked nothing more" if run.experiment.llm.costs else "costs nothing"
        console.print(f"llm={run.experiment.choices['llm']} {said}.")
        return
    console.print(_estimates(found))
    for note in found.notes:
        console.print(note)


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
    from rich.console import Console

    from karl.cli.progress import open_display
    from karl.runs import enrich as enriching
    from karl.sweeps.opening import find_run

    with open_display() as display:
        run = find_run(overrides or (), name, runs_dir, config_dir, display.watch)
        summary, cards, categories = enriching.enrich(run)
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{summary.cards:,} of {summary.items:,} items have a card; {summary.majors:,} major and "
        f"{summary.fines:,} fine categories, {summary.uncategorised:,} items in none of them"
    )
    console.print(f"Cards:      {cards}")
    if categories is not None:
        console.print(f"Categories: {categories}")


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
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    counts, costs = ("answers", "stored", "calls", "tokens in", "tokens out"), ("USD", "at most")
    for column in (*counts, *costs, "time"):
        table.add_column(column, justify="right", vertical="bottom")
    for line in [*found.lines, found.total]:
        if line is found.total:
            table.add_section()
        table.add_row(
            line.what,
            *(f"{n:,}" for n in (line.answers, line.stored, line.calls)),
            *(_thousands(n) for n in (line.tokens_in, line.tokens_out)),
            *(_dollars(usd) for usd in (line.cost_usd, line.most_usd)),
            _duration(line.seconds),
        )
    return table


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
