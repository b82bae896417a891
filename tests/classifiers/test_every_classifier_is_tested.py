from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from classifier_template import ClassifierTemplate
from strategies import settings_of, strategies_of

from karl.classifiers import Classifier
from karl.classifiers.bagging import BalancedBagging
from karl.classifiers.context import Context
from karl.classifiers.hgb import HGB
from karl.classifiers.mean import Mean
from karl.classifiers.mlp import MLP
from karl.classifiers.sources import Sources
from karl.config.build import build_strategy
from karl.config.compose import group_options


def smaller(classifier: Classifier) -> Classifier:
    """The same with less to fit."""
    if isinstance(classifier, BalancedBagging):
        return replace(classifier, n_members=3 * classifier.base.n_members)
    if isinstance(classifier, MLP):
        return replace(classifier, n_nets=2, max_epochs=15, learning_rate=0.01)
    if isinstance(classifier, HGB):
        return replace(classifier, max_iter=30)
    if isinstance(classifier, Mean):
        return replace(classifier, parts={k: smaller(part) for k, part in classifier.parts.items()})
    if isinstance(classifier, (Sources, Context)):
        return replace(classifier, base=smaller(classifier.base))
    return classifier


class TestEveryOption(ClassifierTemplate):
    """A file in `conf/classifier` is all it takes to be tested here."""

    classifiers: ClassVar = {
        option: smaller(build_strategy("classifier", settings_of("classifier", option)))
        for option in group_options()["classifier"]
    }


def covered() -> set[type]:
    for file in Path(__file__).parent.glob("test_*.py"):
        importlib.import_module(file.stem)
    tested = ClassifierTemplate.__subclasses__()
    return {type(one) for cls in tested for one in cls.classifiers.values()}


@pytest.mark.parametrize("classifier", strategies_of("classifier"))
def test_every_classifier_inherits_the_template(classifier: type) -> None:
    assert classifier in covered()
