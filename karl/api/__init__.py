"""Experiments from Python: in memory or in a run's folder, in one go or step by step."""

from karl.api.fitted import FittedModel
from karl.api.session import Session
from karl.api.setup import experiment

__all__ = ["FittedModel", "Session", "experiment"]
