"""An experiment: its strategies, its data, and all that follows from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from karl.annotators import Annotation, Annotator, Task
from karl.candidates import CandidatePairs, Candidates
from karl.cards import Cards
from karl.categories import Categories, ItemCategories
from karl.classifiers import Classifier, Model, PairInputs, Parameters, TrainingSet
from karl.classifiers.neighbours import with_neighbours
from karl.config.identity import identity
from karl.config.settings import Budget
from karl.consensus import Accepted, Ballots, Consensus
from karl.datasets import Dataset, DatasetSource, LabelledPairs
from karl.datasets.catalogue import PRICE
from karl.datasets.splits import Split, SplitRule
from karl.encoders import Encoder, ItemVectors, VectorStore
from karl.errors import ConfigError
from karl.features import Features, Items
from karl.files import hash_json
from karl.labels import N_RELATIONS
from karl.llm.budget import Account
from karl.memo import Memo
from karl.numerics import one_thread
from karl.paths import home
from karl.samplers import PastRound, Pool, Sampler
from karl.seeds import derive_seed, hash_uniform

__all__ = ["Experiment"]

# Of the training pairs an annotator may be shown; it is measured on the others.
_SHARE_OF_EXAMPLES: Final = 0.2


@dataclass(frozen=True, eq=False)
class Experiment:
    """One strategy of every kind, a budget, a seed; data and vectors, made when first asked for.

    Everything that is computed with several strategies is computed here, so that stages,
    estimates and the Python API cannot differ in it.

    Parameters
    ----------
    choices : mapping of str to str
        The option that was chosen in each group.
    account : Account
        Whom a language model bills, and where its answers are kept.
    store : Path
        Folder for what experiments share: item vectors, tuned hyperparameters.
    memo : Memo
        Data sets that were read, by where they come from; handed in, it is shared.
    """

    seed: int
    data: DatasetSource
    cards: Cards
    split: SplitRule
    encoder: Encoder
    categories: Categories
    features: Features
    classifier: Classifier
    candidates: Candidates
    sampler: Sampler
    llm: Annotator
    consensus: Consensus
    budget: Budget
    choices: Mapping[str, str]
    account: Account
    store: Path = field(default_factory=home)
    memo: Memo[Dataset] = field(default_factory=Memo)

    # What follows from the data.

    @cached_property
    def source(self) -> Dataset:
        """The data set as it was read, without item cards."""
        return self.memo.get(hash_json(identity(self.data)), self.data.load)

    @cached_property
    def dataset(self) -> Dataset:
        """The data set, its catalogue completed by item cards."""
        return replace(self.source, catalogue=self.cards.apply(self.source, self.account))

    @cached_property
    def vectors(self) -> ItemVectors:
        """One vector per item, from the store."""
        return VectorStore(self.store / "vectors").get(self.dataset.catalogue, self.encoder)

    @cached_property
    def items(self) -> Items:
        """Vectors, categories and prices of all items."""
        catalogue = self.dataset.catalogue
        log_price = None
        if catalogue.has(PRICE):
            prices = catalogue.table[PRICE].cast(float).to_numpy()
            with np.errstate(divide="ignore", invalid="ignore"):
                log_price = np.where(prices > 0, np.log(prices), np.nan).astype(np.float32)
        return Items(self.vectors, self._item_categories(), log_price, catalogue)

    def _item_categories(self) -> ItemCategories:
        catalogue, vectors = self.dataset.catalogue, self.vectors.values
        made_from = (
            hash_json([identity(self.categories), identity(self.encoder)]),
            catalogue.fingerprint,
        )

        def assign() -> ItemCategories:
            with one_thread():
                return self.categories.assign(catalogue, vectors)

        # Clustering takes seconds, and experiments that share their data share its outcome.
        found: ItemCategories = self.source.memo.get(made_from, assign)
        return found

    @cached_property
    def sets(self) -> Split:
        """The human labels, divided into training and evaluation sets."""
        categories = self.items.categories
        return self.split.divide(self.dataset, {"fine": categories.fine, "major": categories.major})

    @property
    def data_hash(self) -> str:
        """sha256 over the data set and the training pairs."""
        parts = {"dataset": self.dataset.fingerprint, "train": self.sets.train.fingerprint}
        return hash_json(parts)

    @property
    def same_everywhere(self) -> bool:
        """Whether classifier and encoder promise the same figures on every processor."""
        return self.classifier.same_everywhere and self.encoder.same_everywhere

    def seed_for(self, *purpose: str | int) -> int:
        """Return the experiment's seed for one purpose."""
        return derive_seed(self.seed, *purpose)

    # The classifier.

    @cached_property
    def learner(self) -> Classifier:
        """The classifier, with what the features want it to see of labelled pairs."""
        return with_neighbours(self.classifier) if self.features.neighbours else self.classifier

    def inputs(self, pairs: NDArray[np.int32]) -> PairInputs:
        """Return pairs as a classifier takes them."""
        return PairInputs(self.items, self.features, pairs)

    def training_set(self, accepted: Accepted, human: LabelledPairs | None = None) -> TrainingSet:
        """Return human labels and accepted labels together, as a classifier learns from them.

        Parameters
        ----------
        accepted : Accepted
            A soft label is as many pairs as it has relations, weighted by their shares.
        human : LabelledPairs, optional
            All human training pairs when left out.
        """
        train = self.sets.train if human is None else human
        pairs, relations, weights = accepted.weighted()
        n_human = len(train)
        return TrainingSet(
            self.inputs(np.concatenate([train.items, pairs])),
            np.concatenate([train.relations, relations]),
            np.concatenate([np.ones(n_human), weights]),
            np.arange(n_human + len(pairs)) < n_human,
        )

    def tune(self) -> Parameters:
        """Search for hyperparameters within the human training pairs; see `Tuning`."""
        if self.learner.tuning is None:
            return {}
        train = self.training_set(Accepted.none())
        with one_thread():
            return self.learner.tuning.search(self.learner, train, self.seed_for("tune"))

    def fit(self, train: TrainingSet, parameters: Parameters, number: int) -> Model:
        """Fit the model of a round; round 0 is the seed."""
        with one_thread():
            return self.learner.fit(train, parameters, self.seed_for("fit", number))

    def predictor(self, model: Model) -> Callable[[NDArray[np.int32]], NDArray[np.float64]]:
        """Return what gives a model's members' probabilities for pairs, (n_members, n, 3)."""

        def predict(pairs: NDArray[np.int32]) -> NDArray[np.float64]:
            with one_thread():
                return model.member_probabilities(self.inputs(pairs))

        return predict

    def diagnose(self, model: Model, pairs: NDArray[np.int32]) -> dict[str, float]:
        """Return what a model has to say of how it predicts some pairs; see `Model`."""
        with one_thread():
            return dict(model.diagnostics(self.inputs(pairs)))

    def know_nothing(self, pairs: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the probabilities of a model without any knowledge, (n_members, n, 3)."""
        shape = (self.learner.n_members, len(pairs), N_RELATIONS)
        return np.full(shape, 1 / N_RELATIONS)

    # Candidates and the sampler.

    def propose(self, asked: Sequence[NDArray[np.int64]], number: int) -> CandidatePairs:
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
        return self.candidates.propose(
            self.dataset,
            self.items.categories,
            np.unique(np.concatenate([*human, *asked])),
            self.seed_for("candidates", number),
        )

    def pool(
        self,
        candidates: CandidatePairs,
        number: int,
        predict: Callable[[NDArray[np.int32]], NDArray[np.float64]] | None = None,
        accepted: Accepted | None = None,
        history: Sequence[PastRound] = (),
        seed_held_out: Mapping[str, float] | None = None,
    ) -> Pool:
        """Return a round's candidates as a sampler takes them.

        Parameters
        ----------
        candidates : CandidatePairs
        number : int
            The round, from 1.
        predict : callable, optional
            Of the current committee; one that knows nothing when left out.
        accepted : Accepted, optional
            The labels that the committee was fitted to beside the human ones.
        history : sequence of PastRound
        seed_held_out : mapping of str to float, optional
            Scores of the seed model on held-out training pairs.
        """
        asked = sum(len(past.asked) for past in history)
        human = self.sets.train
        more = (accepted or Accepted.none()).labelled()
        return Pool(
            candidates.pairs,
            candidates.categories,
            predict or self.know_nothing,
            limit=self.budget.allowance(asked),
            seed=self.seed_for("sampler", number),
            round=number,
            rounds_left=max(0, self.budget.rounds - number),
            labels_left=None if self.budget.labels is None else self.budget.labels - asked,
            items=self.items,
            features=lambda pairs: self.inputs(pairs).matrix,
            train=LabelledPairs.concat([human, more], "human"),
            human=np.arange(len(human) + len(more)) < len(human),
            history=tuple(history),
            seed_held_out=seed_held_out,
        )

    # The annotator and the consensus.

    def task(self, pairs: NDArray[np.int32]) -> Task:
        """Return pairs as an annotator takes them."""
        train = self.sets.train
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
        train = self.sets.train
        for llm in (self.llm, *others):
            train = train.take(llm.can_answer(self.dataset, train.items))
        draws = self._draws(train)
        order = np.argsort(draws, kind="stable")
        return train.take(order[draws[order] >= _SHARE_OF_EXAMPLES][:n])

    def _draws(self, pairs: LabelledPairs) -> NDArray[np.float64]:
        """One number per unordered pair that says what it may be used for, whatever the run."""
        return hash_uniform(pairs.keys, derive_seed(0, "gold"))

    def accept(self, ballots: Ballots) -> Accepted:
        """Return the pairs that the consensus accepts, with their labels."""
        with one_thread():
            return Accepted.of(ballots, self.consensus.decide(ballots))

    # Checks before anything is written or paid for.

    def check(self) -> Annotation:
        """Ask every strategy for next to nothing, so that it says now what it cannot do.

        What the annotator gives for no pairs is returned: it names its prompt.

        Raises
        ------
        ConfigError
            If a strategy does not suit the data, the budget, or another one.
        DataError
            If the data cannot be used.
        """
        annotation = self.llm.annotate(self.task(np.empty((0, 2), np.int32)))
        candidates = self.propose([], number=1)
        known = self.llm.can_answer(self.dataset, candidates.pairs)
        if not known.all():
            raise ConfigError(
                f"llm={self.choices['llm']}: {np.count_nonzero(~known):,} of "
                f"{len(known):,} candidate pairs have no votes on record",
                hint="Use candidates=recorded, which proposes only pairs on record.",
            )
        one = CandidatePairs(np.zeros((1, 2), np.int32), np.zeros(1, np.int32))
        self.features.compute(self.items, one.pairs)
        self.sampler.query(self.pool(one, number=1))
        return annotation
