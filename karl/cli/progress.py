"""The progress display: what is read, asked and trained, and how far it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from karl.llm import budget
from karl.reports.numbers import score, set_name
from karl.runs.directory import Run
from karl.runs.loop import Step, metrics_rows
from karl.stages.kinds import SEED_ROUND

__all__ = ["Display", "open_display"]

# Where there is no terminal a line is printed this often.
_LINE_EVERY_S: Final = 10.0
_REDRAW_EVERY_S: Final = 0.1


@contextmanager
def open_display() -> Iterator[Display]:
    """Show what goes on until the context ends."""
    console = Console(stderr=True)
    progress = Progress(
        SpinnerColumn(),
        TextColumn("[bold]{task.fields[place]}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[facts]}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    with progress:
        yield Display(progress, console)


class Display:
    """Moves bars on a terminal; elsewhere, as in CI, prints a line now and then."""

    def __init__(self, progress: Progress, console: Console) -> None:
        self._progress, self._console = progress, console
        self._task = progress.add_task(
            "run", total=None, place="reading data and encoding items", facts=""
        )
        self._run: Run | None = None
        self._asking = _Asking(progress, console)

    def follow(self, run: Run) -> Display:
        """Show the loop of a run from now on; the display is its observer."""
        self._run = run
        total = 4 * run.experiment.budget.rounds + 2
        self._progress.update(self._task, total=total, place="loading")
        return self

    def watch(self, progress: budget.Progress) -> None:
        """Show how far the asking of a language model is, or leave the terminal to a person."""
        if progress.typed:
            self._progress.stop()
        else:
            self._progress.start()
            self._asking.show(progress)

    def stand_aside(self) -> None:
        """Leave the terminal to what is printed, until there is progress again."""
        self._asking.end()
        self._progress.stop()

    def started(self, step: Step) -> None:
        """Show the stage that begins; see `Observer.started`."""
        self._progress.start()
        self._progress.update(self._task, place=f"{self._place(step)} · {step.stage}")

    def finished(self, step: Step) -> None:
        """Show labels and scores after an evaluation; see `Observer.finished`."""
        self._progress.start()
        self._asking.end()
        assert self._run is not None  # noqa: S101  the loop runs on what `follow` was given
        done = len(self._run.manifest.stages)
        self._progress.update(self._task, completed=done)
        if step.stage != "evaluate":
            return
        rows = [row for row in metrics_rows(self._run) if row.round == step.round]
        scores = (f"{set_name(row.eval_set)} {score(row.macro_f1)}" for row in rows)
        line = "  ".join([f"{rows[0].n_llm:,} LLM labels", *scores])
        self._progress.update(self._task, facts=line)
        if not self._console.is_terminal:
            self._console.print(f"{self._place(step)}: {line}", highlight=False)

    def _place(self, step: Step) -> str:
        assert self._run is not None  # noqa: S101
        rounds = self._run.experiment.budget.rounds
        return "seed" if step.round == SEED_ROUND else f"round {step.round}/{rounds}"


class _Asking:
    """The bar of what is asked of a language model: rate, spend, time left."""

    def __init__(self, progress: Progress, console: Console) -> None:
        self._progress, self._console = progress, console
        self._task: TaskID | None = None
        self._shown_at = self._began = 0.0
        self._done_before = 0
        self._shown = (-1, "")

    def end(self) -> None:
        """Remove the bar."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task, self._shown_at, self._shown = None, 0.0, (-1, "")

    def show(self, asked: budget.Progress) -> None:
        """Draw, or print, where it is time to."""
        now = time.monotonic()
        if self._shown_at == 0.0 or asked.calls == 0:
            self._began, self._done_before = now, asked.done
        pause = _REDRAW_EVERY_S if self._console.is_terminal else _LINE_EVERY_S
        state = (asked.done, asked.note)
        worth_it = asked.note != self._shown[1] or asked.done in (0, asked.total)
        if state == self._shown or not (worth_it or now - self._shown_at > pause):
            return
        self._shown_at, self._shown = now, state
        facts = self._facts(asked, now)
        place = f"{asked.what} {asked.done:,}/{asked.total:,}"
        if self._console.is_terminal:
            if self._task is None:
                self._task = self._progress.add_task("ask", place=place, facts=facts)
            self._progress.update(
                self._task, place=place, facts=facts, total=asked.total, completed=asked.done
            )
        else:
            self._console.print(f"{place}  {facts}", highlight=False)

    def _facts(self, asked: budget.Progress, now: float) -> str:
        seconds = now - self._began
        rate = (asked.done - self._done_before) / seconds if seconds > 0 else 0.0
        facts = [f"{asked.calls:,} calls", f"USD {asked.spent_usd:.4f}"]
        if rate > 0:
            facts.insert(1, f"{rate:.1f}/s")
            if left := asked.total - asked.done:
                facts.append(f"{left / rate:,.0f} s left")
        return "  ".join([*facts, asked.note] if asked.note else facts)
