from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from classifier_template import ClassifierTemplate, says

from karl.classifiers import TrainingSet
from karl.classifiers.hgb import HGB
from karl.classifiers.logistic import Logistic
from karl.classifiers.mean import Mean
from karl.classifiers.sources import Sources, _weighted

PLAIN = Logistic(balanced=False)


class TestSources(ClassifierTemplate):
    classifiers: ClassVar = {
        "one mass": Sources(HGB(max_iter=30, balanced=False)),
        "several": Sources(PLAIN, [0.3, 1.0]),
    }


@pytest.fixture
def mixed(toy: TrainingSet) -> TrainingSet:
    """A third of the pairs labelled by people, the others all wrong."""
    human = np.arange(len(toy)) % 3 == 0
    wrong = np.where(human, toy.relations, (toy.relations + 1) % 3).astype(np.int8)
    return replace(toy, relations=wrong, human=human)


@pytest.mark.parametrize("mass", [0.2, 1.0, 5.0])
def test_relations_weigh_the_same_within_each_source(mixed: TrainingSet, mass: float) -> None:
    weighted = _weighted(mixed, mass)
    sums = [
        np.bincount(mixed.relations[source], weighted.weights[source])
        for source in (mixed.human, ~mixed.human)
    ]
    assert np.allclose(sums[0], sums[0][0])
    assert np.allclose(sums[1], mass * sums[0])
    assert weighted.weights.sum() == pytest.approx(mixed.weights.sum())


def test_a_source_without_a_relation_weighs_as_much(mixed: TrainingSet) -> None:
    some = mixed.take(mixed.human | (mixed.relations == 0))
    weights = _weighted(some, 1.0).weights
    assert weights[some.human].sum() == pytest.approx(weights[~some.human].sum())


def test_wrong_labels_are_given_the_least_mass(mixed: TrainingSet) -> None:
    chosen = Sources(PLAIN, [10.0, 0.01]).fit(mixed, {}, 0)
    assert says(chosen, mixed.inputs) == says(Sources(PLAIN, 0.01).fit(mixed, {}, 0), mixed.inputs)


def test_a_mean_is_that_of_its_parts(toy: TrainingSet) -> None:
    parts = {"trees": HGB(max_iter=10), "regression": Logistic()}
    model = Mean(parts).fit(toy, {}, 0)
    expected = np.mean([part.probabilities(toy.inputs) for part in model.models.values()], axis=0)
    assert np.array_equal(model.probabilities(toy.inputs), expected)


def test_committees_of_different_sizes_are_no_mean() -> None:
    from karl.classifiers.bagging import BalancedBagging

    with pytest.raises(ValueError, match="2 and 3 members"):
        Mean({"a": BalancedBagging(n_members=2), "b": BalancedBagging(n_members=3)})
