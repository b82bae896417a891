"""An experiment that is carried out from Python, step by step or in one go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from karl.annotators import Annotator
from karl.api.fitted import FittedModel
from karl.cards import Cards
from karl.classifiers import Classifier
from karl.consensus import Consensus
from karl.datasets import Dataset
from karl.encoders import Encoder
from karl.errors import UsageError
from karl.evaluation.record import MetricsRow
from karl.experiments import Experiment
from karl.labels import RELATION_NAMES
from karl.runs.directory import Run
from karl.runs.loop import (
    End,
    MemoryRun,
    Observer,
    Observers,
    Step,
    metrics_rows,
    next_step,
    run_round,
    run_stage,
    run_to_end,
)
from karl.samplers import Pool, Sampler
from karl.stages.kinds import SEED_ROUND, accepted_columns, id_columns, model_of
from karl.stages.select import candidate_pool, checked_choice, write_selected
from karl.tracking import tracked

__all__ = ["Session"]

_TYPES: Final = {"int": pl.Int64, "int | None": pl.Int64, "float": pl.Float64, "str": pl.String}


class Session:
    """An experiment that is carried out from Python; made by `karl.experiment`.

    Its steps are those of the command line: `run` does everything, `seed` and `round` do a
    part, `select`, `label`, `train` and `evaluate` do a stage. Each goes on where the last
    one stopped, also after Ctrl-C, and does nothing where there is nothing left to do.
    """

    def __init__(self, run: Run | MemoryRun) -> None:
        self._run = run
        self._examined = False

    def __repr__(self) -> str:
        choices = self.experiment.choices
        named = ", ".join(f"{key}={choices[key]}" for key in ("data", "sampler", "llm"))
        return f"<karl experiment {self._run.name}: {named}; next: {self.next}>"

    # Steps.

    @property
    def next(self) -> str:
        """What comes next, or why there is nothing more to do."""
        step = next_step(self._run)
        return f"{step.stage} of round {step.round}" if isinstance(step, Step) else step.value

    def run(self) -> Session:
        """Do everything that is left; BudgetExhausted is raised if that ends it earlier."""
        with self._at_work() as observer:
            run_to_end(self._run, observer)
        return self

    def seed(self) -> Session:
        """Tune and fit the seed model on the human labels, and evaluate it."""
        return self._do("seed")

    def round(self) -> Session:
        """Do what is left of the current round, or the next one; the seed comes before it.

        BudgetExhausted is raised if labels or spending do not allow it.
        """
        with self._at_work() as observer:
            run_round(self._run, observer)
        return self

    def select(self, chosen: NDArray[np.integer[Any]] | Sequence[int] | None = None) -> Session:
        """Select the pairs that the next round has labelled.

        Parameters
        ----------
        chosen : array of int, optional
            Different positions in `candidates()`, `candidates().limit` at most, in place of
            the sampler's choice; only in memory. So a round may be done beyond `budget.rounds`.
        """
        if chosen is None:
            return self._do("select")
        if isinstance(self._run, Run):
            raise UsageError(
                "the selection of a run in a folder is its sampler's",
                hint="Leave out `name` of the experiment to choose pairs by hand.",
            )
        with self._at_work():
            number = self._next_round()
            pool = self.candidates()
            taken = checked_choice(pool, chosen)
            if len(taken) == 0:
                raise UsageError("no pair is chosen", hint="Such as: exp.select([0, 5, 17]).")
            write_selected(self._run.artefacts, number, pool, taken)
            self._run.record("select", number, 0.0, [])
        return self

    def label(self) -> Session:
        """Have the selected pairs annotated; accept labels by consensus."""
        return self._do("label")

    def train(self) -> Session:
        """Fit the classifier to the human labels and all accepted ones."""
        return self._do("train")

    def evaluate(self) -> Session:
        """Score the round's model on every evaluation set."""
        return self._do("evaluate")

    # What came of it.

    @property
    def metrics(self) -> pl.DataFrame:
        """One row per round and evaluation set, with the columns of `metrics.jsonl`."""
        schema = {field.name: _TYPES[str(field.type)] for field in fields(MetricsRow)}
        return pl.DataFrame([asdict(row) for row in metrics_rows(self._run)], schema)

    @property
    def labels(self) -> pl.DataFrame:
        """The labels that are accepted by now: ids, round, label, relation, weight."""
        accepted = self._run.artefacts.accepted(self._last("label"))
        ids = id_columns(self.dataset.catalogue, accepted.pairs)
        table = pl.DataFrame(ids | accepted_columns(accepted))
        return table.drop(RELATION_NAMES, strict=False)

    def candidates(self) -> Pool:
        """Return the candidates of the next round, as the sampler sees them.

        A UsageError is raised if its pairs are selected already, or no model is fitted.
        """
        return candidate_pool(self.experiment, self._run.artefacts, self._next_round())

    @property
    def model(self) -> FittedModel:
        """The last model that was fitted; a UsageError if none was."""
        if not any(record.stage == "seed" for record in self._run.stages):
            raise UsageError("no model is fitted yet", hint="Do exp.seed() first.")
        fitted = self._run.artefacts.read(model_of(self.classifier), self._last("train"))
        return FittedModel(self.experiment, fitted)

    @property
    def folder(self) -> Path | None:
        """The run's folder; None in memory."""
        return self._run.folder if isinstance(self._run, Run) else None

    # What it is made of.

    @property
    def experiment(self) -> Experiment:
        """All strategies, and what follows from them: item vectors, training pairs, …."""
        return self._run.experiment

    @property
    def dataset(self) -> Dataset:
        """Catalogue, human labels, and what else came with the data."""
        return self.experiment.dataset

    @property
    def sampler(self) -> Sampler:
        """The sampling strategy."""
        return self.experiment.sampler

    @property
    def classifier(self) -> Classifier:
        """The classifier, not fitted: see `model`."""
        return self.experiment.classifier

    @property
    def llm(self) -> Annotator:
        """The annotator."""
        return self.experiment.llm

    @property
    def consensus(self) -> Consensus:
        """The consensus."""
        return self.experiment.consensus

    @property
    def encoder(self) -> Encoder:
        """The encoder."""
        return self.experiment.encoder

    @property
    def cards(self) -> Cards:
        """Where item cards come from."""
        return self.experiment.cards

    def _do(self, stage: str) -> Session:
        with self._at_work(seed_only=stage == "seed") as observer:
            run_stage(self._run, stage, observer)
        return self

    @contextmanager
    def _at_work(self, *, seed_only: bool = False) -> Iterator[Observer]:
        """Find out what can be wrong before anything is paid for; tell a run's tracker."""
        if not (seed_only or self._examined):
            self._run.prepare()
            self._examined = True
        if isinstance(self._run, Run):
            with tracked(self._run) as observer:
                yield observer
        else:
            yield Observers()

    def _last(self, stage: str) -> int:
        return max((r.round for r in self._run.stages if r.stage == stage), default=SEED_ROUND)

    def _next_round(self) -> int:
        """Return the round whose pairs are to be selected; after the last, one more."""
        step = next_step(self._run)
        if isinstance(step, End):
            return self._last("evaluate") + 1
        if step.stage != "select":
            doing = "seed" if step.round == SEED_ROUND else "round"
            raise UsageError(
                f"there are candidates before stage 'select' only; next is '{step.stage}' of "
                f"round {step.round}",
                hint=f"Do exp.{doing}() first.",
            )
        return step.round
