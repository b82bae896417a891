"""Classifiers: pair features → relation probabilities; one a file."""

from karl.classifiers.base import Classifier, Model, PairInputs, Parameters, TrainingSet
from karl.classifiers.model import Committee
from karl.classifiers.tuning import Tuning

__all__ = [
    "Classifier",
    "Committee",
    "Model",
    "PairInputs",
    "Parameters",
    "TrainingSet",
    "Tuning",
]
