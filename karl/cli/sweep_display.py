"""What `karl sweep` and `karl tune` show: a live table of jobs, and a summary at the end."""

from __future__ import annotations

import shlex
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from karl.cli.printing import print_lines, print_table
from karl.errors import KarlError
from karl.reports.table import Column
from karl.reports.table import Table as ReportTable
from karl.sweeps.directory import JobStatus, Sweep
from karl.sweeps.plan import SEARCH_FILE
from karl.sweeps.tune import Search, Trial

__all__ = ["SweepDisplay", "open_sweep_display", "print_best", "print_summary", "trial_line"]

_EVERY_S: Final = 1.0
# Where there is no terminal a line is printed this often.
_LINE_EVERY_S: Final = 30.0
_MOST_JOBS: Final = 12
_STATES: Final = ("done", "running", "waiting", "budget", "failed")
_STYLES: Final = {"failed": "red", "budget": "yellow"}
_MOST_TRIALS: Final = 5
_TRIAL: Final = (
    Column("trial", "trial"),
    Column("score", "score", "{:.4f}".format),
    Column("values", "values", right=False),
)


@contextmanager
def open_sweep_display() -> Iterator[SweepDisplay]:
    """Show what goes on until the context ends."""
    display = SweepDisplay(Console(stderr=True))
    try:
        yield display
    finally:
        display.end()


class SweepDisplay:
    """Looks at the runs' folders now and then, whoever works on them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def checked(self, done: int, total: int) -> None:
        """Show how many jobs are checked."""
        if self._console.is_terminal:
            self._live.start()
            self._live.update(Text(f"checking jobs: {done}/{total}"), refresh=True)

    def follow(self, sweep: Sweep) -> None:
        """Show the jobs of a sweep from now on, and no others any more."""
        self._look_away()
        self._ended.clear()
        if self._console.is_terminal:
            self._live.start()
        self._thread = threading.Thread(target=self._look, args=(sweep,), daemon=True)
        self._thread.start()

    def say(self, line: str) -> None:
        """Print a line that stays."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def end(self) -> None:
        """Leave the terminal to what is printed."""
        self._look_away()
        self._live.stop()

    def _look_away(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None

    def _look(self, sweep: Sweep) -> None:
        began = printed = time.monotonic()
        before, _ = _rounds(sweep.status())
        while not self._ended.wait(_EVERY_S):
            try:
                jobs = sweep.status()
            except KarlError:  # seen while it is being replaced on a shared disk
                continue
            now = time.monotonic()
            headline = _headline(jobs, before, now - began)
            if self._console.is_terminal:
                self._live.update(_picture(jobs, headline), refresh=True)
            elif now - printed > _LINE_EVERY_S:
                printed = now
                self.say(headline)


def print_summary(sweep: Sweep) -> None:
    """Print how many jobs ended how, and where the results are."""
    jobs = sweep.status()
    print_lines(
        f"{len(jobs)} jobs: {_counted(jobs)}",
        f"Runs:   {sweep.folder}",
        f"Report: karl report {sweep.folder.name}",
    )


def trial_line(trial: Trial) -> str:
    """Tell of a trial that has ended."""
    told = f"failed: {trial.problem}" if trial.score is None else f"{trial.score:.4f}"
    return f"trial {trial.number}: {' '.join(trial.overrides)}  {told}"


def print_best(search: Search, trials: Sequence[Trial], folder: Path) -> None:
    """Print the best trials and the command that uses the best values."""
    ranked = sorted(
        (trial for trial in trials if trial.score is not None),
        key=lambda trial: (-(trial.score or 0), trial.number),
    )
    rows = [
        {"trial": trial.number, "score": trial.score, "values": " ".join(trial.overrides)}
        for trial in ranked[:_MOST_TRIALS]
    ]
    print_table(ReportTable("trials", search.judged_by, "", rows, _TRIAL))
    own = [] if search.config_dir is None else ["--config-dir", str(search.config_dir)]
    best = shlex.join([*search.space[0], *ranked[0].overrides, *own])
    print_lines(f"Best:   karl run {best}", f"Trials: {folder / SEARCH_FILE}")


def _counted(jobs: Sequence[JobStatus]) -> str:
    counts = Counter(job.outcome.state for job in jobs)
    return ", ".join(f"{counts[state]} {state}" for state in _STATES if counts[state])


def _rounds(jobs: Sequence[JobStatus]) -> tuple[int, int]:
    """Count the rounds that are done and those there will be: a job that has ended does no more."""
    done = sum(job.rounds_done for job in jobs)
    at_work = [job for job in jobs if job.outcome.state in ("waiting", "running")]
    return done, done + sum(job.rounds - job.rounds_done for job in at_work)


def _headline(jobs: Sequence[JobStatus], before: int, seconds: float) -> str:
    done, total = _rounds(jobs)
    text = f"{len(jobs)} jobs: {_counted(jobs)} · {done:,}/{total:,} rounds"
    if done > before and done < total:
        left_s = (total - done) * seconds / (done - before)
        text += f" · about {_duration(left_s)} left"
    return text


def _picture(jobs: Sequence[JobStatus], headline: str) -> RenderableType:
    done, total = _rounds(jobs)
    bar = ProgressBar(total=max(total, 1), completed=done, width=60)
    table = Table(box=None, pad_edge=False, show_header=True, header_style="bold")
    for column in ("job", "round", "state", "overrides"):
        table.add_column(column, no_wrap=column != "overrides")
    shown = [job for job in jobs if job.outcome.state in ("running", "failed", "budget")]
    common = set.intersection(*(set(job.overrides) for job in jobs)) if len(jobs) > 1 else set()
    for job in shown[:_MOST_JOBS]:
        own = " ".join(item for item in job.overrides if item not in common)
        state = Text(job.outcome.state, style=_STYLES.get(job.outcome.state, ""))
        table.add_row(job.name, f"{job.rounds_done - 1}/{job.rounds - 1}", state, Text(own))
    # The padding ends the bar's line.
    return Group(Text(headline), Padding(bar, 0), table)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
