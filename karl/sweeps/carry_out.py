"""A sweep from its overrides to the end of its jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from karl.errors import BudgetExhausted, KarlError, UsageError
from karl.files import hash_json
from karl.runs.changes import may_change
from karl.runs.names import SWEEP_FILE, sweep_folder
from karl.sweeps.directory import SEARCH_FILE, Plan, Sweep, Told
from karl.sweeps.expand import Job, divide, expand
from karl.sweeps.launch import check_launcher, launch

__all__ = ["OpenSweep", "carry_out_sweep", "open_sweep"]


@dataclass(frozen=True)
class OpenSweep:
    """A sweep whose jobs are checked, and how they are to be launched.

    Parameters
    ----------
    plan : Plan
    of_hydra : list of str
        Overrides of Hydra itself.
    config_dir : Path, optional
        With options of the user's own.
    """

    plan: Plan
    of_hydra: list[str]
    config_dir: Path | None = None

    @property
    def sweep(self) -> Sweep:
        """The sweep."""
        return self.plan.sweep


def open_sweep(
    overrides: Sequence[str],
    name: str | None,
    runs_dir: Path,
    config_dir: Path | None,
    told: Told,
) -> OpenSweep:
    """Find out what a sweep has to do and check all of it; nothing is written.

    Parameters
    ----------
    overrides : sequence of str
        Of the experiment and of Hydra. Without any of the experiment, or with new
        limits only, a sweep that exists is gone on with.
    name : str, optional
        Made from the overrides when left out.
    runs_dir : Path
    config_dir : Path, optional
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
    folder = sweep_folder(runs_dir, name or f"sweep-{hash_json(sorted(own))[:8]}")
    jobs = _jobs(folder, own, config_dir)
    return OpenSweep(Plan.check(folder, jobs, told, config_dir), of_hydra, config_dir)


def _jobs(folder: Path, own: Sequence[str], config_dir: Path | None) -> list[Job]:
    if (folder / SEARCH_FILE).exists():
        raise UsageError(
            f"'{folder.name}' is a search for values", hint="Go on with it: karl tune …"
        )
    exists = (folder / SWEEP_FILE).exists()
    if exists and all(map(may_change, own)) and not any("," in item for item in own):
        return Sweep.load(folder).resumed(own, config_dir)
    if not own:
        raise UsageError(
            "nothing is varied",
            hint="Such as: karl sweep sampler=random,margin,qbc seed=1,2,3 --name first",
        )
    return expand(own, config_dir)


def carry_out_sweep(opened: OpenSweep, begun: Callable[[Sweep], None]) -> KarlError | None:
    """Have the jobs carried out that are not done.

    Parameters
    ----------
    opened : OpenSweep
    begun : callable
        Is told of the sweep when its runs are made and the first is about to start.

    Returns
    -------
    KarlError or None
        What is wrong with some of the jobs, though the others are done.

    Raises
    ------
    UsageError
        If another process carries out the sweep.
    """
    sweep, trouble = opened.sweep, None
    with sweep.locked():
        opened.plan.settle()
        folders = sweep.missing()
        begun(sweep)
        if folders:
            try:
                launch(folders, sweep.folder, opened.of_hydra, opened.config_dir)
            except KarlError:
                raise
            except Exception as error:  # a launcher's own, such as a worker that was killed
                trouble = f"the launcher gave up: {type(error).__name__}: {error}"
    return _verdict(sweep, trouble)


def _verdict(sweep: Sweep, trouble: str | None) -> KarlError | None:
    jobs = sweep.status()
    failed = [job for job in jobs if job.outcome.state == "failed"]
    unfinished = [job for job in jobs if job.outcome.state in ("waiting", "running")]
    stopped = [job for job in jobs if job.outcome.state == "budget"]
    again = "The same command goes on with them."
    if failed or unfinished or trouble:
        lines = [] if trouble is None else [trouble]
        if failed:
            lines.append(f"{len(failed)} of {len(jobs)} jobs failed:")
            lines += [f"  {job.name}: {job.outcome.message.splitlines()[0]}" for job in failed]
        if unfinished:
            names = ", ".join(job.name for job in unfinished)
            lines.append(f"{len(unfinished)} of {len(jobs)} jobs have not ended: {names}")
        return KarlError("\n".join(lines), hint=again)
    if stopped:
        names = ", ".join(job.name for job in stopped)
        return BudgetExhausted(
            f"the budget ran out in {len(stopped)} of {len(jobs)} jobs: {names}",
            hint=f"Raise it and go on: karl sweep --name {sweep.folder.name} budget.…=…, with the "
            "options of the first time.",
        )
    return None
