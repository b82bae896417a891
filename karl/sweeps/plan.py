"""Jobs that are checked, made and launched."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from karl.datasets import Dataset
from karl.errors import KarlError, UsageError
from karl.memo import Memo
from karl.runs.directory import CONFIG_FILE, Run
from karl.runs.manifest import Manifest, check_version
from karl.sweeps.directory import Sweep
from karl.sweeps.expand import Job
from karl.sweeps.launch import launch
from karl.sweeps.opening import is_sweep
from karl.sweeps.outcome import Outcome
from karl.tracking import tracker_of

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """Jobs that were checked and are ready to be made.

    Parameters
    ----------
    sweep : Sweep
        With these jobs, and those that it had.
    to_make : list of (Run, Manifest)
        The runs of those that are not done.
    of_hydra : sequence of str
        Overrides of Hydra itself: how they are launched.
    config_dir : Path, optional
        With groups of the user's own.
    """

    sweep: Sweep
    to_make: list[tuple[Run, Manifest]]
    of_hydra: Sequence[str] = ()
    config_dir: Path | None = None

    @classmethod
    def check(
        cls,
        folder: Path,
        jobs: Sequence[Job],
        of_hydra: Sequence[str] = (),
        config_dir: Path | None = None,
        told: Callable[[int, int], None] = lambda done, total: None,
    ) -> Plan:
        """Check all jobs before any is made; nothing is written.

        Parameters
        ----------
        folder : Path
            Of the sweep.
        jobs : sequence of Job
        of_hydra, config_dir
            See `Plan`.
        told : callable
            Is told how many of how many jobs are checked.

        Raises
        ------
        UsageError
            If the folder is one of a run, or of a sweep that another version made whose
            figures this one does not give.
        ConfigError, DataError
            If a job cannot be carried out; the message names it.
        """
        if (folder / CONFIG_FILE).exists():
            raise UsageError(f"'{folder.name}' is a run, no sweep", hint="Choose another --name.")
        before: dict[str, tuple[str, ...]] = {}
        if is_sweep(folder):
            sweep = Sweep.load(folder)
            check_version(folder.name, sweep.karl)
            before = sweep.jobs
        to_make = []
        memo: Memo[Dataset] = Memo()  # jobs mostly share their data
        for number, job in enumerate(jobs):
            told(number, len(jobs))
            where = folder / job.name
            run = Run(where, job.config, among=folder.parent, config_dir=config_dir, memo=memo)
            if job.name not in before or Outcome.of(run).state != "done":
                # A copy, for the run that was examined holds on to its data.
                to_make.append((replace(run, memo=Memo()), _examined(run, job)))
        told(len(jobs), len(jobs))
        sweep = Sweep(folder, before | {job.name: job.overrides for job in jobs})
        return cls(sweep, to_make, of_hydra, config_dir)

    def carry_out(
        self, begun: Callable[[Sweep], None], only: Collection[str] | None = None
    ) -> None:
        """Make the runs and launch those of the sweep that are not done, until all have ended.

        Parameters
        ----------
        begun : callable
            Is told of the sweep when the first of its runs is about to start.
        only : collection of str, optional
            Names of the runs to be launched; all when left out.

        Raises
        ------
        UsageError
            If another process carries out the sweep.
        LauncherError
            If the launcher gave up; some runs may have ended.
        """
        with self.sweep.locked():
            self.sweep.write()
            for run, manifest in self.to_make:
                # A process that outlived its sweep may be at work on a run that is made already.
                if not run.is_made:
                    run.settle(manifest)
            missing = self.sweep.missing()
            folders = [path for path in missing if only is None or path.name in only]
            if folders:
                begun(self.sweep)
                launch(folders, self.sweep.folder, self.of_hydra, self.config_dir)


def _examined(run: Run, job: Job) -> Manifest:
    try:
        tracker_of(run).check()
        return run.examine()
    except KarlError as error:
        message = f"{' '.join(job.own)}:\n{error.message}" if job.own else error.message
        raise type(error)(message, hint=error.hint) from error
