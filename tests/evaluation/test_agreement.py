from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score

from karl.evaluation.agreement import fleiss_kappa, pairwise_macro_f1, unanimous
from karl.evaluation.metrics import confusion, macro_f1

# The worked example of Fleiss (1971) as told on Wikipedia: 10 items, 14 raters.
COUNTS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def test_kappa_of_the_textbook_example() -> None:
    votes = np.array([np.repeat(np.arange(5), counts) for counts in COUNTS])
    assert fleiss_kappa(votes, 5) == pytest.approx(0.210, abs=5e-4)


def test_kappa_leaves_missing_votes_out() -> None:
    votes = np.array([[0, 0, -1], [1, 1, 1], [0, -1, -1]])
    assert fleiss_kappa(votes, 3) == 1.0
    assert fleiss_kappa(np.array([[0, 1], [1, 0]]), 2) == -1.0


def test_agreement_that_cannot_be_said_is_none() -> None:
    alone = np.array([[0, -1], [-1, 2]])
    assert fleiss_kappa(alone, 3) is None
    assert pairwise_macro_f1(alone) is None
    assert fleiss_kappa(np.zeros((4, 3), int), 3) is None


@given(arrays(np.int8, (12, 2), elements=st.integers(0, 3)))
def test_macro_f1_is_the_one_of_scikit_learn(votes: np.ndarray) -> None:
    expected = f1_score(votes[:, 0], votes[:, 1], average="macro")
    assert macro_f1(confusion(votes[:, 0], votes[:, 1], 4)) == pytest.approx(expected)
    assert pairwise_macro_f1(votes) == pytest.approx(expected)


def test_unanimous_needs_every_vote() -> None:
    votes = np.array([[1, 1, 1], [1, 1, 2], [1, 1, -1], [-1, -1, -1]])
    assert unanimous(votes).tolist() == [True, False, False, False]
