from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from classifier_template import ClassifierTemplate

from karl.classifiers import Classifier, TrainingSet
from karl.classifiers.bagging import BalancedBagging
from karl.classifiers.hgb import HGB
from karl.classifiers.logistic import Logistic


class TestLogistic(ClassifierTemplate):
    classifiers: ClassVar = {"balanced": Logistic(), "as it comes": Logistic(balanced=False)}


@pytest.mark.parametrize("classifier", [Logistic(), BalancedBagging(n_members=3)], ids=repr)
def test_a_stronger_penalty_makes_predictions_less_sure(
    classifier: Classifier, toy: TrainingSet
) -> None:
    sure, unsure = (
        classifier.fit(toy, {"penalty": weight}, 0)
        .member_probabilities(toy.inputs)
        .max(axis=2)
        .mean()
        for weight in (1e-5, 1.0)
    )
    assert sure > unsure + 0.1


BALANCED = [
    Logistic(),
    HGB(),
    BalancedBagging(n_members=3),
    BalancedBagging(base=HGB(balanced=False), n_members=3),
]


@pytest.mark.parametrize("classifier", BALANCED, ids=repr)
def test_a_frequent_class_is_not_preferred(classifier: Classifier, noise: TrainingSet) -> None:
    probabilities = classifier.fit(noise, {}, 0).member_probabilities(noise.inputs)
    assert probabilities == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize("classifier", [Logistic(), HGB()], ids=repr)
def test_classes_are_balanced_by_weight(classifier: Classifier, noise: TrainingSet) -> None:
    weighted = noise.with_weights(np.where(noise.relations == 0, 30.0, 1.0))
    probabilities = classifier.fit(weighted, {}, 0).member_probabilities(noise.inputs)
    assert probabilities == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize("balanced", [False, True])
def test_a_weight_of_two_is_as_good_as_two_pairs(toy: TrainingSet, balanced: bool) -> None:
    times = np.arange(len(toy)) % 3
    repeated = toy.take(np.repeat(np.arange(len(toy)), times))
    one, two = (
        Logistic(balanced=balanced).fit(train, {}, 0).probabilities(toy.inputs)
        for train in (toy.with_weights(1.0 * times), repeated)
    )
    assert one == pytest.approx(two, abs=1e-7)
