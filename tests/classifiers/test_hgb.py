from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
from classifier_template import ClassifierTemplate, files_in, says
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from karl.classifiers import TrainingSet, Tuning
from karl.classifiers import hgb as module
from karl.classifiers.hgb import HGB, TreesModel


class TestHGB(ClassifierTemplate):
    classifiers: ClassVar = {
        "balanced": HGB(max_iter=30),
        "as it comes": HGB(max_iter=30, balanced=False, l2_regularization=0),
    }


def test_probabilities_are_those_of_scikit_learn(toy: TrainingSet, tmp_path: Path) -> None:
    matrix = toy.inputs.matrix.copy()
    matrix[::7, 0] = np.nan
    estimator = HistGradientBoostingClassifier(max_iter=5).fit(matrix, toy.relations)
    fitted = TreesModel.of(estimator)
    fitted.save(tmp_path)
    expected = estimator.predict_proba(matrix)
    inputs = toy.inputs.take(slice(None))
    inputs.__dict__["matrix"] = matrix
    for model in (fitted, HGB().load(tmp_path)):
        assert np.allclose(model.member_probabilities(inputs)[0], expected, atol=1e-12)


def test_the_number_of_threads_does_not_change_a_bit(toy: TrainingSet) -> None:
    found = set()
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.add(says(HGB(max_iter=5).fit(toy, {}, 0), toy.inputs))
    assert len(found) == 1


def test_the_search_draws_whole_numbers_and_others(toy: TrainingSet) -> None:
    found = Tuning(trials=2, folds=2).search(HGB(), toy, 0)
    whole = {"max_iter", "max_leaf_nodes", "min_samples_leaf"}
    assert {name for name, value in found.items() if isinstance(value, int)} == whole
    assert set(found) - whole == {"learning_rate", "l2_regularization"}


def test_numbers_that_were_tuned_are_used_and_the_others_stay(toy: TrainingSet) -> None:
    model = HGB(max_iter=7, max_leaf_nodes=5).fit(toy, {"max_iter": 3}, 0)
    assert len(model.sizes) == 3 * 3
    assert model.sizes.max() <= 2 * 5 - 1


def test_numbers_from_a_file_give_the_same_bytes(toy: TrainingSet, tmp_path: Path) -> None:
    numbers = {"learning_rate": 0.1, "l2_regularization": 0.5, "max_iter": 4}
    for name, given in (("one", numbers), ("two", json.loads(json.dumps(numbers)))):
        HGB().fit(toy, given, 0).save(tmp_path / name)
    assert files_in(tmp_path / "one") == files_in(tmp_path / "two")


def test_coarse_values_are_parted_where_exact_ones_are(toy: TrainingSet) -> None:
    exact = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    coarse = module._coarse(exact)
    for before, after in zip(exact.T, coarse.T, strict=True):
        kept = np.unique(after)
        assert len(kept) == 64
        nearest = np.abs(before[:, None] - kept).argmin(axis=1)
        assert np.array_equal(kept[nearest], after)


def test_few_values_stay_as_they_are() -> None:
    few = np.random.default_rng(0).choice(np.float32([0, 0.5, 3]), (200, 2))
    assert np.array_equal(module._coarse(few), few)
