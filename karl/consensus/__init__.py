"""Consensus rules: the votes of all rounds → labels, or none; one a file."""

from karl.consensus.accepted import Accepted
from karl.consensus.ballots import Ballots, GoldBallots
from karl.consensus.base import Consensus, Decision, VoteRule

__all__ = ["Accepted", "Ballots", "Consensus", "Decision", "GoldBallots", "VoteRule"]
