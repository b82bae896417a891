from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from karl.evaluation.metrics import Scores, score

PAIRS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


def test_agrees_with_a_case_worked_by_hand() -> None:
    scores = score([0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 0])

    assert scores.confusion == ((1, 1, 0), (0, 2, 0), (1, 0, 1))
    assert scores.f1_complementary == pytest.approx(1 / 2)  # precision 1/2, recall 1/2
    assert scores.f1_substitute == pytest.approx(4 / 5)  # precision 2/3, recall 1
    assert scores.f1_unrelated == pytest.approx(2 / 3)  # precision 1, recall 1/2
    assert scores.macro_f1 == pytest.approx((1 / 2 + 4 / 5 + 2 / 3) / 3)
    assert scores.precision_macro == pytest.approx((1 / 2 + 2 / 3 + 1) / 3)
    assert scores.recall_macro == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)
    assert scores.accuracy == pytest.approx(4 / 6)


@given(PAIRS)
def test_agrees_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = np.array(pairs).T
    scores = score(truth, predicted)
    macro = {"labels": [0, 1, 2], "average": "macro", "zero_division": 0}

    assert scores.macro_f1 == pytest.approx(f1_score(truth, predicted, **macro))
    assert scores.precision_macro == pytest.approx(precision_score(truth, predicted, **macro))
    assert scores.recall_macro == pytest.approx(recall_score(truth, predicted, **macro))
    assert scores.accuracy == pytest.approx(accuracy_score(truth, predicted))
    assert sum(map(sum, scores.confusion)) == len(pairs)


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(pairs: list[tuple[int, int]], random) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)

    assert score(*np.array(pairs).T) == score(*np.array(shuffled).T)


@given(st.lists(st.integers(0, 2), max_size=30))
def test_perfect_predictions_of_all_classes_score_one(relations: list[int]) -> None:
    truth = [0, 1, 2, *relations]
    scores = score(truth, truth)

    assert scores.macro_f1 == scores.accuracy == 1.0
    assert scores.precision_macro == scores.recall_macro == 1.0


def test_a_class_that_is_nowhere_counts_as_zero() -> None:
    scores = score([0, 2, 2], [0, 2, 2])

    assert scores.f1_substitute == 0.0
    assert scores.macro_f1 == pytest.approx(2 / 3)
    assert scores.accuracy == 1.0


def test_the_fields_are_plain_numbers() -> None:
    scores: Scores = score(np.array([0, 1], np.int8), np.array([0, 2], np.int8))

    assert type(scores.macro_f1) is float
    assert {type(count) for row in scores.confusion for count in row} == {int}


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [
        pytest.param([], [], id="empty"),
        pytest.param([0, 1], [0], id="different lengths"),
        pytest.param([[0, 1]], [[0, 1]], id="two-dimensional"),
        pytest.param([0, -1], [0, 1], id="missing label"),
        pytest.param([0, 1], [0, 3], id="no such class"),
        pytest.param([0, 1], [0, 0.5], id="no integer"),
    ],
)
def test_refuses_what_are_not_relations(truth: list, predicted: list) -> None:
    with pytest.raises(ValueError, match="relation"):
        score(truth, predicted)
