from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray

from karl.classifiers import Model, PairInputs, Parameters, TrainingSet, Tuning
from karl.classifiers.logistic import Logistic
from karl.datasets import pair_keys


@dataclass
class Spy(Model):
    """A classifier and its model in one: it learns nothing and notes what it is shown."""

    fitted: list[TrainingSet] = field(default_factory=list)
    judged: list[NDArray[np.int32]] = field(default_factory=list)
    tried: list[Parameters] = field(default_factory=list)

    def suggest(self, trial: optuna.Trial) -> Parameters:
        power = trial.suggest_int("power", -10, 10)
        return {"C": 2.0**power, "kind": ["a", {"b": None}]}

    def for_tuning(self) -> Spy:
        return self

    def fit(self, train: TrainingSet, parameters: Parameters, seed: int) -> Spy:
        self.fitted.append(train)
        self.tried.append(parameters)
        return self

    def member_probabilities(self, inputs: PairInputs) -> NDArray[np.float64]:
        self.judged.append(inputs.pairs)
        return np.full((1, len(inputs), 3), 1 / 3)

    def save(self, folder: Path) -> None: ...


def search(train: TrainingSet, classifier: Any, tuning: Tuning, seed: int = 0) -> Parameters:
    return tuning.search(classifier, train, seed)


def test_no_pair_is_judged_by_a_model_that_has_seen_it_or_its_swap(toy: TrainingSet) -> None:
    inputs, relations = toy.inputs, toy.relations
    both = PairInputs(
        inputs.items, inputs.features, np.concatenate([inputs.pairs, inputs.pairs[:50, ::-1]])
    )
    spy = Spy()
    train = TrainingSet(both, np.concatenate([relations, relations[:50]]))
    search(train, spy, Tuning(trials=2, folds=3))
    assert len(spy.fitted) == len(spy.judged) == 6
    for fitted, judged in zip(spy.fitted, spy.judged, strict=True):
        assert not np.isin(pair_keys(judged), fitted.groups).any()


def test_every_training_pair_is_judged_once_a_trial_and_no_other(toy: TrainingSet) -> None:
    spy = Spy()
    search(toy, spy, Tuning(trials=1, folds=4))
    assert sorted(pair_keys(np.concatenate(spy.judged))) == sorted(toy.groups)


def test_fits_are_told_weights_and_who_labelled(toy: TrainingSet) -> None:
    spy = Spy()
    numbers = np.arange(len(toy))
    told = replace(toy, weights=1.0 + numbers, human=numbers % 2 == 0)
    search(told, spy, Tuning(trials=1, folds=2))
    for fitted in spy.fitted:
        assert np.array_equal(fitted.human, fitted.weights % 2 == 1)
    assert sorted(np.concatenate([fitted.weights for fitted in spy.fitted])) == list(1.0 + numbers)


def test_what_was_suggested_in_the_best_trial_is_returned(toy: TrainingSet) -> None:
    spy = Spy()
    found = search(toy, spy, Tuning(trials=5, folds=2))
    assert found in spy.tried
    assert json.loads(json.dumps(found)) == found


def test_a_suggestion_that_is_no_json_is_refused(toy: TrainingSet) -> None:
    class Odd(Spy):
        def suggest(self, trial: optuna.Trial) -> Parameters:
            return {"C": {1, 2}}

    with pytest.raises(TypeError, match="JSON"):
        search(toy, Odd(), Tuning(trials=1, folds=2))


def test_the_search_is_deterministic_by_seed(toy: TrainingSet) -> None:
    tuning = Tuning(trials=4)
    one, two, other = (search(toy, Logistic(), tuning, seed) for seed in (0, 0, 1))
    assert one == two != other


@pytest.mark.parametrize("rare", [0, 1, 2])
def test_a_class_with_a_single_pair_leaves_the_defaults(toy: TrainingSet, rare: int) -> None:
    relations = toy.relations
    which = np.r_[np.flatnonzero(relations != rare), np.flatnonzero(relations == rare)[:1]]
    assert search(toy.take(which), Logistic(), Tuning(trials=1)) == {}


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_missing_class_leaves_the_defaults(toy: TrainingSet, missing: int) -> None:
    assert search(toy.take(toy.relations != missing), Logistic(), Tuning(trials=1)) == {}


def test_a_class_with_one_pair_in_both_orders_leaves_the_defaults(toy: TrainingSet) -> None:
    inputs, relations = toy.inputs, toy.relations
    one = inputs.pairs[relations == 1][:1]
    pairs = np.concatenate([inputs.pairs[relations != 1], one, one[:, ::-1]])
    labels = np.concatenate([relations[relations != 1], np.int8([1, 1])])
    few = TrainingSet(PairInputs(inputs.items, inputs.features, pairs), labels)
    assert search(few, Logistic(), Tuning(trials=1)) == {}
