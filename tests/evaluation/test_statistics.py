from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from karl.evaluation.statistics import (
    area_under_curve,
    interval,
    means,
    pooled_means,
    relative_gains,
    resample,
)

SCORES = st.floats(0.0, 1.0, allow_subnormal=False)
GRID = list(product(range(4), range(3)))
FOLDS, SEEDS = [fold for fold, _ in GRID], [seed for _, seed in GRID]


def of_grid(columns: int | None = None) -> st.SearchStrategy[np.ndarray]:
    shape = (len(GRID),) if columns is None else (len(GRID), columns)
    return arrays(np.float64, shape, elements=SCORES)


# Draws of runs


def test_the_first_row_is_the_runs_as_they_are_and_every_draw_has_as_many() -> None:
    weights = resample(FOLDS, SEEDS, 300)

    assert weights.shape == (301, 12)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 12).all()
    assert (weights >= 0).all()
    assert len(np.unique(weights, axis=0)) > 290


def test_folds_are_drawn_whole_then_their_seeds() -> None:
    weights = resample(FOLDS, SEEDS, 2000)[1:].reshape(-1, 4, 3)
    of_folds = weights.sum(axis=2)

    assert (of_folds % 3 == 0).all()  # a fold drawn k times brings 3 k runs
    # A given fold is missing from a draw with chance (3/4)^4.
    assert (of_folds == 0).mean() == pytest.approx(0.75**4, abs=0.02)
    once = weights[of_folds == 3]
    # Of 3 seeds, 3 draws miss a given one with chance (2/3)^3: seeds are drawn too.
    assert (once == 0).mean() == pytest.approx((2 / 3) ** 3, abs=0.02)


@pytest.mark.parametrize("fold", [None, 3])
def test_with_a_single_fold_seeds_are_drawn(fold: int | None) -> None:
    weights = resample([fold] * 5, range(5), 2000)[1:]

    assert (weights.sum(axis=1) == 5).all()
    assert (weights == 0).mean() == pytest.approx(0.8**5, abs=0.02)


def test_with_one_seed_a_fold_folds_are_drawn() -> None:
    weights = resample(range(5), [7] * 5, 2000)[1:]

    assert (weights == 0).mean() == pytest.approx(0.8**5, abs=0.02)


@given(st.permutations(range(len(GRID))))
@settings(max_examples=20, deadline=None)
def test_the_order_of_runs_does_not_matter(order: list[int]) -> None:
    weights = resample(FOLDS, SEEDS, 50)
    shuffled = resample([FOLDS[row] for row in order], [SEEDS[row] for row in order], 50)

    assert np.array_equal(shuffled, weights[:, order])


def test_a_run_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="same fold and seed"):
        resample([0, 1, 0], [1, 1, 1])


# Means and their intervals


@given(of_grid(2))
@settings(max_examples=30, deadline=None)
def test_an_interval_lies_within_the_runs_and_around_the_mean(values: np.ndarray) -> None:
    for column, draws in zip(values.T, means(resample(FOLDS, SEEDS, 500), values).T, strict=True):
        found = interval(draws)
        assert found.value == pytest.approx(column.mean())
        assert column.min() - 1e-9 <= found.low <= found.value + 1e-9
        assert found.value - 1e-9 <= found.high <= column.max() + 1e-9


@given(of_grid(), st.floats(-2.0, 2.0))
@settings(max_examples=30, deadline=None)
def test_paired_runs_that_differ_by_a_constant_do_so_in_every_draw(
    values: np.ndarray, shift: float
) -> None:
    weights = resample(FOLDS, SEEDS, 200)
    differences = means(weights, values + shift) - means(weights, values)

    assert differences == pytest.approx(np.full(201, shift))


def test_the_interval_of_independent_runs_is_that_of_their_standard_error() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.1, size=100)
    found = interval(means(resample([None] * 100, range(100)), values))

    error = values.std() / math.sqrt(len(values))
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.06)


def test_runs_that_differ_by_fold_alone_are_as_uncertain_as_their_folds() -> None:
    of_fold = np.array([0.1, 0.4, 0.5, 0.9])
    by_folds = interval(means(resample(range(4), [0] * 4), of_fold))
    in_runs = interval(means(resample(FOLDS, SEEDS), np.repeat(of_fold, 3)))
    as_if_independent = interval(means(resample([None] * 12, range(12)), np.repeat(of_fold, 3)))

    width, known = in_runs.high - in_runs.low, by_folds.high - by_folds.low
    assert width == pytest.approx(known, rel=0.05)
    assert as_if_independent.high - as_if_independent.low < 0.7 * width


def test_missing_runs_count_in_no_mean() -> None:
    values = np.array([0.2, np.nan, 0.4, 0.6])
    weights = resample([0, 0, 1, 1], [0, 1, 0, 1])
    draws = means(weights, values)

    assert draws[0] == pytest.approx(0.4)
    only_missing = (weights[:, [0, 2, 3]] == 0).all(axis=1)
    assert only_missing.any()
    assert np.array_equal(np.isnan(draws), only_missing)
    assert 0.2 <= interval(draws).low < 0.4 < interval(draws).high <= 0.6


@pytest.mark.parametrize("missing", [0, 3])
def test_a_single_run_has_a_mean_but_no_interval(missing: int) -> None:
    n = 1 + missing
    found = interval(means(resample(range(n), [0] * n), np.array([0.5] + [np.nan] * missing)))

    assert found.value == 0.5
    assert math.isnan(found.low) and math.isnan(found.high)


def test_without_any_run_nothing_is_known() -> None:
    found = interval(means(resample(range(3), [0] * 3), np.full(3, np.nan)))

    assert math.isnan(found.value) and math.isnan(found.low) and math.isnan(found.high)


def test_relative_gains_are_ratios_of_means_and_unknown_over_nothing() -> None:
    assert relative_gains(np.array([0.6, 0.3]), np.array([0.5, 0.0])) == pytest.approx(
        [0.2, math.nan], nan_ok=True
    )


@given(of_grid(3))
@settings(max_examples=20, deadline=None)
def test_a_pooled_mean_is_the_mean_of_means_of_full_columns(values: np.ndarray) -> None:
    weights = resample(FOLDS, SEEDS, 50)

    assert pooled_means(weights, values) == pytest.approx(means(weights, values).mean(axis=1))


def test_a_pooled_mean_counts_every_known_value_once() -> None:
    values = np.array([[0.1, np.nan], [0.2, 0.9]])
    draws = pooled_means(resample([0, 1], [0, 0]), values)

    assert draws[0] == pytest.approx(0.4)
    assert np.isnan(pooled_means(resample([0], [0]), values[1:])[1:]).all()


# Areas


def test_an_area_is_that_of_trapezoids_over_the_number_of_rounds() -> None:
    scores = np.array([[0.4, 0.6, 0.5], [0.5, 0.5, 0.5], [0.5, np.nan, 0.5]])

    assert area_under_curve(scores) == pytest.approx([0.525, 0.5, np.nan], nan_ok=True)
    assert area_under_curve(scores[:, :1]) == pytest.approx([0.4, 0.5, 0.5])


@given(arrays(np.float64, (3, 6), elements=SCORES))
def test_an_area_lies_within_the_scores(scores: np.ndarray) -> None:
    areas = area_under_curve(scores)

    assert (areas >= scores.min(axis=1) - 1e-12).all()
    assert (areas <= scores.max(axis=1) + 1e-12).all()
