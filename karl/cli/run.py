"""Commands that carry out experiments: the whole loop, a round, or a stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from karl.cli.options import ConfigDir, Name, Overrides, RunsDir

if TYPE_CHECKING:
    from karl.runs.directory import Run

__all__ = ["evaluate", "label", "one_round", "run", "seed", "select", "train"]

_RUNS = Path("runs")


def run(
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = _RUNS,
    config_dir: ConfigDir = None,
) -> None:
    """Run an experiment to its end, or go on with one that was interrupted.

    Seeds, then repeats rounds of selecting pairs, labelling them, training and
    evaluating. Without overrides: the demo data, margin sampling, a simulated
    annotator. The same command resumes.

    Such as:

    karl run sampler=qbc budget.rounds=3 --name first

    karl run data=fbl llm=replay cards=recorded --name fbl-cards
    """
    from karl.cli.progress import show_progress
    from karl.cli.show import show_results
    from karl.errors import BudgetExhausted
    from karl.runs.loop import End, run_to_end

    opened = _open(overrides, name, runs_dir, config_dir)
    try:
        with show_progress(opened) as observer:
            end = run_to_end(opened, observer)
    except BudgetExhausted:
        show_results(opened)
        raise
    show_results(opened)
    if end is not End.ROUNDS:
        typer.echo(f"The run has ended early: {end.value}.")


def one_round(
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = _RUNS,
    config_dir: ConfigDir = None,
) -> None:
    """Do one round of a run: what is left of the current one, or the next."""
    from karl.cli.progress import show_progress
    from karl.cli.show import show_results
    from karl.runs.loop import run_round

    opened = _open(overrides, name, runs_dir, config_dir)
    with show_progress(opened) as observer:
        end = run_round(opened, observer)
    if end is not None:
        typer.echo(f"Nothing to do: {end.value}.")
    show_results(opened)


def seed(
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = _RUNS,
    config_dir: ConfigDir = None,
) -> None:
    """Start a run: tune and fit the seed model on human labels, evaluate it."""
    _stage("seed", overrides, name, runs_dir, config_dir)


def select(
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = _RUNS,
    config_dir: ConfigDir = None,
) -> None:
    """Select the pairs that the next round has labelled."""
    _stage("select", overrides, name, runs_dir, config_dir)


def label(
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = _RUNS,
    config_dir: ConfigDir = None,
) -> None:
    """Have the selected pairs annotated and accept labels by consensus."""
    _stage("label", overrides, name, runs_dir, config_dir)


def train(
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = _RUNS,
    config_dir: ConfigDir = None,
) -> None:
    """Train on the human labels and all accepted LLM labels."""
    _stage("train", overrides, name, runs_dir, config_dir)


def evaluate(
    overrides: Overrides = None,
    name: Name = None,
    runs_dir: RunsDir = _RUNS,
    config_dir: ConfigDir = None,
) -> None:
    """Evaluate the last model on every evaluation set."""
    _stage("evaluate", overrides, name, runs_dir, config_dir)


def _stage(
    stage: str,
    overrides: list[str] | None,
    name: str | None,
    runs_dir: Path,
    config_dir: Path | None,
) -> None:
    from karl.cli.progress import show_progress
    from karl.runs.loop import End, Step, run_stage

    opened = _open(overrides, name, runs_dir, config_dir, stage)
    with show_progress(opened) as observer:
        outcome = run_stage(opened, stage, observer)
    match outcome:
        case None:
            typer.echo(f"Stage '{stage}' of {opened.folder} is done.")
        case End():
            typer.echo(f"Nothing to do: {outcome.value}.")
        case Step():
            typer.echo(f"Nothing to do: next is stage '{outcome.stage}' of round {outcome.round}.")


def _open(
    overrides: list[str] | None,
    name: str | None,
    runs_dir: Path,
    config_dir: Path | None,
    stage: str | None = None,
) -> Run:
    """Open a run by its name or its configuration, and check both.

    The name of a run that exists means that run as it was configured, but for
    limits of its budget that are given anew. A single stage, other than the
    seed, needs a run that exists.
    """
    from rich.console import Console

    from karl.config.compose import compose_config
    from karl.runs.directory import Run, default_name, may_change, run_folder

    folder = None if name is None else run_folder(runs_dir, name)
    exists = folder is not None and (folder / "config.yaml").exists()
    may_start = stage in (None, "seed")
    changes = overrides or []
    if folder is not None and all(map(may_change, changes)) and (exists or not may_start):
        opened = Run.load(folder, changes)
    else:
        config = compose_config(changes, config_dir)
        opened = Run(folder or run_folder(runs_dir, default_name(config)), config)
        if not may_start:
            Run.load(opened.folder)
    with Console(stderr=True).status("reading data and encoding items"):
        opened.prepare(seed_only=stage == "seed")
    return opened
