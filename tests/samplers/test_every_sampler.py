"""A file in `conf/sampler` is all it takes to be tested here."""

from __future__ import annotations

from dataclasses import replace

from sampler_template import RankingTemplate, SamplerTemplate
from strategies import every_option, strategies_of

from karl.samplers import RankingSampler, Sampler

EVERY = every_option("sampler")
RANKINGS = [one for one in EVERY if isinstance(one, RankingSampler)]


class TestEverySampler(SamplerTemplate):
    samplers = EVERY


class TestEveryRanking(RankingTemplate):
    samplers = RANKINGS + [replace(one, per_category=3) for one in RANKINGS]


def test_every_sampler_is_found() -> None:
    assert {type(one) for one in EVERY} == set(strategies_of("sampler"))
    assert all(isinstance(one, Sampler) for one in EVERY)
    assert len({repr(one) for one in EVERY}) == len(EVERY)
