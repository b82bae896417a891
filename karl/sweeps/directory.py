"""A sweep's folder: the jobs it is made of, each a run in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from karl.config.compose import compose_config
from karl.datasets import Dataset
from karl.errors import KarlError, UsageError
from karl.files import read_json, write_json
from karl.memo import Memo
from karl.runs.directory import Run
from karl.runs.lock import held
from karl.runs.manifest import Manifest
from karl.runs.names import SWEEP_FILE
from karl.runs.versions import check_version
from karl.sweeps.expand import Job
from karl.sweeps.outcome import Outcome
from karl.tracking import tracker_of
from karl.version import __version__

__all__ = ["SEARCH_FILE", "JobStatus", "Plan", "Sweep"]

SEARCH_FILE = "tune.json"
"""The file that makes a sweep a search for values, whose runs are judged on validation pairs."""

Told = Callable[[int, int], None]


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
        file = folder / SWEEP_FILE
        if not file.exists():
            existing = sorted(path.parent.name for path in folder.parent.glob(f"*/{SWEEP_FILE}"))
            raise UsageError(
                f"there is no sweep '{folder.name}' in {folder.parent}",
                hint=f"There are: {', '.join(existing)}." if existing else "Start one: karl sweep",
            )
        try:
            values: dict[str, Any] = read_json(file)
            jobs = {job["run"]: tuple(job["overrides"]) for job in values["jobs"]}
            karl = str(values["karl"])
        except (ValueError, KeyError, TypeError) as error:
            raise KarlError(
                f"{file} cannot be read: {error}", hint="Restore it, or choose another --name."
            ) from error
        return cls(folder, jobs, karl)

    def resumed(self, changes: Sequence[str], config_dir: Path | None) -> list[Job]:
        """Return the jobs as they were, but for limits that are given anew.

        Parameters
        ----------
        changes : sequence of str
            Overrides of keys that may change; see `may_change`.
        config_dir : Path, optional
            With groups of the user's own.
        """
        return [
            Job(name, overrides, (), self._config(name, overrides, changes, config_dir))
            for name, overrides in self.jobs.items()
        ]

    def _config(
        self, name: str, overrides: Sequence[str], changes: Sequence[str], config_dir: Path | None
    ) -> dict[str, Any]:
        if self._is_made(name):
            return Run.load(self.folder / name, changes, config_dir=config_dir).config
        return compose_config([*overrides, *changes], config_dir)

    def _is_made(self, name: str) -> bool:
        """Whether a job's run was made; a sweep may have been killed before that."""
        return (self.folder / name / "config.yaml").exists()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from launching jobs of the sweep.

        Raises
        ------
        UsageError
            If another process does.
        """
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
        done = sum(record.stage == "evaluate" for record in run.manifest.stages)
        rounds = int(run.config["budget"]["rounds"]) + 1
        return JobStatus(name, overrides, Outcome.of(run), done, rounds)

    @cached_property
    def _runs(self) -> dict[str, Run]:
        """Runs whose configuration was read, which takes longer than all that changes."""
        return {}


@dataclass(frozen=True)
class Plan:
    """Jobs that were checked and are ready to be made.

    Parameters
    ----------
    sweep : Sweep
        With these jobs, and those that it had.
    to_make : list of (Run, Manifest)
        The runs of those that are not done.
    """

    sweep: Sweep
    to_make: list[tuple[Run, Manifest]]

    @classmethod
    def check(
        cls, folder: Path, jobs: Sequence[Job], told: Told, config_dir: Path | None = None
    ) -> Plan:
        """Check all jobs before any is made; nothing is written.

        Parameters
        ----------
        folder : Path
            Of the sweep.
        jobs : sequence of Job
        told : callable
            Is told how many of how many jobs are checked.
        config_dir : Path, optional
            With groups of the user's own.

        Raises
        ------
        UsageError
            If the folder is one of a run, or of a sweep that another version made whose
            figures this one does not give.
        ConfigError, DataError
            If a job cannot be carried out; the message names it.
        """
        if (folder / "config.yaml").exists():
            raise UsageError(f"'{folder.name}' is a run, no sweep", hint="Choose another --name.")
        before: dict[str, tuple[str, ...]] = {}
        if (folder / SWEEP_FILE).exists():
            sweep = Sweep.load(folder)
            check_version(folder.name, sweep.karl)
            before = sweep.jobs
        to_make = []
        memo: Memo[Dataset] = Memo()  # jobs mostly share their data
        for number, job in enumerate(jobs):
            told(number, len(jobs))
            where = folder / job.name
            run = Run(where, job.config, beside=folder.parent, config_dir=config_dir, memo=memo)
            if job.name not in before or Outcome.of(run).state != "done":
                # A copy, for the run that was examined holds on to its data.
                to_make.append((replace(run, memo=Memo()), _examined(run, job)))
        told(len(jobs), len(jobs))
        return cls(Sweep(folder, before | {job.name: job.overrides for job in jobs}), to_make)

    def settle(self) -> None:
        """Write down the sweep's jobs and make their runs."""
        jobs = [{"run": name, "overrides": list(own)} for name, own in self.sweep.jobs.items()]
        write_json(self.sweep.folder / SWEEP_FILE, {"karl": self.sweep.karl, "jobs": jobs})
        for run, manifest in self.to_make:
            # A process that outlived its sweep may be at work on a run that is made already.
            if not run.is_made:
                run.settle(manifest)


def _examined(run: Run, job: Job) -> Manifest:
    try:
        tracker_of(run).check()
        return run.examine()
    except KarlError as error:
        message = f"{' '.join(job.own)}:\n{error.message}" if job.own else error.message
        raise type(error)(message, hint=error.hint) from error
