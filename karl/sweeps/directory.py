"""A sweep's folder: the jobs it is made of, each a run in a folder of its own, and their ends."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from karl.config.former import first_named
from karl.files import hash_json, read_json, write_json
from karl.runs.directory import CONFIG_FILE, Run, held, there_is_none
from karl.sweeps.opening import SWEEP_FILE, is_sweep
from karl.version import __version__

__all__ = ["JobStatus", "Outcome", "Sweep"]


@dataclass(frozen=True)
class Outcome:
    """How far a job is, as it is on disk for whoever asks.

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

    state: Literal["waiting", "running", "done", "budget", "failed"]
    config_sha256: str
    message: str = ""
    detail: str = ""

    @classmethod
    def of(cls, run: Run) -> Outcome:
        """Read how a run's job has ended; it waits if it was not started as the run is now."""
        waiting = cls("waiting", _hash(run))
        file = _outcome_file(run)
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
        write_json(_outcome_file(run), asdict(self))


def _hash(run: Run) -> str:
    return hash_json(first_named(run.config))


def _outcome_file(run: Run) -> Path:
    return run.folder / "outcome.json"


@dataclass(frozen=True)
class JobStatus:
    """A job, by the name of its run, and the rounds that are evaluated; the seed counts as one."""

    name: str
    overrides: tuple[str, ...]
    outcome: Outcome
    rounds_done: int
    rounds: int


@dataclass(frozen=True)
class Sweep:
    """A folder of runs that are compared."""

    folder: Path
    jobs: dict[str, tuple[str, ...]]  # the overrides of each run, by its name
    karl: str = __version__  # launched jobs last
    # Runs whose configuration was read, which takes longer than all that changes.
    _runs: dict[str, Run] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, folder: Path) -> Sweep:
        """Open a sweep; a UsageError if there is none, a KarlError if it cannot be read."""
        if not is_sweep(folder):
            raise there_is_none("sweep", folder, SWEEP_FILE)

        def make(values: dict[str, Any]) -> Sweep:
            jobs = {job["run"]: tuple(job["overrides"]) for job in values["jobs"]}
            return cls(folder, jobs, str(values["karl"]))

        sweep: Sweep = read_json(folder / SWEEP_FILE, make)
        return sweep

    def write(self) -> None:
        """Write down the jobs; the folder is a sweep from now on."""
        jobs = [{"run": name, "overrides": list(own)} for name, own in self.jobs.items()]
        write_json(self.folder / SWEEP_FILE, {"karl": self.karl, "jobs": jobs})

    def is_made(self, name: str) -> bool:
        """Whether a job's run was made; a sweep may have been killed before that."""
        return (self.folder / name / CONFIG_FILE).exists()

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes from launching jobs of the sweep; a UsageError if one does."""
        return held(self.folder, "carrying out the sweep")

    def status(self) -> list[JobStatus]:
        """Return how far each job is, as it is on disk."""
        return [self._status(name, overrides) for name, overrides in self.jobs.items()]

    def missing(self) -> list[Path]:
        """Return the folders of the runs that are made and not done, in the order of the jobs."""
        return [
            self.folder / job.name
            for job in self.status()
            if job.outcome.state != "done" and self.is_made(job.name)
        ]

    def _status(self, name: str, overrides: tuple[str, ...]) -> JobStatus:
        if name not in self._runs:
            if not self.is_made(name):
                return JobStatus(name, overrides, Outcome("waiting", ""), 0, 1)
            self._runs[name] = Run.load(self.folder / name)
        run = self._runs[name]
        done = sum(record.stage == "evaluate" for record in run.stages)
        rounds = int(run.config["budget"]["rounds"]) + 1
        return JobStatus(name, overrides, Outcome.of(run), done, rounds)
