"""Search for numbers and options of a configuration, judged on validation pairs only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    RangeSweep,
    Transformer,
)

from karl.config.build import build
from karl.config.compose import compose_config, parse_overrides
from karl.datasets.splits import VALIDATION
from karl.errors import ConfigError, DataError, KarlError, UsageError
from karl.evaluation.record import MetricsRow
from karl.files import hash_json, write_json
from karl.runs.changes import default_name
from karl.runs.directory import Run
from karl.seeds import derive_seed
from karl.sweeps.directory import Sweep
from karl.sweeps.launch import check_launcher
from karl.sweeps.plan import SEARCH_FILE, Job, Plan, divide

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["METRICS", "Search", "Trial", "search_space", "tune"]

METRICS = (
    *("macro_f1", "accuracy", "precision_macro", "recall_macro"),
    *("f1_complementary", "f1_substitute", "f1_unrelated"),
)
"""What a trial can be judged by."""

_HINT = (
    "Such as: features.price=true,false classifier.n_members=range(5,30,5) "
    "'classifier.tuning.trials=int(interval(5,40))' 'KEY=tag(log,interval(1e-6,1e-2))'"
)


@dataclass(frozen=True)
class Search:
    """What is searched, and how."""

    overrides: tuple[str, ...]  # of the experiment and of Hydra, as for `search_space`
    n_trials: int
    n_folds: int  # inner ones of the training pairs; every trial is run on each
    metric: str  # one of `METRICS`, on the inner fold after the last round
    config_dir: Path | None = None

    @property
    def default_name(self) -> str:
        """A name that is the same whenever the overrides are."""
        return f"tune-{hash_json(sorted(divide(self.overrides)[0]))[:8]}"

    @property
    def judged_by(self) -> str:
        """What a score is."""
        return f"{self.metric} on {self.n_folds} inner folds of the training pairs"

    @property
    def of_hydra(self) -> list[str]:
        """Overrides of Hydra itself."""
        return divide(self.overrides)[1]

    @cached_property
    def space(self) -> tuple[list[str], dict[str, BaseDistribution]]:
        """The overrides that all trials have in common, and what is searched."""
        return search_space(divide(self.overrides)[0])


@dataclass(frozen=True)
class Trial:
    """One choice of values."""

    number: int  # from 0
    values: dict[str, Any]  # by override key
    score: float | None = None  # mean of the metric over the inner folds; None: it failed
    problem: str = ""  # why it failed

    @property
    def overrides(self) -> list[str]:
        """The values as overrides."""
        return [f"{key}={value}" for key, value in self.values.items()]


def tune(
    search: Search,
    folder: Path,
    begun: Callable[[Sweep], None],
    told: Callable[[Trial], None],
) -> list[Trial]:
    """Carry out all trials that are not done; return them in their order.

    Optuna's TPE chooses values (Bergstra et al., NeurIPS 2011). Each trial draws
    from a seed of its own, so trials that are done need no record but their runs:
    the same command asks for the same values again and finds them there.

    Parameters
    ----------
    folder : Path
        Becomes a sweep of all runs of all trials, with a record of them.
    begun : callable
        Is told of the sweep when the runs of a trial are about to start.
    told : callable
        Is told of every trial that has ended.

    Raises
    ------
    ConfigError
        If nothing is to be searched, or the configuration is invalid whatever the values.
    KarlError
        If every trial failed.
    """
    import optuna

    config_dir = search.config_dir
    check_launcher(search.of_hydra, config_dir)
    fixed, space = search.space
    seed = build(compose_config(fixed, config_dir), config_dir)["seed"]
    for key, distribution in space.items():  # an option that there is not is no trial's fault
        for choice in getattr(distribution, "choices", ()):
            compose_config([*fixed, f"{key}={choice}"], config_dir)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    trials: list[Trial] = []
    for number in range(search.n_trials):
        study.sampler = optuna.samplers.TPESampler(seed=derive_seed(seed, "trial", number))
        asked = study.ask(dict(space))
        trial = _carry_out(search, folder, Trial(number, dict(asked.params)), begun)
        failed = optuna.trial.TrialState.FAIL if trial.score is None else None
        study.tell(asked, trial.score, failed)
        trials.append(trial)
        write_json(folder / SEARCH_FILE, _record(search, trials))
        told(trial)
    if all(trial.score is None for trial in trials):
        raise KarlError(f"every trial failed, the last one: {trials[-1].problem}")
    return trials


def _carry_out(search: Search, folder: Path, trial: Trial, begun: Callable[[Sweep], None]) -> Trial:
    """Run a trial on each inner fold; return it with its score, or with what is wrong."""
    try:
        jobs = _jobs(search, trial)
        plan = Plan.check(folder, jobs, search.of_hydra, search.config_dir)
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


def _jobs(search: Search, trial: Trial) -> list[Job]:
    """Return a run for each inner fold; evaluation sets are left out of all of them."""
    fixed, _ = search.space
    config = compose_config([*fixed, *trial.overrides], search.config_dir)
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
        own = (*trial.overrides, f"split.fold={fold}")
        name = default_name(inner, distinguish=list(trial.values))
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


def _record(search: Search, trials: Sequence[Trial]) -> dict[str, Any]:
    best = max((t for t in trials if t.score is not None), key=lambda t: t.score or 0, default=None)
    return {
        "overrides": list(search.overrides),
        "metric": search.judged_by,
        "space": {key: str(distribution) for key, distribution in search.space[1].items()},
        "best": None if best is None else asdict(best),
        "trials": [asdict(trial) for trial in trials],
    }


def search_space(overrides: Sequence[str]) -> tuple[list[str], dict[str, BaseDistribution]]:
    """Divide overrides into fixed ones and, by key, distributions of those to be searched.

    `KEY=interval(a,b)`, `KEY=int(interval(a,b))`, `KEY=tag(log,interval(a,b))`,
    `KEY=range(a,b,step)` and `KEY=a,b,c` are searched. It is a ConfigError if there is nothing
    to search, or a distribution is impossible.
    """
    fixed: list[str] = []
    space: dict[str, BaseDistribution] = {}
    for item in parse_overrides(overrides):
        if not item.is_sweep_override():
            fixed.append(str(item.input_line))
            continue
        try:
            space[item.get_key_element()] = _distribution(item)
        except ValueError as error:
            raise ConfigError(f"{item.input_line}: {error}", hint=_HINT) from error
    if not space:
        raise ConfigError("there is nothing to search", hint=_HINT)
    return fixed, space


def _distribution(override: Override) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    sweep: Any = override.value()
    if isinstance(sweep, IntervalSweep):
        log = "log" in sweep.tags
        low, high = sweep.start, sweep.end
        if isinstance(low, int) and isinstance(high, int):
            return IntDistribution(low, high, log=log)
        if low is not None and high is not None:
            return FloatDistribution(float(low), float(high), log=log)
    values = sweep.range() if isinstance(sweep, RangeSweep) else None
    if isinstance(values, range):
        if not values:
            raise ValueError("the range is empty")
        return IntDistribution(min(values), max(values), step=abs(values.step))
    if isinstance(sweep, (ChoiceSweep, RangeSweep)):
        choices: Any = list(override.sweep_iterator(transformer=Transformer.encode))
        return CategoricalDistribution(choices)
    raise ValueError("this kind of values cannot be searched")
