from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pydantic import ValidationError

from karl.consensus.first import First
from karl.consensus.majority import Majority
from karl.consensus.unanimous import Unanimous
from karl.labels import NO_LABEL, to_relations

RULES = [
    First(),
    *(kind(level) for kind in (Majority, Unanimous) for level in ("label", "relation")),
]
VOTES = arrays(
    np.int8,
    st.tuples(st.integers(0, 6), st.integers(1, 5)),
    elements=st.sampled_from([0, 1, 2, 3, 8, 9]),
)


def accepted(rule: Any, *votes: int) -> int:
    return int(rule.accept(np.int8([votes]))[0])


@pytest.mark.parametrize(
    ("rule", "votes", "expected"),
    [
        (First(), (3, 2, 2), 3),
        (First(), (0, 2, 2), 0),
        (Unanimous(), (4, 4, 4), 4),
        (Unanimous(), (4, 4, 5), 0),
        (Unanimous(), (4, 4, 0), 0),
        (Unanimous(), (0, 0, 0), 0),
        (Unanimous(), (7,), 7),
        (Unanimous("relation"), (5, 4, 2), 5),
        (Unanimous("relation"), (9, 8, 8), 9),
        (Unanimous("relation"), (5, 4, 1), 0),
        (Unanimous("relation"), (5, 4, 0), 0),
        (Unanimous("relation"), (0, 0, 0), 0),
        (Majority(), (5, 4, 4), 4),
        (Majority(), (5, 4, 2), 0),
        (Majority(), (4, 4, 5, 5), 0),
        (Majority(), (0, 4, 4), 4),
        (Majority(), (0, 0, 4), 0),
        (Majority(), (0, 0, 0), 0),
        (Majority("relation"), (1, 5, 4), 5),
        (Majority("relation"), (0, 8, 9), 8),
        (Majority("relation"), (1, 5, 9), 0),
        (Majority("relation"), (0, 0, 9), 0),
    ],
    ids=str,
)
def test_decides_as_documented(rule: Any, votes: tuple[int, ...], expected: int) -> None:
    assert accepted(rule, *votes) == expected


@pytest.mark.parametrize("rule", RULES, ids=repr)
class TestEveryRule:
    @given(votes=VOTES)
    def test_a_label_is_one_of_the_votes(self, rule: Any, votes: NDArray[np.int8]) -> None:
        labels = rule.accept(votes)
        assert (labels.shape, labels.dtype) == ((len(votes),), np.int8)
        assert all(label in {NO_LABEL, *row} for label, row in zip(labels, votes, strict=True))

    @given(size=st.integers(1, 5))
    def test_invalid_votes_are_never_accepted(self, rule: Any, size: int) -> None:
        assert accepted(rule, *[NO_LABEL] * size) == NO_LABEL

    @given(label=st.integers(1, 9), size=st.integers(1, 5))
    def test_what_all_say_is_accepted(self, rule: Any, label: int, size: int) -> None:
        assert accepted(rule, *[label] * size) == label

    @given(votes=VOTES)
    def test_each_pair_is_decided_by_itself(self, rule: Any, votes: NDArray[np.int8]) -> None:
        assert rule.accept(votes).tolist() == [accepted(rule, *row) for row in votes]

    @given(votes=VOTES)
    def test_votes_are_not_changed(self, rule: Any, votes: NDArray[np.int8]) -> None:
        before = votes.copy()
        rule.accept(votes)[:] = 1
        assert np.array_equal(votes, before)


@given(votes=VOTES)
def test_unanimous_labels_are_majority_labels_and_first_votes(votes: NDArray[np.int8]) -> None:
    unanimous, majority, first = (rule.accept(votes) for rule in (Unanimous(), Majority(), First()))
    accepted = unanimous != NO_LABEL
    assert np.array_equal(unanimous[accepted], majority[accepted])
    assert np.array_equal(unanimous[accepted], first[accepted])


@pytest.mark.parametrize("kind", [Unanimous, Majority])
@given(votes=VOTES)
def test_agreeing_on_the_label_is_agreeing_on_the_relation(
    kind: Any, votes: NDArray[np.int8]
) -> None:
    by_label, by_relation = kind("label").accept(votes), kind("relation").accept(votes)
    accepted = by_label != NO_LABEL
    assert np.array_equal(to_relations(by_label[accepted]), to_relations(by_relation[accepted]))


@pytest.mark.parametrize("rule", RULES[1:], ids=repr)
@given(votes=VOTES, seed=st.integers(0, 99))
def test_the_order_of_the_votes_does_not_change_the_relation(
    rule: Any, votes: NDArray[np.int8], seed: int
) -> None:
    permuted = np.random.default_rng(seed).permuted(votes, axis=1)
    assert np.array_equal(to_relations(rule.accept(permuted)), to_relations(rule.accept(votes)))


@pytest.mark.parametrize("rule", [Unanimous(), Majority()], ids=repr)
@given(votes=VOTES, seed=st.integers(0, 99))
def test_the_order_of_the_votes_does_not_change_the_label(
    rule: Any, votes: NDArray[np.int8], seed: int
) -> None:
    permuted = np.random.default_rng(seed).permuted(votes, axis=1)
    assert np.array_equal(rule.accept(permuted), rule.accept(votes))


@pytest.mark.parametrize("kind", [Unanimous, Majority])
def test_another_level_is_refused(kind: Any) -> None:
    with pytest.raises(ValidationError, match="level"):
        kind(level="item")
