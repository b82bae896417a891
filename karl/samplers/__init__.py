"""Strategies that choose which candidate pairs are labelled next: one a file."""

from karl.samplers.base import RankingSampler, Sampler, ScoreSampler
from karl.samplers.pool import PastRound, Pool

__all__ = ["PastRound", "Pool", "RankingSampler", "Sampler", "ScoreSampler"]
