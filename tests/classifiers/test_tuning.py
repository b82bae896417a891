from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import sklearn.metrics
from numpy.typing import NDArray

from karl.classifiers import Classifier, Model, PairInputs, Parameters, TrainingSet, Tuning
from karl.classifiers.logistic import Logistic
from karl.evaluation.metrics import confusion


@dataclass
class Notes:
    """What a search does: the fits, the parameters that it tries, and what it judges."""

    fitted: list[TrainingSet] = field(default_factory=list)
    tried: list[Parameters] = field(default_factory=list)
    told: list[NDArray[np.int64]] = field(default_factory=list)
    truth: list[NDArray[np.int8]] = field(default_factory=list)
    guessed: list[NDArray[np.int64]] = field(default_factory=list)


class Guess(Model):
    """Guesses at random, so that what it says of some pairs tells which these are."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes

    def member_probabilities(self, inputs: PairInputs) -> NDArray[np.float64]:
        drawn = np.random.default_rng(len(self.notes.told)).dirichlet(np.ones(3), len(inputs))
        self.notes.told.append(drawn.argmax(axis=1))
        return drawn[None]

    def save(self, folder: Path) -> None: ...


class Spy(Classifier):
    """Learns nothing and notes what it is shown."""

    def __init__(self) -> None:
        object.__setattr__(self, "notes", Notes())

    def suggest(self, trial: optuna.Trial) -> Parameters:
        power = trial.suggest_int("power", -10, 10)
        return {"C": 2.0**power, "kind": ["a", {"b": None}]}

    def fit(self, train: TrainingSet, parameters: Parameters, seed: int) -> Guess:
        self.notes.fitted.append(train)
        self.notes.tried.append(parameters)
        return Guess(self.notes)

    def load(self, folder: Path) -> Guess:
        return Guess(self.notes)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    """A classifier that notes what it is shown, and what is then judged."""
    spy = Spy()

    def noting(truth: NDArray[np.int8], guessed: NDArray[np.int64], n: int) -> NDArray[np.int64]:
        spy.notes.truth.append(truth)
        spy.notes.guessed.append(guessed)
        return confusion(truth, guessed, n)

    monkeypatch.setattr("karl.classifiers.tuning.confusion", noting)
    return spy


def left_out(train: TrainingSet, fitted: TrainingSet) -> NDArray[np.bool_]:
    """Return which pairs a fit has not seen in either order."""
    return ~np.isin(train.groups, fitted.groups)


def search(train: TrainingSet, classifier: Any, tuning: Tuning, seed: int = 0) -> Parameters:
    return tuning.search(classifier, train, seed)


def test_no_pair_is_judged_by_a_model_that_has_seen_it_or_its_swap(
    toy: TrainingSet, spy: Spy
) -> None:
    inputs, relations = toy.inputs, toy.relations
    both = PairInputs(
        inputs.items, inputs.features, np.concatenate([inputs.pairs, inputs.pairs[:50, ::-1]])
    )
    train = TrainingSet(both, np.concatenate([relations, relations[:50]]))
    search(train, spy, Tuning(trials=2, folds=3))
    notes = spy.notes
    assert len(notes.fitted) == len(notes.told) == len(notes.truth) == 6
    for fitted, told, truth, guessed in zip(
        notes.fitted, notes.told, notes.truth, notes.guessed, strict=True
    ):
        judged = left_out(train, fitted)
        assert np.array_equal(truth, train.relations[judged])
        assert np.array_equal(guessed, told[judged])


def test_every_training_pair_is_judged_once_a_trial_and_no_other(
    toy: TrainingSet, spy: Spy
) -> None:
    search(toy, spy, Tuning(trials=1, folds=4))
    assert len(spy.notes.fitted) == 4
    judged = [left_out(toy, fitted) for fitted in spy.notes.fitted]
    assert (np.sum(judged, axis=0) == 1).all()
    assert sum(map(len, spy.notes.truth)) == len(toy)


def test_fits_are_told_weights_and_who_labelled(toy: TrainingSet, spy: Spy) -> None:
    numbers = np.arange(len(toy))
    told = replace(toy, weights=1.0 + numbers, human=numbers % 2 == 0)
    search(told, spy, Tuning(trials=1, folds=2))
    for fitted in spy.notes.fitted:
        assert np.array_equal(fitted.human, fitted.weights % 2 == 1)
    weights = np.concatenate([fitted.weights for fitted in spy.notes.fitted])
    assert sorted(weights) == list(1.0 + numbers)


def test_what_was_suggested_in_the_best_trial_is_returned(toy: TrainingSet, spy: Spy) -> None:
    found = search(toy, spy, Tuning(trials=5, folds=2))
    scores = [
        np.mean(
            [
                sklearn.metrics.f1_score(truth, guessed, average="macro")
                for truth, guessed in zip(
                    spy.notes.truth[at : at + 2], spy.notes.guessed[at : at + 2], strict=True
                )
            ]
        )
        for at in range(0, 10, 2)
    ]
    assert found == spy.notes.tried[2 * int(np.argmax(scores))]
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
