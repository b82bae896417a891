"""A sweep's folder: the jobs it is made of, each a run in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from karl.config.compose import compose_config
from karl.files import read_json, write_json
from karl.runs.directory import CONFIG_FILE, Run, there_is_none
from karl.runs.lock import held
from karl.sweeps.expand import Job
from karl.sweeps.opening import SWEEP_FILE, is_sweep
from karl.sweeps.outcome import Outcome
from karl.version import __version__

__all__ = ["JobStatus", "Sweep"]


@dataclass(frozen=True)
class JobStatus:
    """A job, and how far it is.

    Parameters
    ----------
    name : str
        Of its run in the sweep.
    overrides : tuple of str
    outcome : Outcome
    rounds_done, rounds : int
        Evaluated so far, and wanted; the seed counts as one.
    """

    name: str
    overrides: tuple[str, ...]
    outcome: Outcome
    rounds_done: int
    rounds: int


@dataclass(frozen=True)
class Sweep:
    """A folder of runs that are compared.

    Parameters
    ----------
    folder : Path
    jobs : dict of str to tuple of str
        The overrides of each run, by its name.
    karl : str
        The version that launched jobs last.
    """

    folder: Path
    jobs: dict[str, tuple[str, ...]]
    karl: str = __version__

    @classmethod
    def load(cls, folder: Path) -> Sweep:
        """Open a sweep that exists.

        Raises
        ------
        UsageError
            If there is none.
        KarlError
            If its file cannot be read.
        """
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

    def resumed(self, changes: Sequence[str], config_dir: Path | None) -> list[Job]:
        """Return the jobs as they were, but for limits that are given anew.

        Parameters
        ----------
        changes : sequence of str
            Overrides of keys that may change; see `may_change`.
        config_dir : Path, optional
            With groups of the user's own.
        """
        jobs = []
        for name, overrides in self.jobs.items():
            if self._is_made(name):
                config = Run.load(self.folder / name, changes, config_dir=config_dir).config
            else:
                config = compose_config([*overrides, *changes], config_dir)
            jobs.append(Job(name, overrides, (), config))
        return jobs

    def _is_made(self, name: str) -> bool:
        """Whether a job's run was made; a sweep may have been killed before that."""
        return (self.folder / name / CONFIG_FILE).exists()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from launching jobs of the sweep; a UsageError if one does."""
        with held(self.folder, "carrying out the sweep"):
            yield

    def status(self) -> list[JobStatus]:
        """Return how far each job is, as it is on disk."""
        return [self._status(name, overrides) for name, overrides in self.jobs.items()]

    def missing(self) -> list[Path]:
        """Return the folders of the runs that are made and not done, in the order of the jobs."""
        return [
            self.folder / job.name
            for job in self.status()
            if job.outcome.state != "done" and self._is_made(job.name)
        ]

    def _status(self, name: str, overrides: tuple[str, ...]) -> JobStatus:
        if name not in self._runs:
            if not self._is_made(name):
                return JobStatus(name, overrides, Outcome("waiting", ""), 0, 1)
            self._runs[name] = Run.load(self.folder / name)
        run = self._runs[name]
        done = sum(record.stage == "evaluate" for record in run.stages)
        rounds = int(run.config["budget"]["rounds"]) + 1
        return JobStatus(name, overrides, Outcome.of(run), done, rounds)

    @cached_property
    def _runs(self) -> dict[str, Run]:
        """Runs whose configuration was read, which takes longer than all that changes."""
        return {}
