"""Commands that carry out experiments: the whole loop, a round, or a stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from karl.cli.options import RUNS, ConfigDir, Name, Overrides, RunsDir

if TYPE_CHECKING:
    from karl.cli.progress import Display
    from karl.runs.directory import Run

__all__ = ["evaluate", "label", "one_round", "run", "seed", "select", "train"]


def _command(
    work: Callable[[Display, Run], None], told: str | None = None, stage: str | None = None
) -> Callable[..., None]:
    """Return the command that does a work on the run that its options mean; `told` is its help."""

    def command(
        overrides: Overrides = None,
        name: Name = None,
        runs_dir: RunsDir = RUNS,
        config_dir: ConfigDir = None,
    ) -> None:
        with _opened(overrides, name, runs_dir, config_dir, stage) as (display, opened):
            work(display, opened)

    command.__doc__ = told or work.__doc__
    return command


@_command
def run(display: Display, opened: Run) -> None:
    """Run an experiment to its end, or go on with one that was interrupted.

    Seeds, then repeats rounds of selecting pairs, labelling them, training and
    evaluating. Without overrides: the demo data, margin sampling, a simulated
    annotator. The same command resumes.

    Such as:

    karl run sampler=qbc budget.rounds=3 --name first

    karl run data=fbl llm=replay cards=recorded --name fbl-cards
    """
    from karl.errors import BudgetExhausted
    from karl.runs.loop import End, run_to_end
    from karl.tracking import tracked

    # The report is drawn before tracking ends, which uploads it.
    with tracked(opened, display.follow(opened)) as observer:
        try:
            end = run_to_end(opened, observer)
        except BudgetExhausted:
            _show_results(display, opened)
            raise
        _show_results(display, opened)
    if end is not End.ROUNDS:
        typer.echo(f"The run has ended early: {end.value}.")


@_command
def one_round(display: Display, opened: Run) -> None:
    """Do one round of a run: what is left of the current one, or the next."""
    from karl.runs.loop import run_round
    from karl.tracking import tracked

    with tracked(opened, display.follow(opened)) as observer:
        end = run_round(opened, observer)
        if end is not None:
            display.stand_aside()
            typer.echo(f"Nothing to do: {end.value}.")
        _show_results(display, opened)


def _stage_command(stage: str, told: str) -> Callable[..., None]:
    return _command(lambda display, opened: _do_stage(display, opened, stage), told, stage)


seed = _stage_command(
    "seed", "Start a run: tune and fit the seed model on human labels, evaluate it."
)
select = _stage_command("select", "Select the pairs that the next round has labelled.")
train = _stage_command("train", "Train on the human labels and all accepted LLM labels.")
evaluate = _stage_command("evaluate", "Evaluate the last model on every evaluation set.")


def label(
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = RUNS,
    config_dir: ConfigDir = None,
    gold: Annotated[
        int | None,
        typer.Option(
            "--gold",
            min=1,
            help="First have so many human-labelled training pairs annotated as well, and report "
            "how good the labels are.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Have the selected pairs annotated and accept labels by consensus.

    With --gold N the annotator is measured too, at any point of a run: accuracy,
    macro-F1, agreement of votes and cost on N pairs that people labelled.
    """
    with _opened(overrides, name, runs_dir, config_dir, "label") as (display, opened):
        if gold is None or _measured(display, opened, gold):
            _do_stage(display, opened, "label")


def _measured(display: Display, opened: Run, gold: int) -> bool:
    """Measure the annotator; tell whether pairs wait for it."""
    from karl.cli.show import show_quality
    from karl.runs.loop import Step, next_step
    from karl.runs.quality import measure

    measure(opened, gold)
    display.stand_aside()
    show_quality(opened)
    step = next_step(opened)
    return isinstance(step, Step) and step.stage == "label"


def _do_stage(display: Display, opened: Run, stage: str) -> None:
    from karl.runs.loop import End, Step, run_stage
    from karl.tracking import tracked

    with tracked(opened, display.follow(opened)) as observer:
        outcome = run_stage(opened, stage, observer)
    display.stand_aside()
    match outcome:
        case None:
            typer.echo(f"Stage '{stage}' of {opened.folder} is done.")
        case End():
            typer.echo(f"Nothing to do: {outcome.value}.")
        case Step():
            typer.echo(f"Nothing to do: next is stage '{outcome.stage}' of round {outcome.round}.")


@contextmanager
def _opened(
    overrides: list[str] | None,
    name: str | None,
    runs_dir: Path,
    config_dir: Path | None,
    stage: str | None,
) -> Iterator[tuple[Display, Run]]:
    """Open a run by its name or its configuration (see `find_run`), check both, and make it."""
    from karl.cli.progress import open_display
    from karl.sweeps.opening import find_run
    from karl.tracking import tracker_of

    with open_display() as display:
        opened = find_run(overrides or (), name, runs_dir, config_dir, display.watch, stage)
        tracker_of(opened).check()
        opened.prepare(seed_only=stage == "seed")
        yield display, opened


def _show_results(display: Display, opened: Run) -> None:
    from karl.cli.show import show_run  # draws: imported only here, as it takes its time

    display.stand_aside()
    show_run(opened)
