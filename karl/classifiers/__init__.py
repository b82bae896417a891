"""Classifiers: pair features → relation probabilities; one a file."""

from karl.classifiers.base import Classifier, Model, PairInputs, Parameters

__all__ = ["Classifier", "Model", "PairInputs", "Parameters"]
