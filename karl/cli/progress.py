"""The progress display of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from karl.runs.directory import Run
from karl.runs.loop import Observer, Step
from karl.runs.metrics import metrics_rows

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
    def __init__(self, run: Run, progress: Progress, task: object, console: Console) -> None:
        self._run, self._progress, self._task, self._console = run, progress, task, console

    def started(self, step: Step) -> None:
        rounds = self._run.experiment.budget.rounds
        place = "seed" if step.round == 0 else f"round {step.round}/{rounds}"
        self._progress.update(self._task, place=f"{place} · {step.stage}")  # type: ignore[arg-type]

    def finished(self, step: Step) -> None:
        done = len(self._run.manifest.stages)
        self._progress.update(self._task, completed=done)  # type: ignore[arg-type]
        if step.stage != "evaluate":
            return
        rows = [row for row in metrics_rows(self._run) if row.round == step.round]
        scores = "  ".join(f"{row.eval_set.upper()} {row.macro_f1:.3f}" for row in rows)
        line = f"{rows[0].n_llm:,} LLM labels  {scores}"
        self._progress.update(self._task, scores=line)  # type: ignore[arg-type]
        if not self._console.is_terminal:
            place = "seed" if step.round == 0 else f"round {step.round}"
            self._console.print(f"{place}: {line}", highlight=False)
