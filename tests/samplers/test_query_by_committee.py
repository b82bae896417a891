from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sampler_template import opinions, pool_of
from scipy.stats import entropy

from karl.errors import ConfigError
from karl.samplers.qbc import QueryByCommittee

MEMBERS = opinions(pool_of(8).pairs, n_members=4).astype(np.float64)
DISAGREEMENTS = ("variance", "vote_entropy", "kl")


def expected(disagreement: str, members: NDArray[np.float64]) -> list[float]:
    """The published formulas, one pair at a time."""
    scores = []
    for one in members.transpose(1, 0, 2):
        mean = one.mean(axis=0)
        if disagreement == "variance":
            scores.append(sum(((p - mean) ** 2).sum() for p in one) / len(one))
        elif disagreement == "vote_entropy":
            scores.append(entropy(np.bincount([p.argmax() for p in one])))
        else:
            scores.append(sum((p * np.log(p / mean)).sum() for p in one) / len(one))
    return scores


class TestQueryByCommittee:
    @pytest.mark.parametrize("disagreement", DISAGREEMENTS)
    def test_the_score_follows_its_formula(self, disagreement: str) -> None:
        scores = QueryByCommittee(disagreement=disagreement).score(np.float32(MEMBERS))
        assert scores == pytest.approx(expected(disagreement, MEMBERS), abs=1e-6)

    def test_vote_entropy_of_two_against_two_is_log_2(self) -> None:
        split = np.float32([[[0.9, 0.1, 0]], [[0.5, 0.3, 0.2]], [[0.1, 0.9, 0]], [[0, 1, 0]]])
        score = QueryByCommittee(disagreement="vote_entropy").score(split)
        assert score == pytest.approx([np.log(2)])

    @pytest.mark.parametrize("disagreement", DISAGREEMENTS)
    def test_a_committee_of_one_is_refused(self, disagreement: str) -> None:
        with pytest.raises(ConfigError, match="committee of one"):
            QueryByCommittee(disagreement=disagreement).score(np.float32(MEMBERS[:1]))

    @pytest.mark.parametrize("disagreement", DISAGREEMENTS)
    def test_sure_members_that_contradict_each_other_disagree_most(self, disagreement: str) -> None:
        sampler = QueryByCommittee(disagreement=disagreement)
        most = sampler.score(np.eye(3, dtype=np.float32)[:, None])
        assert most[0] > sampler.score(np.float32(MEMBERS[:3])).max()
