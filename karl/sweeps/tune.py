"""Search for numbers and options of a configuration, judged on validation pairs only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from karl.config.build import build
from karl.config.compose import compose_config
from karl.datasets.splits import VALIDATION
from karl.errors import ConfigError, DataError, KarlError, UsageError
from karl.evaluation.record import MetricsRow
from karl.files import hash_json, write_json
from karl.runs.changes import default_name
from karl.runs.directory import Run
from karl.seeds import derive_seed
from karl.sweeps.carry_out import SEARCH_FILE
from karl.sweeps.directory import Sweep
from karl.sweeps.expand import Job, divide
from karl.sweeps.launch import check_launcher
from karl.sweeps.plan import Plan
from karl.sweeps.space import Distributions, search_space

__all__ = ["METRICS", "Search", "Trial", "tune"]

METRICS = (
    *("macro_f1", "accuracy", "precision_macro", "recall_macro"),
    *("f1_complementary", "f1_substitute", "f1_unrelated"),
)
"""What a trial can be judged by."""


@dataclass(frozen=True)
class Search:
    """What is searched, and how.

    Parameters
    ----------
    overrides : tuple of str
        Of the experiment and of Hydra; those to be searched have an interval, a
        range or several values.
    n_trials : int
    n_folds : int
        Inner folds of the training pairs; every trial is run on each.
    metric : str
        One of `METRICS`, on the inner fold after the last round.
    """

    overrides: tuple[str, ...]
    n_trials: int
    n_folds: int
    metric: str = "macro_f1"
    config_dir: Path | None = None

    @property
    def default_name(self) -> str:
        """A name that is the same whenever the overrides are."""
        return f"tune-{hash_json(sorted(divide(self.overrides)[0]))[:8]}"


@dataclass(frozen=True)
class Trial:
    """One choice of values.

    Parameters
    ----------
    number : int
        From 0.
    values : dict
        By override key.
    score : float, optional
        Mean of the metric over the inner folds; None where the trial failed.
    problem : str
        Why it failed.
    """

    number: int
    values: dict[str, Any]
    score: float | None = None
    problem: str = ""


def tune(
    search: Search,
    folder: Path,
    begun: Callable[[Sweep], None],
    told: Callable[[Trial], None],
) -> list[Trial]:
    """Carry out all trials that are not done.

    Optuna's TPE chooses values (Bergstra et al., NeurIPS 2011). Each trial draws
    from a seed of its own, so trials that are done need no record but their runs:
    the same command asks for the same values again and finds them there.

    Parameters
    ----------
    search : Search
    folder : Path
        Becomes a sweep of all runs of all trials, with a record of them.
    begun : callable
        Is told of the sweep when the runs of a trial are about to start.
    told : callable
        Is told of every trial that has ended.

    Returns
    -------
    list of Trial
        In the order in which they were tried.

    Raises
    ------
    ConfigError
        If nothing is to be searched, or the configuration is invalid whatever the values.
    KarlError
        If every trial failed.
    """
    import optuna

    own, of_hydra = divide(search.overrides)
    check_launcher(of_hydra, search.config_dir)
    fixed, space = search_space(own)
    seed = build(compose_config(fixed, search.config_dir), search.config_dir)["seed"]
    for key, distribution in space.items():  # an option that there is not is no trial's fault
        for choice in getattr(distribution, "choices", ()):
            compose_config([*fixed, f"{key}={choice}"], search.config_dir)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    trials: list[Trial] = []
    for number in range(search.n_trials):
        study.sampler = optuna.samplers.TPESampler(seed=derive_seed(seed, "trial", number))
        asked = study.ask(dict(space))
        trial = _carry_out(search, folder, fixed, Trial(number, dict(asked.params)), begun)
        failed = optuna.trial.TrialState.FAIL if trial.score is None else None
        study.tell(asked, trial.score, failed)
        trials.append(trial)
        write_json(folder / SEARCH_FILE, _record(search, space, trials))
        told(trial)
    if all(trial.score is None for trial in trials):
        raise KarlError(f"every trial failed, the last one: {trials[-1].problem}")
    return trials


def _carry_out(
    search: Search,
    folder: Path,
    fixed: Sequence[str],
    trial: Trial,
    begun: Callable[[Sweep], None],
) -> Trial:
    """Run a trial on each inner fold; return it with its score, or with what is wrong."""
    try:
        jobs = _jobs(search, fixed, trial.values)
        of_hydra = divide(search.overrides)[1]
        plan = Plan.check(folder, jobs, of_hydra, search.config_dir)
    except (ConfigError, DataError) as error:  # values that do not suit each other, or the data
        return replace(trial, problem=error.message)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SEARCH_FILE).touch()
    names = {job.name for job in jobs}
    plan.carry_out(begun, only=names)
    for job in plan.sweep.status():
        if job.name in names and job.outcome.state != "done":
            return replace(trial, problem=job.outcome.message or "not at its end")
    scores = [_score(Run.load(folder / job.name), search.metric) for job in jobs]
    return replace(trial, score=float(np.mean(scores)))


def _jobs(search: Search, fixed: Sequence[str], values: Mapping[str, Any]) -> list[Job]:
    """Return a run for each inner fold; evaluation sets are left out of all of them."""
    told = [f"{key}={value}" for key, value in values.items()]
    config = compose_config([*fixed, *told], search.config_dir)
    jobs = []
    for fold in range(search.n_folds):
        inner = deepcopy(config)
        inner["split"] = {
            "_target_": "karl.datasets.splits.ValidationSplit",
            "fold": fold,
            "n_folds": search.n_folds,
            "seed": 0,
            "of": config["split"],
        }
        own = (*told, f"split.fold={fold}")
        name = default_name(inner, distinguish=list(values))
        jobs.append(Job(name, (*fixed, *own), own, inner))
    return jobs


def _score(run: Run, metric: str) -> float:
    lines = run.metrics_file.read_text(encoding="utf-8").splitlines()
    rows = [MetricsRow.from_json(line) for line in lines]
    # The runs may have gone further in a search with more rounds.
    wanted = run.config["budget"]["rounds"]
    last = max((row for row in rows if row.round <= wanted), key=lambda row: row.round)
    if last.eval_set != VALIDATION:
        raise UsageError(f"{run.folder} was not evaluated on validation pairs")
    return float(getattr(last, metric))


def _record(search: Search, space: Distributions, trials: Sequence[Trial]) -> dict[str, Any]:
    best = max((t for t in trials if t.score is not None), key=lambda t: t.score or 0, default=None)
    return {
        "overrides": list(search.overrides),
        "metric": f"{search.metric} on {search.n_folds} inner folds of the training pairs",
        "space": {key: str(distribution) for key, distribution in space.items()},
        "best": None if best is None else asdict(best),
        "trials": [asdict(trial) for trial in trials],
    }
