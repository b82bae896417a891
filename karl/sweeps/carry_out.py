"""A sweep from its overrides to the end of its jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from karl.errors import BudgetExhausted, KarlError, UsageError
from karl.files import hash_json
from karl.runs.changes import may_change
from karl.sweeps.directory import Sweep
from karl.sweeps.expand import Job, divide, expand
from karl.sweeps.launch import LauncherError, check_launcher
from karl.sweeps.opening import is_sweep, sweep_folder
from karl.sweeps.plan import Plan

__all__ = ["SEARCH_FILE", "carry_out_sweep", "plan_sweep"]

SEARCH_FILE: Final = "tune.json"
"""The file that makes a sweep a search for values, whose runs are judged on validation pairs."""


def plan_sweep(
    overrides: Sequence[str],
    name: str | None,
    runs: Path,
    config_dir: Path | None,
    told: Callable[[int, int], None],
) -> Plan:
    """Find out what a sweep has to do and check all of it; nothing is written.

    Parameters
    ----------
    overrides : sequence of str
        Of the experiment and of Hydra. Without any of the experiment, or with new
        limits only, a sweep that exists is gone on with.
    name : str, optional
        Made from the overrides when left out.
    runs : Path
        The folder of all runs.
    told : callable
        Is told how many of how many jobs are checked.

    Raises
    ------
    UsageError
        If there is nothing to do or the name is one of a run.
    ConfigError, DataError
        If a job cannot be carried out.
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

    Returns
    -------
    KarlError or None
        What is wrong with some of the jobs, though the others are done.
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
