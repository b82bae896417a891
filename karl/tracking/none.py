"""No tracking: a run's folder holds everything."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from pydantic.dataclasses import dataclass

from karl.runs.directory import Run
from karl.runs.loop import Observer, Observers

__all__ = ["NoTracking"]


@dataclass(frozen=True)
class NoTracking:
    """Reports nothing."""

    def check(self) -> None:
        """There is nothing that could be wrong; see `Tracker.check`."""

    def follow(self, run: Run) -> AbstractContextManager[Observer]:
        """Return an observer that does nothing; see `Tracker.follow`."""
        return nullcontext(Observers())
