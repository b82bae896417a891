from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from karl.annotators.base import Usage
from karl.datasets import Annotations, LabelledPairs, Votes
from karl.evaluation.agreement import fleiss_kappa, pairwise_macro_f1
from karl.evaluation.metrics import confusion, macro_f1
from karl.evaluation.quality import LabelQuality, assess
from karl.evaluation.statistics import Interval
from karl.labels import to_relations

CODES = st.integers(1, 9)
ROWS = st.lists(
    st.tuples(CODES, *[st.integers(0, 9)] * 3, st.integers(0, 9)), min_size=1, max_size=40
)
EXACT = Interval(1.0, 1.0, 1.0)


def pairs(n: int) -> np.ndarray:
    return np.column_stack([np.arange(n), np.arange(n) + n]).astype(np.int32)


def codes(values: object) -> np.ndarray:
    return np.array(values, dtype=np.int8)


def human(labels: list[int], votes: list[list[int]] | None = None) -> LabelledPairs:
    known = codes(labels)
    of_people = None if votes is None else Annotations.of_labels(codes(votes))
    return LabelledPairs(pairs(len(known)), to_relations(known), known, "human", of_people)


def on(votes: list[list[int]] | np.ndarray) -> Votes:
    return Votes(pairs(len(votes)), codes(votes))


def quality(
    labels: list[int], votes: list[list[int]], accepted: list[int], **usage: float
) -> LabelQuality:
    return assess(human(labels), on(votes), codes(accepted), Usage(**usage))


# Truth, three votes and what unanimity accepts. Labels 1 are substitutes, 2 to
# 7 complementary, 8 and 9 unrelated.
WORKED = (
    [1, 1, 2, 3, 8, 8],
    [[1, 1, 1], [8, 8, 8], [2, 2, 2], [2, 2, 2], [8, 9, 8], [0, 8, 8]],
    [1, 8, 2, 2, 0, 0],
)


def test_accepted_labels_agree_with_a_case_worked_by_hand() -> None:
    found = quality(*WORKED)

    assert (found.n_pairs, found.n_votes, found.n_accepted) == (6, 3, 4)
    assert found.acceptance == pytest.approx(4 / 6)
    relations = found.on_relations
    # Complementary: 2 of 2 and no more. Substitute: 1 of 2, none wrongly. Unrelated: 1 wrongly.
    assert relations.confusion == ((2, 0, 0, 0), (0, 1, 1, 0), (0, 0, 0, 2))
    assert relations.accuracy.value == pytest.approx(3 / 4)
    assert relations.macro_f1.value == pytest.approx((1 + 2 / 3 + 0) / 3)
    labels = found.on_labels
    assert labels.accuracy.value == pytest.approx(2 / 4)
    # 1: precision 1, recall 1/2; 2: 1/2 and 1; 3 is missed, 8 is wrong; others are nowhere.
    assert labels.macro_f1.value == pytest.approx((2 / 3 + 2 / 3 + 0 + 0) / 4)
    assert labels.coverage == pytest.approx(4 / 6)


def test_the_first_vote_is_scored_on_all_pairs_and_wrong_where_invalid() -> None:
    found = quality(*WORKED)

    assert found.on_relations.first_accuracy.value == pytest.approx(4 / 6)
    # Unrelated: one right, of 2 true and 2 given.
    assert found.on_relations.first_macro_f1.value == pytest.approx((1 + 2 / 3 + 1 / 2) / 3)
    assert found.on_labels.first_accuracy.value == pytest.approx(3 / 6)
    assert found.on_labels.first_macro_f1.value == pytest.approx((2 / 3 + 2 / 3 + 0 + 1 / 2) / 4)


def test_the_nine_labels_have_a_confusion_of_their_own() -> None:
    confusion = np.array(quality(*WORKED).on_labels.confusion)

    assert confusion.shape == (9, 10)
    assert confusion.sum() == 6
    where = {
        (row + 1, column + 1): confusion[row, column] for row, column in np.argwhere(confusion)
    }
    assert where == {(1, 1): 1, (1, 8): 1, (2, 2): 1, (3, 2): 1, (8, 10): 2}


def test_votes_are_compared_with_each_other() -> None:
    found = quality(*WORKED)

    assert found.unanimous_labels == pytest.approx(4 / 6)
    assert found.unanimous_relations == pytest.approx(5 / 6)
    assert found.invalid == pytest.approx(1 / 18)


@given(ROWS)
def test_kappa_is_that_of_the_votes(rows: list[tuple[int, ...]]) -> None:
    table = codes(rows)
    found = assess(human(table[:, 0].tolist()), on(table[:, 1:4]), table[:, 4], Usage())
    relations = fleiss_kappa(to_relations(table[:, 1:4]), 3)
    labels = fleiss_kappa(table[:, 1:4] - 1, 9)

    assert found.kappa_relations == relations
    assert found.kappa_labels == labels


@given(ROWS)
def test_macro_f1_is_that_of_two_annotators(rows: list[tuple[int, ...]]) -> None:
    table = codes(rows)
    found = assess(human(table[:, 0].tolist()), on(table[:, 1:4]), table[:, 4], Usage())
    truth, label = table[table[:, 4] > 0][:, [0, 4]].T
    if not truth.size:
        assert found.on_labels.macro_f1 is None
        return

    assert found.on_labels.macro_f1.value == pytest.approx(
        macro_f1(confusion(truth - 1, label - 1, 9))
    )
    relations = macro_f1(confusion(to_relations(truth), to_relations(label), 3))
    assert found.on_relations.macro_f1.value == pytest.approx(relations)


@given(st.lists(CODES, min_size=1, max_size=40))
def test_a_perfect_annotator_gets_one_everywhere(labels: list[int]) -> None:
    found = quality(labels, [[label] * 3 for label in labels], labels)

    assert found.acceptance == found.unanimous_labels == found.unanimous_relations == 1.0
    assert found.invalid == 0.0
    assert found.kappa_labels in (1.0, None)  # None: one label alone knows no chance
    for level in (found.on_relations, found.on_labels):
        assert level.accuracy == level.macro_f1 == EXACT
        assert level.first_accuracy == level.first_macro_f1 == EXACT
        assert level.coverage == 1.0


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows: list[tuple[int, ...]], random) -> None:
    table = codes(rows)
    gold = human(table[:, 0].tolist(), table[:, 1:4].tolist())
    order = np.array(random.sample(range(len(table)), len(table)))
    votes = on(table[:, 1:4])
    shuffled = Votes(votes.items[order], votes.codes[order])

    one = assess(gold, votes, table[:, 4], Usage(), votes)
    other = assess(gold.take(order), shuffled, table[order, 4], Usage(), shuffled)
    assert flat(one) == pytest.approx(flat(other))


def flat(found: object, path: str = "") -> dict[str, object]:
    """Every figure by its path, for approximate comparison."""
    values = asdict(found) if isinstance(found, LabelQuality) else found
    if isinstance(values, dict):
        parts = [flat(value, f"{path}.{name}") for name, value in values.items()]
    elif isinstance(values, tuple):
        parts = [flat(value, f"{path}.{number}") for number, value in enumerate(values)]
    else:
        return {path: values}
    return {name: value for part in parts for name, value in part.items()}


def test_all_votes_invalid_is_all_wrong() -> None:
    found = quality([1, 2, 8], [[0, 0, 0]] * 3, [0, 0, 0], cost_usd=0.5)

    assert found.invalid == 1.0
    assert found.kappa_labels is found.kappa_relations is None
    assert found.unanimous_labels == found.unanimous_relations == 0.0
    assert found.on_labels.first_accuracy == Interval(0.0, 0.0, 0.0)
    assert found.on_relations.first_macro_f1 == Interval(0.0, 0.0, 0.0)


def test_where_no_pair_is_accepted_there_is_nothing_to_score() -> None:
    found = quality([1, 8], [[1, 8, 1], [8, 1, 8]], [0, 0], cost_usd=0.5)

    assert found.n_accepted == found.acceptance == 0
    assert found.cost_per_accepted_usd is None
    for level in (found.on_relations, found.on_labels):
        assert level.accuracy is level.macro_f1 is None
        assert level.n_accepted == level.coverage == 0
    assert found.on_relations.confusion == ((0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 0, 1))


def test_relations_alone_leave_the_nine_labels_out() -> None:
    gold = replace(human([1, 2, 8]), labels=np.zeros(3, np.int8))
    found = assess(gold, on([[1, 1], [2, 3], [8, 8]]), codes([1, 0, 8]), Usage())

    assert found.on_labels is None
    assert found.on_relations.accuracy.value == 1.0
    # What the annotator says twice needs no human label.
    assert found.kappa_labels is not None
    assert found.unanimous_labels == pytest.approx(2 / 3)


def test_labels_are_judged_where_people_gave_one() -> None:
    gold = replace(human([1, 2, 8]), labels=codes([1, 0, 0]))
    found = assess(gold, on([[1], [3], [9]]), codes([1, 3, 9]), Usage())

    assert (found.on_labels.n_pairs, found.on_relations.n_pairs) == (1, 3)
    assert found.on_labels.accuracy.value == 1.0


def test_people_are_compared_with_each_other_on_the_same_pairs() -> None:
    people = [[1, 1, 8], [2, 2, 2], [8, 9, 8], [8, 8, 8]]
    found = assess(human([1, 2, 8, 8], people), on([[1]] * 4), codes([1] * 4), Usage())

    assert found.on_labels.human_macro_f1 == pairwise_macro_f1(codes(people) - 1)
    relations = pairwise_macro_f1(to_relations(codes(people)))
    assert found.on_relations.human_macro_f1 == relations
    assert quality([1], [[1]], [1]).on_relations.human_macro_f1 is None


def test_one_vote_each_says_nothing_on_consistency() -> None:
    found = quality([1, 8], [[1], [8]], [1, 8])

    assert found.unanimous_labels is found.unanimous_relations is None
    assert found.kappa_labels is None


def test_the_cost_is_shared_by_the_accepted_labels() -> None:
    found = quality(*WORKED, calls=18, tokens_in=900, tokens_out=36, cost_usd=0.02)

    assert (found.calls, found.tokens_in, found.tokens_out, found.cost_usd) == (18, 900, 36, 0.02)
    assert found.cost_per_accepted_usd == pytest.approx(0.005)


def test_the_interval_is_that_of_a_share_and_narrows_with_more_pairs() -> None:
    def accuracy(n: int) -> Interval:
        label = [1] * (n * 8 // 10) + [8] * (n * 2 // 10)
        return quality([1] * n, [[code] for code in label], label).on_labels.accuracy

    few, many = accuracy(100), accuracy(10_000)
    # Normal approximation: 1.96 * sqrt(0.8 * 0.2 / 100) = 0.078.
    assert few.low == pytest.approx(0.8 - 0.078, abs=0.015)
    assert few.high == pytest.approx(0.8 + 0.078, abs=0.015)
    assert many.high - many.low == pytest.approx((few.high - few.low) / 10, rel=0.15)
    assert accuracy(100) == few


def test_votes_on_swapped_items_are_compared_with_the_first_ones() -> None:
    votes = on([[2, 2], [2, 4], [8, 8], [1, 1], [0, 1]])
    which = [4, 2, 1, 0]
    swapped = Votes(votes.items[which], codes([[1], [9], [3], [2]]))
    found = assess(human([2, 2, 8, 1, 1]), votes, codes([2, 0, 8, 1, 0]), Usage(), swapped).swapped

    assert found.n_pairs == 3  # the fifth pair has no valid first vote
    assert found.labels == pytest.approx(1 / 3)
    assert found.relations == 1.0
    assert found.repeated_labels == pytest.approx(2 / 3)
    assert found.repeated_relations == 1.0


def test_swapped_votes_of_a_single_call_have_nothing_repeated() -> None:
    votes = on([[2], [8]])
    found = assess(human([2, 8]), votes, codes([2, 8]), Usage(), votes).swapped

    assert (found.labels, found.repeated_labels) == (1.0, None)


def test_json_holds_plain_figures() -> None:
    votes = on([[1, 1], [8, 9]])
    people = [[1, 1], [8, 8]]
    found = assess(human([1, 8], people), votes, codes([1, 0]), Usage(cost_usd=0.1), votes)

    assert {type(value) for value in flat(found).values()} <= {int, float, type(None)}
    assert json.loads(json.dumps(asdict(found), allow_nan=False))["on_labels"]["n_pairs"] == 2


@pytest.mark.parametrize(
    ("votes", "accepted", "message"),
    [
        pytest.param(Votes(pairs(2)[::-1], codes([[1], [8]])), [1, 8], "row by row", id="order"),
        pytest.param(on([[1]]), [1, 8], "row by row", id="too few"),
        pytest.param(on([[1], [8]]), [1], "accepted labels of shape", id="accepted too few"),
        pytest.param(on([[1], [10]]), [1, 8], "1 to 9", id="no such label"),
        pytest.param(on([[], []]), [0, 0], "tell nothing", id="no votes"),
    ],
)
def test_refuses_what_does_not_belong_together(votes, accepted, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        assess(human([1, 8]), votes, codes(accepted), Usage())


def test_refuses_pairs_that_tell_nothing() -> None:
    with pytest.raises(ValueError, match="tell nothing"):
        assess(human([]), Votes(pairs(0), np.zeros((0, 3), np.int8)), codes([]), Usage())
    with pytest.raises(ValueError, match="no human relation"):
        assess(human([1, 0]), on([[1], [1]]), codes([1, 1]), Usage())


def test_refuses_swapped_votes_on_other_pairs() -> None:
    strange = Votes(np.array([[7, 8]], np.int32), codes([[1]]))
    with pytest.raises(ValueError, match="in the given order"):
        assess(human([1]), on([[1]]), codes([1]), Usage(), strange)
