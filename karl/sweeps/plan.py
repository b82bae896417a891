"""A sweep from its overrides to the end of its jobs: checked, made, launched."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from karl.config.compose import combinations, compose_config
from karl.datasets import Dataset
from karl.errors import BudgetExhausted, ConfigError, KarlError, UsageError
from karl.files import hash_json
from karl.memo import Memo
from karl.runs.changes import default_name, may_change
from karl.runs.directory import CONFIG_FILE, Run
from karl.runs.manifest import Manifest, check_version
from karl.sweeps.directory import Outcome, Sweep
from karl.sweeps.launch import LauncherError, check_launcher, launch
from karl.sweeps.opening import is_sweep, sweep_folder
from karl.tracking import tracker_of

__all__ = ["SEARCH_FILE", "Job", "Plan", "carry_out_sweep", "divide", "expand", "plan_sweep"]

SEARCH_FILE: Final = "tune.json"
"""The file that makes a sweep a search for values, whose runs are judged on validation pairs."""

_ROUNDS: Final = "budget.rounds"


@dataclass(frozen=True, eq=False)
class Job:
    """One run of a sweep: the name of its folder, and its configuration.

    It is composed of `overrides` with one value each; its `own` differ between the jobs.
    """

    name: str
    overrides: tuple[str, ...]
    own: tuple[str, ...]
    config: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """A sweep whose jobs were checked, those that are `to_make`, and how they are launched."""

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
        """Check jobs of the sweep in a folder before any is made; nothing is written.

        Overrides `of_hydra` say how they are launched; `told` is told how many of how many are
        checked. An error names the job that cannot be carried out; it is a UsageError if the
        folder is one of a run, or of a sweep whose figures this version does not give.
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
                with _naming(job.own):
                    tracker_of(run).check()
                    manifest = run.examine()
                # A copy, for the run that was examined holds on to its data.
                to_make.append((replace(run, memo=Memo()), manifest))
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
        return _resumed(Sweep.load(folder), own, config_dir)
    if not own:
        raise UsageError(
            "nothing is varied",
            hint="Such as: karl sweep sampler=random,margin,qbc seed=1,2,3 --name first",
        )
    return expand(own, config_dir)


def _resumed(sweep: Sweep, changes: Sequence[str], config_dir: Path | None) -> list[Job]:
    """Return the jobs as they were, but for overrides of limits that are given anew."""
    jobs = []
    for name, overrides in sweep.jobs.items():
        if sweep.is_made(name):
            config = Run.load(sweep.folder / name, changes, config_dir=config_dir).config
        else:
            config = compose_config([*overrides, *changes], config_dir)
        jobs.append(Job(name, overrides, (), config))
    return jobs


def divide(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """Divide overrides into those of the experiment and those of Hydra itself.

    The latter, such as `hydra/launcher=joblib`, say where jobs are carried out
    and not what they do: they are no part of a run's configuration.
    """
    of_hydra = [item for item in overrides if item.lstrip("+~").startswith(("hydra/", "hydra."))]
    return [item for item in overrides if item not in of_hydra], of_hydra


def expand(overrides: Sequence[str], config_dir: Path | None = None) -> list[Job]:
    """Return the jobs of a sweep, each once; see `combinations`.

    A ConfigError names a job whose configuration cannot be composed. Whether its values are
    valid is found out when the sweep is checked.
    """
    swept, all_overrides = combinations(overrides, config_dir)
    if _ROUNDS in swept:
        raise ConfigError(
            f"{_ROUNDS} has several values, but a short run is the beginning of a longer one",
            hint="Give the highest; the report shows every round.",
        )
    jobs: dict[str, Job] = {}
    for of_job in all_overrides:
        own = tuple(item for item in of_job if item.partition("=")[0] in swept)
        with _naming(own):
            config = compose_config(of_job, config_dir)
        name = default_name(config, distinguish=swept)
        jobs.setdefault(name, Job(name, tuple(of_job), own, config))
    return list(jobs.values())


@contextmanager
def _naming(own: Sequence[str]) -> Iterator[None]:
    """Have an error say which job it is of."""
    try:
        yield
    except KarlError as error:
        message = f"{' '.join(own)}:\n{error.message}" if own else error.message
        raise type(error)(message, hint=error.hint) from error


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
