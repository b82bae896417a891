"""Experiments from Python: in memory or in a run's folder, in one go or step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from karl.classifiers import Classifier, Model
from karl.config.build import GROUPS, build
from karl.config.compose import GROUPS_KEY, compose_config
from karl.consensus import Consensus
from karl.datasets import Dataset
from karl.datasets.dataset import Cards
from karl.encoders import Encoder
from karl.errors import DataError, UsageError
from karl.experiments import Experiment
from karl.labels import RELATION_NAMES, to_relations
from karl.llm.account import Account
from karl.runs.directory import Run
from karl.runs.loop import (
    End,
    Observers,
    Step,
    next_step,
    run_round,
    run_stage,
    run_to_end,
)
from karl.runs.memory import MemoryRun
from karl.runs.metrics import metrics_rows
from karl.runs.names import VOTE_STORE
from karl.runs.opening import find_run
from karl.samplers import Pool, Sampler
from karl.stages.artefacts import SEED_ROUND
from karl.stages.select import candidate_pool

__all__ = ["FittedModel", "Session", "experiment"]

_RUNS = "runs"


def experiment(
    *overrides: str,
    name: str | None = None,
    runs_dir: str | Path = _RUNS,
    config_dir: str | Path | None = None,
    **choices: Any,
) -> Session:
    """Set up an experiment; nothing is computed yet.

    Parameters
    ----------
    *overrides : str
        What the command line takes: `"data=demo"`, `"budget.rounds=3"`.
    name : str, optional
        Of the run in whose folder everything is kept, to be resumed by the same call, or by
        `karl run --name`; in memory when left out.
    runs_dir : path
        Folder of all runs. Answers of language models are kept there, also without a name.
    config_dir : path, optional
        With options of your own.
    **choices
        An option of a group by its name (`sampler="qbc"`), a value (`seed=1`), or a strategy
        of your own as an object (`sampler=MySampler()`, `data=karl.load_data(…)`), which only
        an experiment in memory takes.

    Returns
    -------
    Session

    Raises
    ------
    ConfigError
        If an override names no key or option, or a value cannot be used.
    UsageError
        If an object is given to a run with a name.

    Examples
    --------
    >>> exp = karl.experiment("data=demo", "sampler=qbc", seed=1)
    >>> exp.seed()
    >>> exp.round()
    >>> exp.metrics
    """
    plain = (str, int, float, bool, type(None))
    given = {key: value for key, value in choices.items() if not isinstance(value, plain)}
    _refuse_unknown(given)
    own = [
        f"{key}={'null' if value is None else value}"
        for key, value in choices.items()
        if key not in given
    ]
    extra = None if config_dir is None else Path(config_dir)
    if name is None:
        return Session(_in_memory([*overrides, *own], given, Path(runs_dir), extra))
    if given:
        raise UsageError(
            f"{', '.join(given)}: a run's folder records what it was made from, and an object "
            "cannot be written down",
            hint="Name it by an option (see config_dir), or leave out `name`.",
        )
    run = find_run([*overrides, *own], name, Path(runs_dir), extra)
    run.prepare()
    return Session(run)


class Session:
    """An experiment that is carried out from Python; made by `karl.experiment`.

    Its steps are those of the command line: `run` does everything, `seed` and `round` do a
    part, `select`, `label`, `train` and `evaluate` do a stage. Each goes on where the last
    one stopped.
    """

    def __init__(self, run: Run | MemoryRun) -> None:
        self._run = run

    def __repr__(self) -> str:
        choices = self._experiment.choices
        named = ", ".join(f"{key}={choices[key]}" for key in ("data", "sampler", "llm"))
        return f"<karl experiment {self._run.name}: {named}; next: {self.next}>"

    # Steps.

    @property
    def next(self) -> str:
        """What comes next, or why there is nothing more to do."""
        step = next_step(self._run)
        return f"{step.stage} of round {step.round}" if isinstance(step, Step) else step.value

    def run(self) -> Session:
        """Do everything that is left.

        Raises
        ------
        BudgetExhausted
            If the label budget, or a limit on spending, ends it before its rounds are done.
        """
        run_to_end(self._run, Observers())
        return self

    def seed(self) -> Session:
        """Tune and fit the seed model on the human labels, and evaluate it."""
        run_stage(self._run, "seed", Observers())
        return self

    def round(self) -> Session:
        """Do what is left of the current round, or the next one; the seed comes before it."""
        if self._at_seed():
            self.seed()
        run_round(self._run, Observers())
        return self

    def select(self, chosen: NDArray[np.integer[Any]] | Sequence[int] | None = None) -> Session:
        """Select the pairs that the next round has labelled.

        Parameters
        ----------
        chosen : array of int, optional
            Positions in `candidates()`, in place of the sampler's choice; only in memory.
        """
        if chosen is None:
            run_stage(self._run, "select", Observers())
            return self
        if isinstance(self._run, Run):
            raise UsageError(
                "the selection of a run in a folder is its sampler's",
                hint="Leave out `name` of the experiment to choose pairs by hand.",
            )
        pool, number = self.candidates(), self._next_round()
        positions = np.asarray(chosen, np.int64)
        self._run.artefacts.write_selected(
            number, pool.pairs[positions], pool.categories[positions]
        )
        self._run.record("select", number, 0.0, [])
        return self

    def label(self) -> Session:
        """Have the selected pairs annotated; accept labels by consensus."""
        run_stage(self._run, "label", Observers())
        return self

    def train(self) -> Session:
        """Fit the classifier to the human labels and all accepted ones."""
        run_stage(self._run, "train", Observers())
        return self

    def evaluate(self) -> Session:
        """Score the round's model on every evaluation set."""
        run_stage(self._run, "evaluate", Observers())
        return self

    # What there is.

    @property
    def metrics(self) -> pl.DataFrame:
        """One row per round and evaluation set, with the columns of `metrics.jsonl`."""
        from dataclasses import asdict

        return pl.DataFrame([asdict(row) for row in metrics_rows(self._run)])

    @property
    def labels(self) -> pl.DataFrame:
        """The labels that are accepted by now: ids, round, label, relation, weight."""
        accepted = self._run.artefacts.read_accepted(self._last("label"))
        ids = self.dataset.catalogue.ids
        relations = np.array(RELATION_NAMES)[to_relations(accepted.labels)]
        return pl.DataFrame(
            {
                "item_id_1": ids.gather(accepted.pairs[:, 0]),
                "item_id_2": ids.gather(accepted.pairs[:, 1]),
                "round": accepted.rounds,
                "label": accepted.labels,
                "relation": relations,
                "weight": accepted.weights,
            }
        )

    def candidates(self) -> Pool:
        """Return the candidates of the next round, as the sampler sees them.

        Raises
        ------
        UsageError
            If the round's pairs are selected already, or no model is fitted.
        """
        return candidate_pool(self._experiment, self._run.artefacts, self._next_round())

    @property
    def model(self) -> FittedModel:
        """The last model that was fitted.

        Raises
        ------
        UsageError
            If none was.
        """
        number = max(self._last("train"), SEED_ROUND)
        if not any(record.stage == "seed" for record in self._run.stages):
            raise UsageError("no model is fitted yet", hint="Do exp.seed() first.")
        return FittedModel(
            self._experiment, self._run.artefacts.read_model(number, self._experiment.classifier)
        )

    @property
    def dataset(self) -> Dataset:
        """Catalogue, human labels, and what else came with the data."""
        return self._experiment.dataset

    @property
    def sampler(self) -> Sampler:
        """The sampling strategy."""
        return self._experiment.sampler

    @property
    def classifier(self) -> Classifier:
        """The classifier, not fitted: see `model`."""
        return self._experiment.classifier

    @property
    def consensus(self) -> Consensus:
        """The consensus."""
        return self._experiment.consensus

    @property
    def encoder(self) -> Encoder:
        """The encoder."""
        return self._experiment.encoder

    @property
    def cards(self) -> Cards:
        """Where item cards come from."""
        return self._experiment.cards

    @property
    def strategies(self) -> Experiment:
        """Everything that the stages work on."""
        return self._experiment

    @property
    def folder(self) -> Path | None:
        """The run's folder; None in memory."""
        return self._run.folder if isinstance(self._run, Run) else None

    @property
    def _experiment(self) -> Experiment:
        return self._run.experiment

    def _at_seed(self) -> bool:
        step = next_step(self._run)
        return isinstance(step, Step) and step.round == SEED_ROUND

    def _last(self, stage: str) -> int:
        return max((r.round for r in self._run.stages if r.stage == stage), default=SEED_ROUND)

    def _next_round(self) -> int:
        step = next_step(self._run)
        if isinstance(step, End):
            step = Step("select", self._last("evaluate") + 1)
        if step.stage != "select":
            raise UsageError(
                f"candidates come before stage 'select'; next is '{step.stage}' of round "
                f"{step.round}",
                hint="Do exp.seed() or exp.round() first.",
            )
        return step.round


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A fitted model that takes pairs of item ids.

    Parameters
    ----------
    experiment : Experiment
        Knows the items and their features.
    fitted : Model
    """

    experiment: Experiment
    fitted: Model

    @property
    def relations(self) -> tuple[str, ...]:
        """Names of the relations, in the order of the probabilities."""
        return RELATION_NAMES

    def predict_proba(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Return the probability of each relation.

        Parameters
        ----------
        pairs : sequence of (item_id, item_id)

        Returns
        -------
        ndarray of float64, shape (n, 3)
            Complementary, substitute, unrelated; each row adds up to 1.

        Raises
        ------
        DataError
            If an id is not in the catalogue.
        """
        probabilities = self.experiment.predictor(self.fitted)(self._rows(pairs))
        return np.asarray(probabilities.mean(axis=0))

    def predict(self, pairs: Sequence[tuple[str, str]]) -> list[str]:
        """Return the name of the likeliest relation of each pair."""
        return [RELATION_NAMES[k] for k in self.predict_proba(pairs).argmax(axis=1)]

    def _rows(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.int32]:
        ids = np.asarray([tuple(map(str, pair)) for pair in pairs], dtype=object).reshape(-1, 2)
        catalogue = self.experiment.dataset.catalogue
        rows = catalogue.rows(ids.ravel().tolist()).reshape(-1, 2)
        if (rows < 0).any():
            position = int(np.flatnonzero((rows < 0).any(axis=1))[0])
            unknown = ids[position][rows[position] < 0][0]
            raise DataError(f"pair {position}: there is no item '{unknown}' in the catalogue")
        return rows


@dataclass(frozen=True, eq=False)
class _Given:
    """A data set in memory, in the place of one that is read."""

    dataset: Dataset

    def load(self) -> Dataset:
        return self.dataset


def _in_memory(
    overrides: list[str], given: dict[str, Any], runs_dir: Path, config_dir: Path | None
) -> MemoryRun:
    config = compose_config(overrides, config_dir)
    strategies = build(config, config_dir)
    choices = dict(config[GROUPS_KEY])
    for group, value in given.items():
        strategies[group] = _Given(value) if isinstance(value, Dataset) else value
        choices[group] = value.name if isinstance(value, Dataset) else type(value).__name__.lower()
    strategies[GROUPS_KEY] = choices
    account = Account("python", runs_dir / VOTE_STORE, strategies["budget"])
    return MemoryRun(Experiment(**strategies, account=account))


def _refuse_unknown(given: dict[str, Any]) -> None:
    for key in given:
        if key not in GROUPS:
            raise UsageError(
                f"there is no group '{key}' to give an object for",
                hint=f"The groups are: {', '.join(GROUPS)}.",
            )
