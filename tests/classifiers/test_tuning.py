from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from karl.classifiers import PairInputs, Parameters
from karl.classifiers.base import Trial
from karl.classifiers.logistic import Logistic
from karl.classifiers.tuning import Tuning
from karl.datasets import pair_keys

Toy = tuple[PairInputs, NDArray[np.int8]]


@dataclass
class Spy:
    """A classifier and its model in one: it learns nothing and notes what it is shown."""

    tuning: None = None
    fitted: list[NDArray[np.int32]] = field(default_factory=list)
    judged: list[NDArray[np.int32]] = field(default_factory=list)
    tried: list[float] = field(default_factory=list)

    def suggest(self, trial: Trial) -> Parameters:
        return {"C": trial.suggest_float("C", 0.1, 10.0, log=True)}

    def for_tuning(self) -> Spy:
        return self

    def fit(
        self, inputs: PairInputs, relations: NDArray[np.int8], parameters: Parameters, seed: int
    ) -> Spy:
        self.fitted.append(inputs.pairs)
        self.tried.append(parameters["C"])
        return self

    def member_probabilities(self, inputs: PairInputs) -> NDArray[np.float32]:
        self.judged.append(inputs.pairs)
        return np.full((1, len(inputs), 3), 1 / 3, np.float32)

    def save(self, path: Path) -> None: ...

    def load(self, path: Path) -> Spy:
        return self


def search(toy: Toy, classifier: object, tuning: Tuning, seed: int = 0) -> Parameters:
    inputs, relations = toy
    return tuning.search(classifier, inputs, relations, pair_keys(inputs.pairs), seed)


def test_no_pair_is_judged_by_a_model_that_has_seen_it_or_its_swap(toy: Toy) -> None:
    inputs, relations = toy
    both = PairInputs(
        inputs.items, inputs.features, np.concatenate([inputs.pairs, inputs.pairs[:50, ::-1]])
    )
    spy = Spy()
    search((both, np.concatenate([relations, relations[:50]])), spy, Tuning(trials=2, folds=3))
    assert len(spy.fitted) == len(spy.judged) == 6
    for fitted, judged in zip(spy.fitted, spy.judged, strict=True):
        assert not np.isin(pair_keys(judged), pair_keys(fitted)).any()


def test_every_training_pair_is_judged_once_a_trial_and_no_other(toy: Toy) -> None:
    inputs, _ = toy
    spy = Spy()
    search(toy, spy, Tuning(trials=1, folds=4))
    judged = np.concatenate(spy.judged)
    assert sorted(pair_keys(judged)) == sorted(pair_keys(inputs.pairs))


def test_the_best_of_what_was_tried_is_returned(toy: Toy) -> None:
    spy = Spy()
    found = search(toy, spy, Tuning(trials=5, folds=2))
    assert len(set(spy.tried)) == 5
    assert found["C"] in spy.tried


def test_the_search_is_deterministic_by_seed(toy: Toy) -> None:
    tuning = Tuning(trials=4)
    one, two, other = (search(toy, Logistic(), tuning, seed) for seed in (0, 0, 1))
    assert one == two != other


@pytest.mark.parametrize("rare", [0, 1, 2])
def test_a_class_with_a_single_pair_leaves_the_defaults(toy: Toy, rare: int) -> None:
    inputs, relations = toy
    which = np.r_[np.flatnonzero(relations != rare), np.flatnonzero(relations == rare)[:1]]
    few = PairInputs(inputs.items, inputs.features, inputs.pairs[which])
    assert search((few, relations[which]), Logistic(), Tuning(trials=1)) == {}


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_missing_class_leaves_the_defaults(toy: Toy, missing: int) -> None:
    inputs, relations = toy
    which = relations != missing
    few = PairInputs(inputs.items, inputs.features, inputs.pairs[which])
    assert search((few, relations[which]), Logistic(), Tuning(trials=1)) == {}


def test_a_class_with_one_pair_in_both_orders_leaves_the_defaults(toy: Toy) -> None:
    inputs, relations = toy
    one = inputs.pairs[relations == 1][:1]
    pairs = np.concatenate([inputs.pairs[relations != 1], one, one[:, ::-1]])
    labels = np.concatenate([relations[relations != 1], np.int8([1, 1])])
    few = PairInputs(inputs.items, inputs.features, pairs)
    assert search((few, labels), Logistic(), Tuning(trials=1)) == {}
