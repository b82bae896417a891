"""Search for numbers and options of a configuration, judged on validation pairs only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from karl.config.build import build
from karl.config.compose import compose_config
from karl.datasets.validation import VALIDATION
from karl.errors import ConfigError, DataError, KarlError, UsageError
from karl.evaluation.record import MetricsRow
from karl.files import hash_json, write_json
from karl.runs.directory import Run
from karl.runs.names import default_name
from karl.seeds import derive_seed
from karl.sweeps.directory import SEARCH_FILE, Plan, Sweep
from karl.sweeps.expand import Job, divide
from karl.sweeps.launch import check_launcher, launch
from karl.sweeps.space import Distributions, search_space

if TYPE_CHECKING:
    import optuna

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
    config_dir : Path, optional
        With groups of the user's own.
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
    score: float | None
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
        trial = _carry_out(search, folder, fixed, dict(asked.params), number, of_hydra, begun)
        _tell(study, asked, trial)
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
    values: Mapping[str, Any],
    number: int,
    of_hydra: Sequence[str],
    begun: Callable[[Sweep], None],
) -> Trial:
    try:
        jobs = _jobs(search, [*fixed, *(f"{key}={value}" for key, value in values.items())], values)
        plan = Plan.check(folder, jobs, lambda *_: None, search.config_dir)
    except (ConfigError, DataError) as error:  # values that do not suit each other, or the data
        return Trial(number, dict(values), None, error.message)
    with plan.sweep.locked():
        plan.settle()
        (folder / SEARCH_FILE).touch()
        missing = [path for path in plan.sweep.missing() if path.name in {j.name for j in jobs}]
        if missing:
            begun(plan.sweep)
            launch(missing, folder, of_hydra, search.config_dir)
    runs = [Run.load(folder / job.name) for job in jobs]
    problems = [
        job.outcome.message or "not at its end"
        for job in plan.sweep.status()
        if job.name in {run.folder.name for run in runs} and job.outcome.state != "done"
    ]
    if problems:
        return Trial(number, dict(values), None, problems[0])
    return Trial(number, dict(values), float(np.mean([_score(run, search.metric) for run in runs])))


def _jobs(search: Search, overrides: list[str], values: Mapping[str, Any]) -> list[Job]:
    """Return a run for each inner fold; evaluation sets are left out of all of them."""
    config = compose_config(overrides, search.config_dir)
    jobs = []
    for fold in range(search.n_folds):
        inner = deepcopy(config)
        inner["split"] = {
            "_target_": "karl.datasets.validation.ValidationSplit",
            "fold": fold,
            "n_folds": search.n_folds,
            "seed": 0,
            "of": config["split"],
        }
        told = [f"{key}={value}" for key, value in values.items()]
        own = (*told, f"split.fold={fold}")
        name = default_name(inner, distinguish=list(values))
        jobs.append(Job(name, (*overrides, f"split.fold={fold}"), own, inner))
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


def _tell(study: optuna.Study, asked: optuna.Trial, trial: Trial) -> None:
    from optuna.trial import TrialState

    if trial.score is None:
        study.tell(asked, state=TrialState.FAIL)
    else:
        study.tell(asked, trial.score)


def _record(search: Search, space: Distributions, trials: Sequence[Trial]) -> dict[str, Any]:
    best = max((t for t in trials if t.score is not None), key=lambda t: t.score or 0, default=None)
    return {
        "overrides": list(search.overrides),
        "metric": f"{search.metric} on {search.n_folds} inner folds of the training pairs",
        "space": {key: str(distribution) for key, distribution in space.items()},
        "best": None if best is None else asdict(best),
        "trials": [asdict(trial) for trial in trials],
    }
