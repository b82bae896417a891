"""How a job of a sweep has ended, as it is on disk for whoever asks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from karl.config.former import first_named
from karl.files import hash_json, read_json, write_json
from karl.runs.directory import Run

__all__ = ["Outcome", "State"]

State = Literal["waiting", "running", "done", "budget", "failed"]

_FILE = "outcome.json"


@dataclass(frozen=True)
class Outcome:
    """How far a job is.

    Parameters
    ----------
    state : {"waiting", "running", "done", "budget", "failed"}
        A job that was killed keeps saying that it is running.
    config_sha256 : str
        Of the whole configuration that it was started with, limits included.
    message : str
        Why it failed or stopped.
    detail : str
        Where it failed: a traceback.
    """

    state: State
    config_sha256: str
    message: str = ""
    detail: str = ""

    @classmethod
    def of(cls, run: Run) -> Outcome:
        """Read how a run's job has ended; it waits if it was not started as the run is now."""
        waiting = cls("waiting", _hash(run))
        file = run.folder / _FILE
        if not file.exists():
            return waiting
        hint = "Remove it: the job is then looked at anew."
        found: Outcome = read_json(file, lambda values: cls(**values), hint=hint)
        return found if found.config_sha256 == waiting.config_sha256 else waiting

    @classmethod
    def begun(cls, run: Run) -> Outcome:
        """Return how a run's job stands when it begins."""
        return cls("running", _hash(run))

    def write(self, run: Run) -> None:
        """Leave the outcome in the run's folder."""
        write_json(run.folder / _FILE, asdict(self))


def _hash(run: Run) -> str:
    return hash_json(first_named(run.config))
