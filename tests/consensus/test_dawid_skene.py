from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from crowdkit.aggregation import DawidSkene as CrowdKit
from numpy.typing import NDArray
from polls import ROUNDS, ballots_of, poll
from pydantic import ValidationError

from karl.consensus import Ballots, GoldBallots
from karl.consensus.dawid_skene import DawidSkene
from karl.consensus.majority import Majority
from karl.datasets import LabelledPairs
from karl.labels import NO_LABEL, to_relations

CODE = np.int8([2, 1, 8])
"""One label of each relation."""
PRIOR = (0.5, 0.3, 0.2)
GOOD, FAIR, POOR = 0.95, 0.7, 0.45


def confusion(accuracy: float) -> NDArray[np.float64]:
    """Right so often, otherwise either of the wrong relations."""
    return np.where(np.eye(3, dtype=bool), accuracy, (1 - accuracy) / 2)


# Takes what is complementary for unrelated more often than not.
BLIND = np.array([[0.3, 0.05, 0.65], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])


def simulated(
    tables: list[NDArray[np.float64]], n: int = 1500, share: float = 0.9, seed: int = 0
) -> tuple[Ballots, NDArray[np.int64]]:
    """Votes of annotators with these confusions, each on a share of `n` pairs, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, n, p=PRIOR)
    draws, asked = rng.random((len(tables), n, 1)), rng.random((len(tables), n)) < share
    given = [
        (np.cumsum(table, axis=1)[truth] < draw).sum(axis=1)
        for table, draw in zip(tables, draws, strict=True)
    ]
    asked[0] = True  # no pair is without a vote
    pair, voter = np.nonzero(asked.T)
    votes = np.stack([pair, voter, CODE[np.stack(given)[voter, pair]]], axis=1)
    return poll(votes, n, len(tables)), truth


def gold_of(ballots: Ballots, truth: NDArray[np.integer]) -> GoldBallots:
    """These ballots as votes on pairs of which people told the relation."""
    relations = truth.astype(np.int8)
    return GoldBallots(
        ballots, LabelledPairs(ballots.pairs, relations, np.zeros_like(relations), "human")
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("n_iter", [1, 4, 60])
@pytest.mark.parametrize("level", ["relation", "label"])
def test_probabilities_and_errors_are_those_of_crowd_kit(level: Any, n_iter: int) -> None:
    if level == "relation":
        ballots, _ = simulated([confusion(a) for a in (GOOD, FAIR, POOR, FAIR)], n=300)
        given, classes = to_relations(ballots.codes), range(3)
    else:
        rng = np.random.default_rng(3)
        truth = rng.integers(1, 10, 300)
        codes = [np.where(rng.random(300) < a, truth, rng.integers(1, 10, 300)) for a in (0.8, 0.6)]
        codes.append(truth)
        votes = [(i, v, int(codes[v][i])) for i in range(300) for v in range(3)]
        ballots = poll(votes, 300, 3)
        given, classes = ballots.codes, range(1, 10)
    found = DawidSkene(level=level, max_iter=n_iter, tol=0, smoothing=0).fit(ballots)
    table = pd.DataFrame({"task": ballots.pair, "worker": ballots.voter, "label": given})
    theirs = CrowdKit(n_iter=n_iter, tol=-np.inf).fit(table)
    expected = theirs.probas_.loc[range(len(ballots)), list(classes)].to_numpy()
    assert np.allclose(found.truth, expected, rtol=0, atol=1e-6)
    assert np.allclose(found.prior, theirs.priors_.loc[list(classes)], rtol=0, atol=1e-6)
    for voter, errors in enumerate(found.confusion):
        of_voter = theirs.errors_.loc[voter].reindex(classes).fillna(0)[list(classes)].to_numpy()
        assert np.allclose(errors, of_voter.T, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("n", "off"), [(4000, 0.06), (16000, 0.03)])
def test_the_errors_of_simulated_annotators_are_found(n: int, off: float) -> None:
    tables = [confusion(GOOD), confusion(FAIR), confusion(POOR), BLIND]
    ballots, truth = simulated(tables, n=n)
    found = DawidSkene().fit(ballots)
    assert np.abs(found.confusion - np.stack(tables)).max() < off
    assert np.abs(found.prior - np.bincount(truth) / len(truth)).max() < 0.03
    assert found.confusion.shape == (4, 3, 3)
    assert np.allclose(found.confusion.sum(axis=2), 1)


def test_it_is_right_more_often_than_the_majority_where_annotators_differ() -> None:
    ballots, truth = simulated([confusion(GOOD), *[confusion(POOR)] * 4])

    def right(rule: DawidSkene | Majority) -> float:
        return float((to_relations(rule.decide(ballots).labels) == truth).mean())

    assert right(DawidSkene(min_confidence=0)) > right(Majority("relation")) + 0.15
    assert right(DawidSkene(min_confidence=0)) > 0.9


def test_the_surer_a_pair_must_be_the_fewer_are_accepted_and_the_more_of_them_are_right() -> None:
    ballots, truth = simulated([confusion(FAIR)] * 4)
    kept, right = [], []
    for confidence in (0.0, 0.7, 0.9, 0.97):
        labels = DawidSkene(min_confidence=confidence).decide(ballots).labels
        accepted = labels != NO_LABEL
        kept.append(accepted.mean())
        right.append((to_relations(labels) == truth)[accepted].mean())
        assert right[-1] >= confidence - 0.03
    assert kept == sorted(kept, reverse=True)
    assert right == sorted(right)


def test_probabilities_say_how_often_they_are_right() -> None:
    ballots, truth = simulated([confusion(FAIR)] * 3 + [confusion(GOOD)], n=6000)
    relations = DawidSkene(soft=True).decide(ballots).relations
    assert relations is not None
    sure = relations.max(axis=1)
    for low, high in [(0.4, 0.7), (0.7, 0.9), (0.9, 0.99)]:
        among = (sure >= low) & (sure < high)
        right = (relations.argmax(axis=1) == truth)[among].mean()
        assert right == pytest.approx(sure[among].mean(), abs=0.05)


def test_soft_labels_weigh_as_much_as_their_likeliest_relation() -> None:
    ballots, _ = simulated([confusion(FAIR)] * 3, n=200)
    soft, hard = (DawidSkene(soft=soft).decide(ballots) for soft in (True, False))
    assert soft.relations is not None
    assert np.array_equal(soft.weights, soft.relations.max(axis=1))
    assert np.array_equal(soft.labels, hard.labels)
    assert hard.relations is None and (hard.weights == 1).all()


class TestGold:
    """One annotator that errs alike each time: only people can tell."""

    rule = DawidSkene(gold_pairs=500, min_confidence=0)

    def ballots(self) -> tuple[Ballots, NDArray[np.int64], GoldBallots]:
        ballots, truth = simulated([BLIND], n=2000)
        return ballots, truth, gold_of(*simulated([BLIND], n=500, seed=1))

    def test_human_labels_tell_the_errors(self) -> None:
        ballots, _, gold = self.ballots()
        alone = self.rule.fit(ballots).confusion[0]
        found = self.rule.fit(replace(ballots, gold=gold)).confusion[0]
        assert np.abs(found - BLIND).max() < 0.1
        assert np.abs(alone - BLIND).max() > 0.5

    def test_a_label_that_no_vote_named_is_given_where_the_errors_speak_for_it(self) -> None:
        ballots, truth, gold = self.ballots()
        labels = self.rule.decide(replace(ballots, gold=gold)).labels
        right = (to_relations(labels) == truth).mean()
        assert right > (to_relations(ballots.codes) == truth).mean() + 0.1
        assert set(labels[ballots.codes == 8].tolist()) == {2}

    def test_they_do_not_count_unless_they_are_wanted(self) -> None:
        ballots, _, gold = self.ballots()
        rule = replace(self.rule, gold_pairs=0)
        one, two = rule.fit(ballots), rule.fit(replace(ballots, gold=gold))
        assert np.array_equal(one.truth, two.truth)

    def test_their_relations_do_not_say_how_common_a_relation_is(self) -> None:
        ballots, _ = simulated([confusion(GOOD)] * 3)
        votes, unrelated = simulated([confusion(GOOD)] * 3, seed=2)
        gold = gold_of(votes, np.full_like(unrelated, 2))
        found = self.rule.fit(replace(ballots, gold=gold))
        assert len(found.truth) == len(ballots)
        assert found.prior[2] < 0.5

    def test_the_level_of_labels_does_with_human_relations_where_there_is_no_label(self) -> None:
        ballots, _, gold = self.ballots()
        known = np.where(gold.truth.relations == 1, 1, NO_LABEL).astype(np.int8)
        gold = replace(gold, truth=replace(gold.truth, labels=known))
        decision = replace(self.rule, level="label", soft=True).decide(replace(ballots, gold=gold))
        assert decision.relations is not None
        assert (decision.labels != NO_LABEL).all()

    def test_an_annotator_that_voted_on_gold_pairs_alone_changes_nothing(self) -> None:
        ballots, _, gold = self.ballots()
        other = replace(gold, ballots=replace(gold.ballots, voters=("somebody else",)))
        alone = self.rule.fit(ballots)
        found = self.rule.fit(replace(ballots, gold=other))
        assert np.allclose(found.truth, alone.truth)
        assert found.confusion.shape == (2, 3, 3)


class TestLabels:
    rule = DawidSkene(min_confidence=0)
    background = (1, 1, 1, 1, 8, 8, 8, 8, 2, 2, 2, 2, 2, 2)
    """What all votes on the other pairs say."""

    def label(self, *votes: int, rule: DawidSkene = rule, swapped: Any = None) -> int:
        turned = None if swapped is None else [swapped]
        others = [[code] * len(votes) for code in self.background]
        ballots = ballots_of([votes, *others], swapped=turned)
        return int(rule.decide(ballots).labels[0])

    def test_the_most_frequent_label_of_the_winning_relation_is_kept(self) -> None:
        assert self.label(5, 7, 7) == 7
        assert self.label(9, 8, 8) == 8

    def test_among_as_many_the_first_is(self) -> None:
        assert self.label(7, 5, 1) == 7
        assert self.label(5, 7, 1) == 5
        assert self.label(0, 6, 4) == 6

    def test_a_more_frequent_label_of_another_relation_does_not_matter(self) -> None:
        assert self.label(1, 4, 5, 6, 1) == 4

    def test_at_the_level_of_labels_the_likeliest_of_the_winning_relation_is_kept(self) -> None:
        rule = replace(self.rule, level="label")
        assert self.label(8, 8, 8, rule=rule) == 8
        assert self.label(2, 2, 8, rule=rule) == 2

    def test_swapped_votes_count_if_they_are_to(self) -> None:
        swapped = [1, 1, 1, 1]
        assert self.label(8, 0, 0, swapped=swapped) == 8
        assert self.label(8, 0, 0, rule=replace(self.rule, swapped=True), swapped=swapped) == 1


class TestDegenerate:
    @pytest.mark.parametrize("level", ["relation", "label"])
    @pytest.mark.parametrize("smoothing", [0, 0.1])
    def test_one_vote_on_one_pair_is_believed(self, level: Any, smoothing: float) -> None:
        rule = DawidSkene(level=level, smoothing=smoothing)
        assert rule.decide(ballots_of([[7]])).labels.tolist() == [7]

    def test_without_a_valid_vote_nothing_is_known(self) -> None:
        decision = DawidSkene(min_confidence=0, soft=True).decide(ballots_of([[0, 0]] * 3))
        assert decision.labels.tolist() == [NO_LABEL] * 3
        assert np.allclose(decision.relations, 1 / 3)

    def test_a_pair_without_a_valid_vote_is_as_the_others_are_and_rejected(self) -> None:
        ballots = ballots_of([[1, 1], [1, 1], [1, 1], [8, 8], [0, 0]])
        rule = DawidSkene(min_confidence=0, soft=True)
        decision, prior = rule.decide(ballots), rule.fit(ballots).prior
        assert decision.labels[-1] == NO_LABEL
        assert np.allclose(decision.relations[-1], prior, atol=1e-6)
        assert prior[1] == pytest.approx(0.75, abs=0.05)

    def test_an_unasked_pair_does_not_change_the_others(self) -> None:
        votes = [[1, 8], [1, 1], [2, 8]]
        rule = DawidSkene(soft=True, min_confidence=0)
        one, two = (rule.fit(ballots_of([*votes, *more])) for more in ([], [[0, 0]] * 4))
        assert np.allclose(one.truth, two.truth[:3], atol=1e-6)

    def test_the_names_of_annotators_without_a_vote_are_kept(self) -> None:
        ballots = replace(ballots_of([[1], [8]]), voters=("one", "silent"))
        found = DawidSkene().fit(ballots)
        assert np.allclose(found.confusion[1], 1 / 3)


def test_more_votes_that_agree_make_a_pair_no_less_likely() -> None:
    background = [[1, 8, 1]] * 6 + [[8, 8, 1]] * 6 + [[2, 2, 8]] * 6
    sure = []
    for votes in ([2, 0, 0], [2, 2, 0], [2, 2, 2]):
        found = DawidSkene().fit(ballots_of([votes, *background]))
        sure.append(found.truth[0, 0])
    assert sure == sorted(sure)


def test_later_rounds_may_change_what_is_thought_of_earlier_votes() -> None:
    """What `VoteRule`s cannot do: votes of one round tell about those of another."""
    first = ballots_of([[1]], "careful")
    against = poll([(0, 0, 1), (0, 1, 8)], 1, 2)
    agreed = poll([(k, v, (1, 8)[k % 2]) for k in range(30) for v in (0, 2, 3)], 30, 4)
    erring = poll([(k, 1, (8, 1)[k % 2]) for k in range(30)], 30, 4)
    assert DawidSkene(min_confidence=0).decide(first).labels.tolist() == [1]
    both = {
        name: np.concatenate([getattr(agreed, name), getattr(erring, name)])
        for name in ("pair", "voter", "number", "swapped", "codes")
    }
    later = replace(agreed, pairs=agreed.pairs + np.int32(100), **both)
    before = DawidSkene().decide(against)
    after = DawidSkene().decide(Ballots.concat([against, later]))
    assert before.labels.tolist() == [NO_LABEL]
    assert after.labels[0] == 1


def test_the_processor_does_not_show_in_a_decision() -> None:
    for ballots in map(Ballots.concat, ROUNDS):
        relations = DawidSkene(soft=True).decide(ballots).relations
        assert relations is not None
        assert np.array_equal(relations, np.round(relations, 10))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("level", "item"),
        ("max_iter", 0),
        ("tol", -1),
        ("smoothing", -0.1),
        ("min_confidence", 1.5),
        ("gold_pairs", -1),
    ],
)
def test_what_makes_no_sense_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=field):
        DawidSkene(**{field: value})
