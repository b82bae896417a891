"""A consensus over all rounds from outside the package, chosen by a YAML of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from consensus_template import ConsensusTemplate
from polls import ballots_of
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.config.build import build
from karl.config.compose import compose_config
from karl.consensus import Ballots, Consensus, Decision
from karl.labels import NO_LABEL

OPTION = f"""\
# Believe annotators that agree with themselves.
_target_: {__name__}.Steady
at_least: 0.7
"""


@dataclass(frozen=True)
class Steady(Consensus):
    """Accepts a pair whose votes agree while its annotator, over all rounds, is steady enough."""

    at_least: float = Field(default=0.7, ge=0, le=1)

    def decide(self, ballots: Ballots) -> Decision:
        counted = ~ballots.swapped
        n, n_voters = len(ballots), len(ballots.voters)
        first = np.zeros((n, n_voters), np.int8)
        start = counted & (ballots.number == 0)
        first[ballots.pair[start], ballots.voter[start]] = ballots.codes[start]
        same = (ballots.codes == first[ballots.pair, ballots.voter]) & (ballots.codes != NO_LABEL)
        agreed = first != NO_LABEL
        other = counted & ~same
        agreed[ballots.pair[other], ballots.voter[other]] = False
        asked = np.zeros_like(agreed)
        asked[ballots.pair[counted], ballots.voter[counted]] = True
        rate = agreed.sum(axis=0) / np.maximum(asked.sum(axis=0), 1)
        trusted = agreed & (rate >= self.at_least)
        labels = np.where(trusted, first, NO_LABEL).max(axis=1, initial=NO_LABEL)
        weights = np.where(trusted, rate, 0.0).max(axis=1, initial=0.0)
        return Decision(labels, np.where(weights > 0, weights, 1.0))


class TestSteady(ConsensusTemplate):
    rules = Steady(), Steady(at_least=0.0), Steady(at_least=1.0)


@pytest.fixture
def steady(tmp_path: Path) -> Consensus:
    (tmp_path / "consensus").mkdir()
    (tmp_path / "consensus" / "steady.yaml").write_text(OPTION)
    return build(compose_config(["consensus=steady"], tmp_path), tmp_path)["consensus"]


def test_it_is_chosen_like_any_other(steady: Consensus) -> None:
    assert steady == Steady(at_least=0.7)
    assert steady.gold_pairs == 0


def test_a_later_round_takes_back_what_an_earlier_one_accepted(steady: Consensus) -> None:
    first = ballots_of([[1, 1], [8, 8], [5, 5], [2, 3]], "model", round=1)
    second = ballots_of([[1, 8], [2, 9]], "model", start=4, round=2)
    early = steady.decide(first)
    assert early.labels.tolist() == [1, 8, 5, 0]
    assert early.weights[:3].tolist() == [0.75] * 3
    late = steady.decide(Ballots.concat([first, second]))
    assert late.labels.tolist() == [0] * 6


def test_annotators_are_judged_each_by_its_own_votes(steady: Consensus) -> None:
    parts = [
        ballots_of([[1, 1], [8, 8]], "steady", round=1),
        ballots_of([[1, 8], [8, 8]], "wavering", start=2, round=2),
    ]
    assert steady.decide(Ballots.concat(parts)).labels.tolist() == [1, 8, 0, 0]
