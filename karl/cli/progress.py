"""The progress display of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from karl.runs.directory import Run
from karl.runs.loop import Observer, Step
from karl.runs.metrics import metrics_rows
from karl.stages.artefacts import SEED_ROUND

__all__ = ["show_progress"]


@contextmanager
def show_progress(run: Run) -> Iterator[Observer]:
    """Show round, stage, labels and macro-F1 while the loop is at work.

    Yields
    ------
    Observer
        To be told of every stage. On a terminal it moves a bar; elsewhere, as
        in CI, it prints a line a round.
    """
    console = Console(stderr=True)
    rounds = run.experiment.budget.rounds
    progress = Progress(
        SpinnerColumn(),
        TextColumn("[bold]{task.fields[place]}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[scores]}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    with progress:
        task = progress.add_task("run", total=4 * rounds + 2, place="loading", scores="")
        yield _Display(run, progress, task, console)


class _Display:
    """Moves the bar, or prints a line a round where there is no terminal."""

    def __init__(self, run: Run, progress: Progress, task: TaskID, console: Console) -> None:
        self._run, self._progress, self._task, self._console = run, progress, task, console

    def started(self, step: Step) -> None:
        """Show the stage that begins; see `Observer.started`."""
        self._progress.update(self._task, place=f"{self._place(step)} · {step.stage}")

    def finished(self, step: Step) -> None:
        """Show labels and scores after an evaluation; see `Observer.finished`."""
        done = len(self._run.manifest.stages)
        self._progress.update(self._task, completed=done)
        if step.stage != "evaluate":
            return
        rows = [row for row in metrics_rows(self._run) if row.round == step.round]
        scores = "  ".join(f"{row.eval_set.upper()} {row.macro_f1:.3f}" for row in rows)
        line = f"{rows[0].n_llm:,} LLM labels  {scores}"
        self._progress.update(self._task, scores=line)
        if not self._console.is_terminal:
            self._console.print(f"{self._place(step)}: {line}", highlight=False)

    def _place(self, step: Step) -> str:
        rounds = self._run.experiment.budget.rounds
        return "seed" if step.round == SEED_ROUND else f"round {step.round}/{rounds}"
