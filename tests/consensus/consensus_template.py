"""The tests that every consensus inherits; those of rules for single pairs stand below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
import pytest
from polls import ROUNDS, ballots_of, reorder

from karl.consensus import Ballots, Decision, VoteRule
from karl.labels import NO_LABEL, to_relations

FIELDS = ("pairs", "rounds", "pair", "voter", "number", "swapped", "codes")
TABLES = [part.matrix() for parts in ROUNDS for part in parts if len(part)]


def same(one: Decision, two: Decision) -> bool:
    pairs = ((getattr(one, field.name), getattr(two, field.name)) for field in fields(Decision))
    return all(a is b or np.array_equal(a, b) for a, b in pairs)


def check(decision: Decision, n: int) -> None:
    """Assert what holds for every decision on `n` pairs."""
    assert (decision.labels.shape, decision.labels.dtype) == ((n,), np.int8)
    assert ((decision.labels >= 0) & (decision.labels <= 9)).all()
    assert (decision.weights.shape, decision.weights.dtype) == ((n,), np.float64)
    assert ((decision.weights > 0) & np.isfinite(decision.weights)).all()
    if decision.relations is not None:
        assert (decision.relations.shape, decision.relations.dtype) == ((n, 3), np.float64)
        assert (decision.relations >= 0).all()
        assert np.allclose(decision.relations.sum(axis=1), 1, rtol=0, atol=1e-9)


class ConsensusTemplate:
    """What holds for every consensus; a subclass lists instances with all options."""

    rules: ClassVar[Sequence[Any]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "rule" in metafunc.fixturenames:
            metafunc.parametrize("rule", self.rules, ids=repr)

    def test_a_decision_is_on_every_pair(self, rule: Any) -> None:
        for ballots in map(Ballots.concat, ROUNDS):
            check(rule.decide(ballots), len(ballots))

    @pytest.mark.parametrize("ballots", [Ballots.concat([]), ballots_of(np.empty((0, 3)))])
    def test_nothing_is_decided_where_nothing_was_asked(self, rule: Any, ballots: Ballots) -> None:
        check(rule.decide(ballots), 0)

    @pytest.mark.parametrize("n_votes", [1, 3])
    @pytest.mark.parametrize("n", [1, 5])
    def test_invalid_votes_are_never_accepted(self, rule: Any, n: int, n_votes: int) -> None:
        decision = rule.decide(ballots_of(np.zeros((n, n_votes))))
        check(decision, n)
        assert (decision.labels == NO_LABEL).all()

    def test_a_pair_without_a_vote_is_not_accepted(self, rule: Any) -> None:
        asked = ballots_of([[8, 8, 8]] * 5)
        nothing = ballots_of(np.empty((2, 0)), start=5, round=2)
        labels = rule.decide(Ballots.concat([asked, nothing])).labels
        assert labels.tolist() == [8] * 5 + [NO_LABEL] * 2

    @pytest.mark.parametrize("code", range(1, 10))
    def test_what_all_say_of_all_is_accepted(self, rule: Any, code: int) -> None:
        parts = [ballots_of([[code] * 3] * 8, name) for name in ("one", "two")]
        for ballots in (parts[0], _beside(*parts)):
            assert rule.decide(ballots).labels.tolist() == [code] * 8

    @pytest.mark.parametrize("seed", range(3))
    def test_the_order_of_the_pairs_does_not_matter(self, rule: Any, seed: int) -> None:
        for ballots in map(Ballots.concat, ROUNDS):
            order = np.random.default_rng(seed).permutation(len(ballots))
            one, two = rule.decide(ballots), rule.decide(reorder(ballots, order))
            assert np.array_equal(one.labels[order], two.labels)
            assert np.array_equal(one.weights[order], two.weights)
            if one.relations is not None:
                assert np.array_equal(one.relations[order], two.relations)

    def test_the_same_ballots_get_the_same_decision_and_stay_as_they_are(self, rule: Any) -> None:
        for parts in ROUNDS:
            one, two = Ballots.concat(parts), Ballots.concat(parts)
            assert same(rule.decide(one), rule.decide(two))
            untouched = Ballots.concat(parts)
            assert all(np.array_equal(getattr(one, k), getattr(untouched, k)) for k in FIELDS)

    @pytest.mark.parametrize("tied", [(1, 8), (8, 1), (2, 5), (0, 9)])
    def test_a_tie_is_decided_alike_wherever_it_stands(
        self, rule: Any, tied: tuple[int, int]
    ) -> None:
        votes = [tied, (1, 1), tied, (8, 8), tied]
        decision = rule.decide(ballots_of(votes))
        check(decision, len(votes))
        assert len(set(decision.labels[::2].tolist())) == 1
        assert set(decision.labels.tolist()) <= {NO_LABEL, 1, 8, *tied}

    def test_soft_labels_and_hard_ones_do_not_contradict_each_other(self, rule: Any) -> None:
        for ballots in map(Ballots.concat, ROUNDS):
            decision = rule.decide(ballots)
            if decision.relations is not None:
                kept = decision.labels != NO_LABEL
                likeliest = decision.relations[kept].argmax(axis=1)
                assert np.array_equal(to_relations(decision.labels[kept]), likeliest)

    def test_it_says_how_many_human_labelled_pairs_it_wants_votes_on(self, rule: Any) -> None:
        assert rule.gold_pairs >= 0


class VoteRuleTemplate:
    """What holds for every `VoteRule` besides; a subclass lists instances with all options."""

    rules: ClassVar[Sequence[VoteRule]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "rule" in metafunc.fixturenames:
            metafunc.parametrize("rule", self.rules, ids=repr)

    def test_each_round_is_decided_as_if_it_were_alone(self, rule: VoteRule) -> None:
        for parts in ROUNDS:
            alone = [rule.decide(part).labels for part in parts]
            assert np.array_equal(rule.decide(Ballots.concat(parts)).labels, np.concatenate(alone))

    def test_swapped_votes_decide_nothing(self, rule: VoteRule) -> None:
        for votes in TABLES:
            with_them = rule.decide(ballots_of(votes, swapped=9 - votes))
            assert same(rule.decide(ballots_of(votes)), with_them)

    def test_a_decision_is_what_the_votes_accept(self, rule: VoteRule) -> None:
        for votes in TABLES:
            decision = rule.decide(ballots_of(votes))
            assert np.array_equal(decision.labels, rule.accept(votes))
            assert (decision.weights == 1).all()
            assert decision.relations is None


def _beside(one: Ballots, two: Ballots) -> Ballots:
    """Votes of two annotators on the same pairs."""
    m = len(one.codes)
    both = {name: np.concatenate([getattr(one, name), getattr(two, name)]) for name in FIELDS}
    both["voter"][m:] = 1
    both["pairs"], both["rounds"] = one.pairs, one.rounds
    return Ballots(voters=(*one.voters, *two.voters), **both)
