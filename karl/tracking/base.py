"""What every tracker can do, and how the loop reports to one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from karl.runs.loop import Observer, Observers

if TYPE_CHECKING:
    from karl.runs.directory import Run

__all__ = ["Tracker", "tracked"]


class Tracker(Protocol):
    """Reports runs elsewhere.

    A run's results do not depend on it: it may be changed, or fail, at any time.
    """

    def check(self) -> None:
        """Find out whether runs can be reported, before one is made.

        Raises
        ------
        ConfigError
            If they cannot.
        """
        ...

    def follow(self, run: Run) -> AbstractContextManager[Observer]:
        """Return the observer of a prepared run, to be open while the run is carried out.

        Failures to report are told as a warning and raise nothing.
        """
        ...


@contextmanager
def tracked(run: Run, *observers: Observer) -> Iterator[Observer]:
    """Report the loop of a run to its configured tracker as well.

    Parameters
    ----------
    run : Run
        Prepared.
    *observers : Observer
        Who else is told, such as the display; told first.

    Yields
    ------
    Observer
        To be given to `run_to_end`, `run_round` or `run_stage`.
    """
    with run.experiment.tracking.follow(run) as tracker:
        yield Observers(*observers, tracker)
