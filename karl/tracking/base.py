"""What every tracker can do, and how the loop reports to one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from karl.config.build import TRACKING, build_strategy
from karl.runs.directory import Run
from karl.runs.loop import Observer, Observers

__all__ = ["Tracker", "tracked", "tracker_of"]


class Tracker(Protocol):
    """Reports runs elsewhere.

    A run's results do not depend on it: it may be changed, or fail, at any time.
    """

    def check(self) -> None:
        """Make sure, before one is made, that runs can be reported; a ConfigError if not."""

    def follow(self, run: Run) -> AbstractContextManager[Observer]:
        """Return the observer of a prepared run, to be open while the run is carried out.

        Failures to report are told as a warning and raise nothing.
        """


def tracker_of(run: Run) -> Tracker:
    """Return the tracker that a run's configuration names; a ConfigError if there is none."""
    tracker: Tracker = build_strategy(TRACKING, run.config[TRACKING], run.config_dir)
    return tracker


@contextmanager
def tracked(run: Run, *observers: Observer) -> Iterator[Observer]:
    """Give what tells observers, then the configured tracker, of the loop of a prepared run."""
    with tracker_of(run).follow(run) as tracker:
        yield Observers(*observers, tracker)
