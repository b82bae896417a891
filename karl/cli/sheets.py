"""`karl sheet`: label a run's pairs in a spreadsheet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from karl.cli.options import RUNS, ConfigDir, RunsDir

if TYPE_CHECKING:
    from karl.annotators import Task
    from karl.annotators.human import Human

__all__ = ["app"]

app = typer.Typer(
    help="Label a run's pairs in a spreadsheet.", no_args_is_help=True, add_completion=False
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a run with llm=human.")]


@app.command()
def write(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The CSV file to write.")],
    runs_dir: RunsDir = RUNS,
    config_dir: ConfigDir = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write the pairs that wait for labels as a CSV sheet, and a legend beside it.

    Such as:

    karl select --name mine && karl sheet write mine pairs.csv
    """
    from karl.annotators.human.sheets import legend_of, write_sheet
    from karl.errors import UsageError
    from karl.labels import NO_LABEL

    human, task = _waiting(name, runs_dir, config_dir)
    codes = human.answered(task)
    if (codes != NO_LABEL).all():
        typer.echo(f"All {len(codes):,} pairs have labels. Next: karl run --name {name}")
        return
    if file.exists() and not force:
        raise UsageError(
            f"{file} is there already and may hold labels",
            hint=f"Read it first (karl sheet read {name} {file}), choose another file, or "
            "replace it with --force.",
        )
    try:
        n_rows = write_sheet(file, task.dataset.catalogue, task.pairs, codes, human.columns)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror or error}") from error
    typer.echo(
        f"Pairs that wait for labels: {n_rows:,}, in {file}\nHow to fill it in: {legend_of(file)}"
    )
    typer.echo(f"Next: karl sheet read {name} {file}")


@app.command()
def read(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The CSV file with labels.")],
    runs_dir: RunsDir = RUNS,
    config_dir: ConfigDir = None,
) -> None:
    """Check a sheet and keep its labels; empty cells may be filled in later."""
    from karl.annotators.human.sheets import read_sheet, record_answers
    from karl.labels import NO_LABEL

    human, task = _waiting(name, runs_dir, config_dir)
    votes = read_sheet(file, task.dataset.catalogue, task.pairs, human.votes)
    n_new = record_answers(human, task, votes, file.name)
    n_missing = int((human.answered(task) == NO_LABEL).sum())
    typer.echo(f"New labels of '{human.annotator}': {n_new:,}. Still missing: {n_missing:,}.")
    if n_missing:
        typer.echo(f"Next: fill in the rest, or label it in the terminal: karl label --name {name}")
    else:
        typer.echo(f"Next: karl run --name {name}")


def _waiting(name: str, runs_dir: Path, config_dir: Path | None) -> tuple[Human, Task]:
    """Return whom a run has for an annotator, and the pairs that it waits to have labelled."""
    from karl.annotators.human import Human
    from karl.errors import UsageError
    from karl.runs.loop import Step, next_step
    from karl.stages.kinds import SELECTED
    from karl.sweeps.opening import load_run, run_folder

    run = load_run(run_folder(runs_dir, name), config_dir=config_dir)
    human = run.experiment.llm
    if not isinstance(human, Human):
        raise UsageError(
            f"the run '{name}' has its labels from llm={run.experiment.choices['llm']}",
            hint="Sheets are for runs with llm=human.",
        )
    run.prepare()
    step = next_step(run)
    if not isinstance(step, Step):
        raise UsageError(f"no pairs of the run '{name}' wait for labels: {step.value}")
    if step.stage != "label":
        raise UsageError(
            f"no pairs of the run '{name}' wait for labels: next is stage '{step.stage}' of "
            f"round {step.round}",
            hint=f"Run: karl {step.stage} --name {name}",
        )
    pairs = run.artefacts.read(SELECTED, step.round).pairs
    return human, run.experiment.task(pairs)
