from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from classifier_template import ClassifierTemplate, says

from karl.classifiers import PairInputs, TrainingSet
from karl.classifiers.bagging import BalancedBagging
from karl.classifiers.context import Context
from karl.classifiers.hgb import HGB
from karl.classifiers.logistic import Logistic
from karl.encoders import ItemVectors


class TestContext(ClassifierTemplate):
    classifiers: ClassVar = {
        "trees": Context(HGB(max_iter=30)),
        "committee": Context(BalancedBagging(n_members=3), share=0.2),
    }


def two_places(toy: TrainingSet) -> TrainingSet:
    """The toy pairs twice, in orthogonal dimensions: people labelled one place, not the other."""
    values = toy.inputs.items.vectors.values
    values = values / np.linalg.norm(values, axis=1, keepdims=True)
    nothing = np.zeros_like(values)
    both = np.concatenate([np.hstack([values, nothing]), np.hstack([nothing, values])])
    items = replace(toy.inputs.items, vectors=ItemVectors(both.astype(np.float32), [8]))
    pairs = np.concatenate([toy.inputs.pairs, toy.inputs.pairs + len(values)])
    inputs = PairInputs(items, toy.inputs.features, pairs.astype(np.int32))
    return TrainingSet(inputs, np.tile(toy.relations, 2), human=np.arange(2 * len(toy)) < len(toy))


def test_the_expanded_model_speaks_where_no_one_has_labelled(toy: TrainingSet) -> None:
    train = two_places(toy)
    model = Context(Logistic(), share=0.0).fit(train, {}, 0)
    here, there = (train.inputs.take(which) for which in (train.human, ~train.human))
    assert model.diagnostics(here)["called_in_distribution"] > 0.85
    assert model.diagnostics(there)["called_in_distribution"] == 0
    seed, expanded = (part.probabilities(there) for part in (model.seed, model.expanded))
    assert np.allclose(model.probabilities(there), expanded, atol=1e-6)
    assert not np.allclose(seed, expanded, atol=1e-2)


def test_the_seed_model_is_the_same_in_every_round(toy: TrainingSet) -> None:
    train = two_places(toy)
    classifier = Context(BalancedBagging(n_members=3))
    first = classifier.fit(train.take(train.human), {}, 0)
    later = [classifier.fit(train, {}, seed) for seed in (1, 2)]
    assert {says(model.seed, train.inputs) for model in (first, *later)} == {
        says(first.seed, train.inputs)
    }
    assert says(later[0].expanded, train.inputs) != says(later[1].expanded, train.inputs)


def test_a_share_of_one_is_the_expanded_model(toy: TrainingSet) -> None:
    train = two_places(toy)
    model = Context(Logistic(), share=1.0).fit(train, {}, 0)
    expanded = Logistic().fit(train, {}, 0)
    assert np.allclose(model.probabilities(train.inputs), expanded.probabilities(train.inputs))
