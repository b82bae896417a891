from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from classifier_template import ClassifierTemplate
from numpy.typing import NDArray

from karl.classifiers import PairInputs, TrainingSet
from karl.classifiers.bagging import BalancedBagging
from karl.classifiers.context import Context, ContextModel
from karl.classifiers.logistic import Logistic
from karl.classifiers.neighbours import Neighbours, Reference, ReferenceModel, with_neighbours
from karl.classifiers.sources import Sources
from karl.encoders import ItemVectors


class TestNeighbours(ClassifierTemplate):
    classifiers: ClassVar = {
        "one": Neighbours(Logistic()),
        "committee": Neighbours(BalancedBagging(n_members=3)),
    }


def placed(toy: TrainingSet, angles: list[float], pairs: list[tuple[int, int]]) -> PairInputs:
    """Pairs of items on the unit circle."""
    values = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    items = replace(toy.inputs.items, vectors=ItemVectors(values, [2]))
    return PairInputs(items, toy.inputs.features, np.array(pairs, np.int32))


def similarities(inputs: PairInputs, relations: list[int]) -> NDArray[np.float32]:
    reference = Reference.of(TrainingSet(inputs, np.array(relations, np.int8)))
    return reference.features(inputs)[:, ::2]


def test_a_pair_is_as_near_as_its_farther_item_in_the_better_order(toy: TrainingSet) -> None:
    inputs = placed(toy, [0, 1, 0.2, 1.5], [(0, 1), (3, 2), (0, 3)])
    found = similarities(inputs, [0, 1, 2])
    assert np.allclose(found[0, 1], np.cos(0.5), atol=1e-5)  # 0 is near 2, and 1 near 3
    assert np.allclose(found[0, 2], np.cos(0.5), atol=1e-5)


def test_a_pair_is_not_its_own_neighbour_in_either_order(toy: TrainingSet) -> None:
    inputs = placed(toy, [0, 1, 0.2, 1.5], [(0, 1), (1, 0), (2, 3), (0, 3)])
    found = similarities(inputs, [0, 0, 1, 2])
    assert (found[:2, 0] == -1).all()  # no other pair is of that relation
    assert (found[2:, 0] > 0).all()


def test_of_a_relation_with_many_pairs_some_are_kept(toy: TrainingSet) -> None:
    many = toy.take(np.tile(np.arange(len(toy)), 40))
    kept = Reference.of(many)
    counts = np.bincount(kept.relations)
    assert (counts == np.minimum(np.bincount(many.relations), 2500)).all()


def test_a_run_stores_the_reference(toy: TrainingSet, tmp_path: Path) -> None:
    Neighbours(Logistic()).fit(toy, {}, 0).save(tmp_path)
    assert (tmp_path / "reference.safetensors").exists()


def test_each_model_of_a_context_sees_the_labels_that_it_learns_from(toy: TrainingSet) -> None:
    human = np.arange(len(toy)) % 2 == 0
    classifier = with_neighbours(Context(Sources(BalancedBagging(n_members=3))))
    model = classifier.fit(replace(toy, human=human), {}, 0)
    assert isinstance(model, ContextModel)
    for part, n_seen in ((model.seed, human.sum()), (model.expanded, len(toy))):
        assert isinstance(part, ReferenceModel)
        assert len(part.reference.pairs) == n_seen
