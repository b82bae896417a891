"""Strategies that choose which candidate pairs are labelled next: one a file."""

from karl.samplers.base import Pool, Sampler, ScoreSampler

__all__ = ["Pool", "Sampler", "ScoreSampler"]
