from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from karl.evaluation.ranks import holm, paired_test, pooled_spearman, run_spearman
from karl.evaluation.statistics import interval, resample

# Paired tests


def test_wilcoxon_by_hand() -> None:
    # Ranks 1, 3, 2, 4, the sum of the negative ones 2: of the 16 sets of negative ranks
    # {}, {1} and {2} have a sum of at most 2, and as many one of at least 8.
    result = paired_test([0.1, 0.3, -0.2, 0.4])

    assert result.n == 4
    assert result.p == pytest.approx(6 / 16)
    assert result.rank_biserial == pytest.approx((8 - 2) / 10)
    assert result.d_z == pytest.approx(0.15 / np.std([0.1, 0.3, -0.2, 0.4], ddof=1))


@pytest.mark.parametrize("n", [2, 7, 20, 50])
def test_wilcoxon_agrees_with_scipy(n: int) -> None:
    from scipy.stats import wilcoxon

    differences = np.random.default_rng(n).normal(0.4, 1.0, size=n)
    expected = wilcoxon(differences, method="exact").pvalue
    assert paired_test(differences).p == pytest.approx(expected)


def test_wilcoxon_is_exact_for_tied_differences_and_close_to_normal_for_many() -> None:
    from scipy.stats import wilcoxon

    # Ranks 1.5, 1.5, 3, the sum of the negative ones 1.5: of the 8 sets of negative ranks {}
    # and either 1.5 have a sum of at most that, and as many one of at least 3.
    assert paired_test([0.1, -0.1, 0.2]).p == pytest.approx(6 / 8)
    many = np.round(np.random.default_rng(5).normal(0.1, 1.0, size=300), 1)
    assert paired_test(many).p == pytest.approx(
        wilcoxon(many, method="asymptotic").pvalue, abs=0.01
    )


@given(arrays(np.float64, st.integers(2, 12), elements=st.floats(-1.0, 1.0)))
@settings(max_examples=50, deadline=None)
def test_turning_the_comparison_round_turns_the_effect_round(differences: np.ndarray) -> None:
    one, other = paired_test(differences), paired_test(-differences)

    assert one.p == pytest.approx(other.p)
    assert 0.0 < one.p <= 1.0
    assert one.rank_biserial == pytest.approx(-other.rank_biserial)
    assert -1.0 <= one.rank_biserial <= 1.0
    assert one.d_z == pytest.approx(-other.d_z, nan_ok=True)


def test_a_strategy_that_is_always_better_has_effect_1() -> None:
    assert paired_test([0.1, 0.2, 0.3]).rank_biserial == 1.0
    assert paired_test([-0.1, -0.2, -0.3]).rank_biserial == -1.0


def test_equal_scores_are_no_difference() -> None:
    result = paired_test([0.0, 0.0, 0.0])

    assert (result.n, result.p, result.rank_biserial) == (3, 1.0, 0.0)
    assert math.isnan(result.d_z)


def test_zero_differences_are_left_out_of_the_ranks() -> None:
    with_zeros, without = paired_test([0.1, 0.0, 0.3, -0.2]), paired_test([0.1, 0.3, -0.2])

    assert (with_zeros.p, with_zeros.rank_biserial) == (without.p, without.rank_biserial)
    assert with_zeros.n == 4


def test_a_single_pair_tells_nothing_and_no_pair_is_no_test() -> None:
    assert paired_test([0.2]).p == 1.0
    nothing = paired_test([np.nan])
    assert nothing.n == 0
    assert math.isnan(nothing.p) and math.isnan(nothing.rank_biserial)


def test_equal_differences_have_no_standardised_size() -> None:
    assert math.isnan(paired_test(np.full(7, 0.1) + 0.7 - 0.7).d_z)


def test_holm_on_a_known_example() -> None:
    # Holm (1979) on 4 hypotheses: 4 x 0.005, 3 x 0.01, 2 x 0.03, and at least that for 0.04.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_passes_over_tests_that_were_not_made() -> None:
    assert holm([0.02, np.nan, 0.5]) == pytest.approx([0.04, np.nan, 0.5], nan_ok=True)
    assert holm([]).size == 0


@given(arrays(np.float64, st.integers(1, 8), elements=st.floats(0.0, 1.0)))
def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni(p_values: np.ndarray) -> None:
    corrected = holm(p_values)

    assert (np.diff(corrected[np.argsort(p_values, kind="stable")]) >= 0).all()
    assert (corrected >= p_values).all()
    assert (corrected <= np.minimum(p_values * len(p_values), 1.0)).all()


# Rank correlations


@given(
    arrays(np.float64, (4, 5), elements=st.sampled_from([0.1, 0.2, 0.3, 0.5, np.nan])),
    arrays(np.float64, (4, 5), elements=st.sampled_from([0.1, 0.4, 0.6, 0.7, 0.9])),
)
@settings(max_examples=40, deadline=None)
def test_every_draw_has_the_correlation_of_its_points(x: np.ndarray, y: np.ndarray) -> None:
    weights = resample([0, 0, 1, 1], [0, 1, 0, 1], 8)
    found = pooled_spearman(weights, x, y)

    for row, counts in enumerate(weights.astype(int)):
        drawn_x, drawn_y = np.repeat(x, counts, axis=0), np.repeat(y, counts, axis=0)
        assert found[row] == pytest.approx(by_scipy(drawn_x, drawn_y), nan_ok=True) or (
            row and (~np.isnan(x)).any(axis=1).sum() < 2
        )


def by_scipy(x: np.ndarray, y: np.ndarray) -> float:
    from scipy.stats import spearmanr

    known = ~np.isnan(x) & ~np.isnan(y)
    if len(set(x[known])) < 2 or len(set(y[known])) < 2:
        return math.nan
    return float(spearmanr(x[known], y[known]).statistic)


def test_within_runs_every_run_has_a_correlation_of_its_own() -> None:
    x = np.array([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, np.nan, np.nan]])
    y = np.array([[0.5, 0.6, 0.7, 0.9], [0.4, 0.2, 0.3, 0.1], [0.3, 0.4, 0.5, 0.6]])

    # 1 - 6 sum d^2 / (n (n^2 - 1)) with d = 3, 0, 0, 3; of two points nothing is known.
    assert run_spearman(x, y) == pytest.approx([1.0, 1 - 6 * 18 / 60, np.nan], nan_ok=True)


def test_what_does_not_vary_has_no_correlation() -> None:
    assert np.isnan(run_spearman(np.ones((1, 4)), np.arange(4.0)[None])).all()


def test_runs_can_fall_within_and_rise_together() -> None:
    x = np.array([[1.0, 2.0, 3.0], [11.0, 12.0, 13.0], [21.0, 22.0, 23.0]])
    y = np.array([[0.3, 0.2, 0.1], [0.6, 0.5, 0.4], [0.9, 0.8, 0.7]])

    assert (run_spearman(x, y) == -1.0).all()
    assert pooled_spearman(resample(range(3), [0] * 3, 5), x, y)[0] > 0.7


def test_one_run_has_a_pooled_correlation_without_an_interval() -> None:
    x, y = np.arange(4.0)[None], np.array([[0.1, 0.3, 0.2, 0.4]])
    found = interval(pooled_spearman(resample([0], [0]), x, y))

    assert found.value == pytest.approx(0.8)
    assert math.isnan(found.low)
