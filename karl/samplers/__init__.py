"""Strategies that choose which candidate pairs are labelled next: one a file."""

from karl.samplers.base import Pool, RankingSampler, Sampler, ScoreSampler

__all__ = ["Pool", "RankingSampler", "Sampler", "ScoreSampler"]
