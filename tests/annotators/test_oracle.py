from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from tasks import task

from karl.annotators import Usage
from karl.annotators.oracle import Oracle
from karl.consensus.unanimous import Unanimous
from karl.datasets import Dataset, pair_keys
from karl.errors import ConfigError
from karl.evaluation.metrics import score
from karl.labels import Relation, swap_labels, to_relations
from karl.seeds import hash_uniform

# Gold relations: complementary, substitute, unrelated.
PAPER_ID, PAPER_OOD = (591, 410, 1624), (375, 2024, 391)
BALANCED = (1, 1, 1)

PAIRS = np.array(list(combinations(range(300), 2)), np.int32)


@pytest.fixture
def make(dataset: Dataset):
    """Makes a data set whose true labels come in a given mix of relations."""

    def with_truth(mix: tuple[int, ...] = BALANCED) -> Dataset:
        bounds = np.cumsum(mix) / np.sum(mix)

        def truth(pairs: NDArray[np.int32]) -> NDArray[np.int8]:
            relation = np.searchsorted(bounds, hash_uniform(pair_keys(pairs), 99), side="right")
            which = hash_uniform(pair_keys(pairs), 98)
            complement = 2 + (6 * which).astype(np.int8)
            labels = np.choose(relation, [complement, 1, 8 + (2 * which).astype(np.int8)])
            return np.where(pairs[:, 0] < pairs[:, 1], labels, swap_labels(labels)).astype(np.int8)

        return replace(dataset, truth=truth)

    return with_truth


def rates(true: NDArray[np.int8], codes: NDArray[np.int8]) -> NDArray[np.float64]:
    """Share of each relation (column) among the votes on each true relation (row)."""
    truth, said = to_relations(true), to_relations(codes)
    return np.array([[(said[truth == g] == r).mean() for r in Relation] for g in Relation])


CONFUSIONS = [
    [[0.84, 0.02, 0.14], [0.06, 0.86, 0.08], [0.06, 0.03, 0.91]],
    [[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.3, 0.3, 0.4]],
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
]


@pytest.mark.parametrize("confusion", CONFUSIONS, ids=["default", "noisy", "perverse"])
@pytest.mark.parametrize("consistency", [1.0, 0.6])
def test_votes_err_at_the_configured_rates(make, confusion, consistency: float) -> None:
    shop = make()
    oracle = Oracle(confusion=confusion, consistency=consistency)
    codes = oracle.annotate(task(shop, PAIRS)).votes.codes
    for vote in codes.T:
        assert rates(shop.truth(PAIRS), vote) == pytest.approx(np.array(confusion), abs=0.015)


@pytest.mark.parametrize("consistency", [0.989, 0.7])
def test_votes_repeat_the_opinion_at_the_configured_rate(make, consistency: float) -> None:
    # With relations drawn evenly and labels too, a fresh draw hits the opinion one time in three.
    even = [[1 / 3] * 3] * 3
    shop = make((0, 1, 0))
    oracle = Oracle(confusion=even, consistency=consistency, votes=2)
    one, two = to_relations(oracle.annotate(task(shop, PAIRS)).votes.codes).T
    expected = consistency**2 + (1 - consistency**2) / 3
    assert (one == two).mean() == pytest.approx(expected, abs=0.01)


def test_a_consistent_annotator_repeats_itself(make) -> None:
    codes = Oracle(consistency=1, votes=5).annotate(task(make(), PAIRS)).votes.codes
    assert (codes == codes[:, :1]).all()


@pytest.mark.parametrize("exact", [1.0, 0.85, 0.0])
def test_a_right_relation_comes_with_the_right_label_at_the_configured_rate(
    make, exact: float
) -> None:
    shop = make((1, 0, 1))
    true, said = (
        shop.truth(PAIRS),
        Oracle(exact=exact).annotate(task(shop, PAIRS)).votes.codes[:, 0],
    )
    right = to_relations(said) == to_relations(true)
    assert (said == true)[right].mean() == pytest.approx(exact, abs=0.01)


def test_every_label_is_given(make) -> None:
    codes = Oracle().annotate(task(make(), PAIRS)).votes.codes
    assert np.unique(codes).tolist() == list(range(1, 10))


@pytest.mark.parametrize("mix", [PAPER_ID, PAPER_OOD, BALANCED], ids=["ID", "OOD", "balanced"])
def test_the_defaults_are_about_as_good_as_the_papers_annotator(make, mix) -> None:
    shop = make(mix)
    labels = Unanimous().accept(Oracle().annotate(task(shop, PAIRS)).votes.codes)
    kept = labels > 0
    macro_f1 = score(to_relations(shop.truth(PAIRS))[kept], to_relations(labels[kept])).macro_f1
    assert 0.80 <= macro_f1 <= 0.90


def test_three_votes_of_the_defaults_nearly_always_agree(make) -> None:
    codes = Oracle().annotate(task(make(PAPER_ID), PAIRS)).votes.codes
    assert 0.95 < (codes == codes[:, :1]).all(axis=1).mean() < 0.995


def test_a_pair_gets_the_same_votes_in_any_company_and_order(make) -> None:
    shop, some = make(), np.random.default_rng(0).permutation(len(PAIRS))[:50]
    together = Oracle().annotate(task(shop, PAIRS)).votes.codes
    apart = Oracle().annotate(task(shop, PAIRS[some])).votes.codes
    alone = [Oracle().annotate(task(shop, PAIRS[[n]])).votes.codes[0] for n in some]
    assert np.array_equal(apart, together[some])
    assert np.array_equal(apart, alone)


def test_further_votes_leave_the_first_as_they_were(make) -> None:
    three, five = (Oracle(votes=n).annotate(task(make(), PAIRS)).votes.codes for n in (3, 5))
    assert np.array_equal(five[:, :3], three)


def test_another_seed_is_another_annotator(make) -> None:
    one, two = (Oracle(seed=seed).annotate(task(make(), PAIRS)).votes.codes for seed in (0, 1))
    assert 0.5 < (one == two).mean() < 0.9


def test_both_orders_of_a_pair_are_asked_apart(make) -> None:
    there, back = (
        Oracle().annotate(task(make(), p)).votes.codes for p in (PAIRS, PAIRS[:, ::-1].copy())
    )
    agree = to_relations(there[:, 0]) == to_relations(back[:, 0])
    assert 0.7 < agree.mean() < 0.95


def test_every_vote_is_a_call_that_costs_nothing(make) -> None:
    assert Oracle(votes=4).annotate(task(make(), PAIRS[:10])).usage == Usage(calls=40)


def test_no_pairs_get_no_votes(make) -> None:
    assert Oracle().annotate(task(make(), PAIRS[:0])).votes.codes.shape == (0, 3)


def test_without_the_truth_the_message_names_the_data_set(dataset: Dataset) -> None:
    with pytest.raises(ConfigError, match=r"'tiny' has no true labels(.|\n)*replay"):
        Oracle().annotate(task(dataset, PAIRS))


@pytest.mark.parametrize(
    ("confusion", "problem"),
    [
        ([[1, 0], [0, 1]], "three rows of three"),
        ([[1, 0, 0], [0, 1, 0]], "three rows of three"),
        ([[1, 0, 0], [0, 1, 0], [0, 1]], "three rows of three"),
        ([], "three rows of three"),
        ([[1, 0, 0], [0, 1, 0], [0, 0, 0.9]], "add up to 1"),
        ([[1, 0, 0], [0, 1, 0], [-0.5, 0.5, 1]], "add up to 1"),
        ([[1, 0, 0], [0, 1, 0], [float("nan"), 0, 1]], "add up to 1"),
    ],
    ids=str,
)
def test_an_impossible_confusion_is_refused(confusion: list[list[float]], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Oracle(confusion=confusion)


@pytest.mark.parametrize("values", [{"votes": 0}, {"consistency": 1.1}, {"exact": -0.1}], ids=str)
def test_impossible_rates_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(values))):
        Oracle(**values)
