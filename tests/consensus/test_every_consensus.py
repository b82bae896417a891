from __future__ import annotations

from consensus_template import ConsensusTemplate, VoteRuleTemplate
from strategies import every_option, strategies_of

from karl.consensus import Consensus, VoteRule

EVERY = every_option("consensus")
ONE_PAIR_AT_A_TIME = [rule for rule in EVERY if isinstance(rule, VoteRule)]


class TestEveryConsensus(ConsensusTemplate):
    rules = EVERY


class TestEveryVoteRule(VoteRuleTemplate):
    rules = ONE_PAIR_AT_A_TIME


def test_every_consensus_is_found() -> None:
    assert {type(rule) for rule in EVERY} == set(strategies_of("consensus"))
    assert all(isinstance(rule, Consensus) for rule in EVERY)
    assert len({repr(rule) for rule in EVERY}) == len(EVERY)
