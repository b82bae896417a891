"""A sweep from its overrides to the end of its jobs: checked, made, launched."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from karl.datasets import Dataset
from karl.errors import BudgetExhausted, KarlError, UsageError
from karl.files import hash_json
from karl.memo import Memo
from karl.runs.changes import may_change
from karl.runs.directory import CONFIG_FILE, Run
from karl.runs.manifest import Manifest, check_version
from karl.sweeps.directory import Outcome, Sweep
from karl.sweeps.expand import Job, divide, expand
from karl.sweeps.launch import LauncherError, check_launcher, launch
from karl.sweeps.opening import is_sweep, sweep_folder
from karl.tracking import tracker_of

__all__ = ["SEARCH_FILE", "Plan", "carry_out_sweep", "plan_sweep"]

SEARCH_FILE: Final = "tune.json"
"""The file that makes a sweep a search for values, whose runs are judged on validation pairs."""


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
        """Check all jobs of the sweep in a folder before any is made; nothing is written.

        `told` is told how many of how many jobs are checked.

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


def plan_sweep(
    overrides: Sequence[str],
    name: str | None,
    runs: Path,
    config_dir: Path | None,
    told: Callable[[int, int], None],
) -> Plan:
    """Find out what a sweep has to do and check all of it; see `Plan.check`.

    Parameters
    ----------
    overrides : sequence of str
        Of the experiment and of Hydra. Without any of the experiment, or with new
        limits only, a sweep that exists is gone on with.
    name : str, optional
        Made from the overrides when left out.
    """
    own, of_hydra = divide(overrides)
    check_launcher(of_hydra, config_dir)
    folder = sweep_folder(runs, name or f"sweep-{hash_json(sorted(own))[:8]}")
    return Plan.check(folder, _jobs(folder, own, config_dir), of_hydra, config_dir, told)


def _jobs(folder: Path, own: Sequence[str], config_dir: Path | None) -> list[Job]:
    if (folder / SEARCH_FILE).exists():
        raise UsageError(
            f"'{folder.name}' is a search for values", hint="Go on with it: karl tune …"
        )
    goes_on = all(map(may_change, own)) and not any("," in item for item in own)
    if is_sweep(folder) and goes_on:
        return Sweep.load(folder).resumed(own, config_dir)
    if not own:
        raise UsageError(
            "nothing is varied",
            hint="Such as: karl sweep sampler=random,margin,qbc seed=1,2,3 --name first",
        )
    return expand(own, config_dir)


def carry_out_sweep(plan: Plan, begun: Callable[[Sweep], None]) -> KarlError | None:
    """Have the jobs carried out that are not done; see `Plan.carry_out`.

    What is returned is wrong with some of the jobs, though the others are done.
    """
    trouble = []
    try:
        plan.carry_out(begun)
    except LauncherError as error:
        trouble.append(error.message)
    jobs = plan.sweep.status()
    failed = [job for job in jobs if job.outcome.state == "failed"]
    if failed:
        trouble.append(f"{len(failed)} of {len(jobs)} jobs failed:")
        trouble += [f"  {job.name}: {job.outcome.message.splitlines()[0]}" for job in failed]
    unfinished = [job.name for job in jobs if job.outcome.state in ("waiting", "running")]
    if unfinished:
        named = ", ".join(unfinished)
        trouble.append(f"{len(unfinished)} of {len(jobs)} jobs have not ended: {named}")
    if trouble:
        return KarlError("\n".join(trouble), hint="The same command goes on with them.")
    stopped = [job.name for job in jobs if job.outcome.state == "budget"]
    if stopped:
        return BudgetExhausted(
            f"the budget ran out in {len(stopped)} of {len(jobs)} jobs: {', '.join(stopped)}",
            hint=f"Raise it and go on: karl sweep --name {plan.sweep.folder.name} budget.…=…, "
            "with the options of the first time.",
        )
    return None
