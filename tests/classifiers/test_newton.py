from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from karl.classifiers import TrainingSet
from karl.classifiers.logistic import Logistic
from karl.classifiers.newton import fit_regressions

PENALTIES = (1e-6, 1e-4, 1e-2, 1.0)


def problem(n: int, n_features: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Random features, and relations that follow from them but for some noise."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n, n_features)).astype(np.float32)
    scores = matrix @ rng.normal(size=(n_features, 3)) + rng.gumbel(size=(n, 3))
    relations = scores.argmax(axis=1).astype(np.int8)
    relations[:3] = [0, 1, 2]
    return matrix, relations


@pytest.mark.parametrize("penalty", PENALTIES)
def test_each_model_is_the_optimum_that_scikit_learn_finds(penalty: float) -> None:
    matrix, relations = problem(300, 20, 0)
    weights = np.random.default_rng(1).integers(0, 4, (300, 3)).astype(float)
    coefficients, intercepts = fit_regressions(
        matrix, relations, weights, penalty=penalty, max_iter=200
    )
    for model in range(3):
        used = weights[:, model] > 0
        reference = LogisticRegression(
            C=1 / (penalty * weights[:, model].sum()), solver="newton-cg", tol=1e-12, max_iter=500
        ).fit(matrix[used].astype(float), relations[used], sample_weight=weights[used, model])
        assert coefficients[model] == pytest.approx(reference.coef_, abs=1e-6, rel=1e-6)
        ours = intercepts[model] - intercepts[model].mean()
        assert ours == pytest.approx(reference.intercept_ - reference.intercept_.mean(), abs=1e-6)


@given(
    n=st.integers(3, 60),
    n_features=st.integers(1, 90),
    seed=st.integers(0, 1000),
    penalty=st.sampled_from(PENALTIES),
)
def test_the_gradient_vanishes_at_what_is_found(
    n: int, n_features: int, seed: int, penalty: float
) -> None:
    matrix, relations = problem(n, n_features, seed)
    weights = np.random.default_rng(seed).uniform(0.5, 2, (n, 2))
    coefficients, intercepts = fit_regressions(
        matrix, relations, weights, penalty=penalty, max_iter=500
    )
    assert np.isfinite(coefficients).all()
    for model in range(2):
        share = weights[:, model] / weights[:, model].sum()
        scores = matrix.astype(float) @ coefficients[model].T + intercepts[model]
        error = share[:, None] * (softmax(scores, axis=1) - np.eye(3)[relations])
        gradient = matrix.T.astype(float) @ error + penalty * coefficients[model].T
        assert np.abs(gradient).max() < 1e-8
        assert np.abs(error.sum(axis=0)).max() < 1e-8


def test_models_do_not_depend_on_those_beside_them() -> None:
    matrix, relations = problem(200, 40, 3)
    weights = np.random.default_rng(3).integers(1, 3, (200, 5)).astype(float)
    together, _ = fit_regressions(matrix, relations, weights, penalty=1e-3, max_iter=200)
    for model in range(5):
        alone, _ = fit_regressions(
            matrix, relations, weights[:, [model]], penalty=1e-3, max_iter=200
        )
        assert together[model] == pytest.approx(alone[0], abs=1e-9)


def test_features_that_are_repeated_or_all_zero_are_no_trouble() -> None:
    matrix, relations = problem(50, 4, 5)
    wide = np.hstack([matrix, matrix, np.zeros((50, 2), np.float32)])
    coefficients, _ = fit_regressions(wide, relations, np.ones((50, 1)), penalty=1e-4, max_iter=200)
    assert coefficients[0][:, :4] == pytest.approx(coefficients[0][:, 4:8], abs=1e-8)
    assert (coefficients[0][:, 8:] == 0).all()


def test_the_number_of_steps_can_be_limited() -> None:
    matrix, relations = problem(100, 5, 1)
    one, far = (
        fit_regressions(matrix, relations, np.ones((100, 1)), penalty=1e-4, max_iter=n)[0]
        for n in (1, 200)
    )
    assert np.abs(one - far).max() > 1e-3


@pytest.mark.parametrize("balanced", [False, True])
def test_a_logistic_regression_predicts_what_scikit_learn_predicts(
    toy: TrainingSet, balanced: bool
) -> None:
    ours = Logistic(balanced=balanced).fit(toy, {"penalty": 1e-3}, seed=0)
    reference = LogisticRegression(
        C=1 / (1e-3 * len(toy)),
        tol=1e-8,
        max_iter=5000,
        class_weight="balanced" if balanced else None,
    ).fit(toy.inputs.matrix.astype(float), toy.relations)
    expected = reference.predict_proba(toy.inputs.matrix.astype(float))
    assert ours.probabilities(toy.inputs) == pytest.approx(expected, abs=1e-4)
