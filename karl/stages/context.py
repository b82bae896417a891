"""What the stages work on: everything that follows from an experiment's inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from karl.annotators import Annotation, Annotator, Remote, Selective, Task
from karl.candidates import CandidatePairs
from karl.categories import ItemCategories
from karl.classifiers import PairInputs, TrainingSet
from karl.config.experiment import Experiment
from karl.config.identity import identity
from karl.datasets import Dataset, LabelledPairs
from karl.datasets.catalogue import PRICE
from karl.datasets.splits import Split
from karl.encoders import ItemVectors, VectorStore
from karl.errors import ConfigError
from karl.features import Items
from karl.files import hash_json
from karl.labels import N_RELATIONS
from karl.llm.account import Account
from karl.memo import Memo
from karl.samplers import Pool
from karl.seeds import derive_seed, hash_uniform

__all__ = ["Context"]

# Of the training pairs an annotator may be shown; it is measured on the others.
_SHARE_OF_EXAMPLES: Final = 0.2

# Clustering takes seconds, and the runs of a sweep share its outcome.
_CATEGORIES: Final[Memo[ItemCategories]] = Memo()


@dataclass(frozen=True, eq=False)
class Context:
    """Data, item vectors and split of an experiment, made when first asked for.

    Parameters
    ----------
    experiment : Experiment
    store : Path
        Folder for what experiments share: item vectors, tuned hyperparameters.
    account : Account
        Whom a language model bills, and where its answers are kept.
    """

    experiment: Experiment
    store: Path
    account: Account

    @cached_property
    def dataset(self) -> Dataset:
        """The data set, its catalogue completed by item cards."""
        dataset = self.experiment.data.load()
        return replace(dataset, catalogue=self.experiment.cards.apply(dataset, self.account))

    @cached_property
    def vectors(self) -> ItemVectors:
        """One vector per item, from the store."""
        return VectorStore(self.store / "vectors").get(
            self.dataset.catalogue, self.experiment.encoder
        )

    @cached_property
    def items(self) -> Items:
        """Vectors, categories and prices of all items."""
        catalogue, vectors = self.dataset.catalogue, self.vectors
        categories = self._categories()
        log_price = None
        if catalogue.has(PRICE):
            prices = catalogue.table[PRICE].cast(float).to_numpy()
            with np.errstate(divide="ignore", invalid="ignore"):
                log_price = np.where(prices > 0, np.log(prices), np.nan).astype(np.float32)
        return Items(vectors, categories, log_price)

    def _categories(self) -> ItemCategories:
        experiment, catalogue = self.experiment, self.dataset.catalogue
        rule = experiment.categories
        made_from = (
            hash_json([identity(rule), identity(experiment.encoder)]),
            catalogue.fingerprint,
        )
        return _CATEGORIES.get(made_from, lambda: rule.assign(catalogue, self.vectors.values))

    @cached_property
    def split(self) -> Split:
        """The human labels, divided into training and evaluation sets."""
        categories = self.items.categories
        return self.experiment.split.divide(
            self.dataset, {"fine": categories.fine, "major": categories.major}
        )

    def task(self, pairs: NDArray[np.int32]) -> Task:
        """Return pairs as an annotator takes them."""
        train = self.split.train
        examples = train.take(self._draws(train) < _SHARE_OF_EXAMPLES)
        return Task(self.dataset, pairs, examples, self.account)

    def gold(self, n: int, others: Sequence[Annotator] = ()) -> LabelledPairs:
        """Return training pairs to measure an annotator on, none of which it is shown.

        Parameters
        ----------
        n : int
            Pairs; all that there are if there are fewer. More hold the fewer.
        others : sequence of Annotator
            Who has to be able to answer as well.
        """
        train = self.split.train
        for llm in (self.experiment.llm, *others):
            if isinstance(llm, Selective):
                train = train.take(llm.can_answer(self.dataset, train.items))
        draws = self._draws(train)
        order = np.argsort(draws, kind="stable")
        return train.take(order[draws[order] >= _SHARE_OF_EXAMPLES][:n])

    def _draws(self, pairs: LabelledPairs) -> NDArray[np.float64]:
        """One number per unordered pair that says what it may be used for, whatever the run."""
        return hash_uniform(pairs.keys, derive_seed(0, "gold"))

    def check_annotator(self) -> None:
        """Make sure that the annotator can be asked, before cards are paid for.

        Raises
        ------
        ConfigError
            If it lacks a key, a price or a package.
        """
        if isinstance(self.experiment.llm, Remote):
            self.experiment.llm.check()

    def check(self) -> Annotation:
        """Ask every strategy for next to nothing, so that it says now what it cannot do.

        Returns
        -------
        Annotation
            Of no pairs; it names the annotator's prompt.

        Raises
        ------
        ConfigError
            If a strategy does not suit the data, the budget, or another one.
        DataError
            If the data cannot be used.
        """
        experiment = self.experiment
        annotation = experiment.llm.annotate(self.task(np.empty((0, 2), np.int32)))
        candidates = self.candidates([], number=1)
        llm = experiment.llm
        if isinstance(llm, Selective):
            known = llm.can_answer(self.dataset, candidates.pairs)
            if not known.all():
                raise ConfigError(
                    f"llm={experiment.choices['llm']}: {np.count_nonzero(~known):,} of "
                    f"{len(known):,} candidate pairs have no votes on record",
                    hint="Use candidates=recorded, which proposes only pairs on record.",
                )
        one_pair, one_category = np.zeros((1, 2), np.int32), np.zeros(1, np.int32)
        pool = Pool(one_pair, one_category, predict=self.know_nothing)
        experiment.sampler.query(pool, experiment.budget.allowance(0), seed=0)
        return annotation

    def know_nothing(self, pairs: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the probabilities of a model without any knowledge, (n_members, n, 3)."""
        shape = (self.experiment.classifier.n_members, len(pairs), N_RELATIONS)
        return np.full(shape, 1 / N_RELATIONS, np.float32)

    def inputs(self, pairs: NDArray[np.int32]) -> PairInputs:
        """Return pairs as a classifier takes them."""
        return PairInputs(self.items, self.experiment.features, pairs)

    def training_set(self, accepted: Sequence[LabelledPairs]) -> TrainingSet:
        """Return human training pairs and accepted LLM labels as a classifier takes them."""
        pairs = self.training_pairs(accepted)
        human = np.arange(len(pairs)) < len(self.split.train)
        return TrainingSet(self.inputs(pairs.items), pairs.relations, human=human)

    def candidates(self, asked: Sequence[NDArray[np.int64]], number: int) -> CandidatePairs:
        """Return the candidates of a round.

        Parameters
        ----------
        asked : sequence of ndarray of int64
            Keys of the pairs that earlier rounds sent to the annotator.
        number : int
            The round, from 1.
        """
        # All human labels are left out: those not trained on may be evaluated on.
        human = [pairs.keys for pairs in self.dataset.pairs.values()]
        return self.experiment.candidates.propose(
            self.dataset,
            self.items.categories,
            np.unique(np.concatenate([*human, *asked])),
            self.seed("candidates", number),
        )

    def training_pairs(self, accepted: Sequence[LabelledPairs]) -> LabelledPairs:
        """Return the human training pairs and the accepted LLM labels together."""
        return LabelledPairs.concat([self.split.train, *accepted], "llm" if accepted else "human")

    def seed(self, *purpose: str | int) -> int:
        """Return the experiment's seed for one purpose."""
        return derive_seed(self.experiment.seed, *purpose)
