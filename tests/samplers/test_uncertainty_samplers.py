from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import entropy

from karl.samplers.entropy import Entropy
from karl.samplers.least_confidence import LeastConfidence
from karl.samplers.margin import Margin

# Two members, three pairs; means (0.5, 0.3, 0.2), (0.7, 0.2, 0.1) and (1/3, 1/3, 1/3).
MEMBERS = np.float32(
    [
        [[0.6, 0.2, 0.2], [0.8, 0.1, 0.1], [1.0, 0.0, 0.0]],
        [[0.4, 0.4, 0.2], [0.6, 0.3, 0.1], [-1 / 3, 2 / 3, 2 / 3]],
    ]
)
UNCERTAINTY = [Margin(), Entropy(), LeastConfidence()]
SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 6), st.just(3))
COMMITTEES = arrays(np.float32, SHAPES, elements=st.floats(0.0625, 1, width=32))


class TestMargin:
    def test_the_score_is_the_negative_margin(self) -> None:
        assert Margin().score(MEMBERS) == pytest.approx([-0.2, -0.5, 0], abs=1e-6)


class TestEntropy:
    def test_the_score_is_the_entropy_in_nats(self) -> None:
        expected = [entropy([0.5, 0.3, 0.2]), entropy([0.7, 0.2, 0.1]), np.log(3)]
        assert Entropy().score(MEMBERS) == pytest.approx(expected, abs=1e-6)

    def test_a_certain_committee_has_none(self) -> None:
        assert Entropy().score(np.float32([[[0, 1, 0]]])).tolist() == [0]


class TestLeastConfidence:
    def test_the_score_is_what_the_likeliest_class_leaves(self) -> None:
        assert LeastConfidence().score(MEMBERS) == pytest.approx([0.5, 0.3, 2 / 3], abs=1e-6)


@pytest.mark.parametrize("sampler", UNCERTAINTY, ids=repr)
@given(raw=COMMITTEES)
def test_no_pair_is_less_certain_than_a_uniform_one_nor_more_than_a_sure_one(
    sampler: Margin, raw: NDArray[np.float64]
) -> None:
    least, most = sampler.score(np.float32([[[0, 1, 0], [1 / 3, 1 / 3, 1 / 3]]]))
    scores = sampler.score(raw / raw.sum(axis=2, keepdims=True))
    assert ((scores >= least - 1e-5) & (scores <= most + 1e-5)).all()


@pytest.mark.parametrize("sampler", UNCERTAINTY, ids=repr)
@given(raw=COMMITTEES)
def test_the_names_of_the_classes_do_not_matter(sampler: Margin, raw: NDArray[np.float64]) -> None:
    probabilities = raw / raw.sum(axis=2, keepdims=True)
    renamed = sampler.score(probabilities[..., [2, 0, 1]])
    assert renamed == pytest.approx(sampler.score(probabilities), abs=1e-6)
