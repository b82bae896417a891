"""A classifier from outside the package: this file and a YAML, and nothing edited."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from classifier_template import ClassifierTemplate
from cli.small_shop import done, karl, settings, shop, workplace
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass
from safetensors.numpy import load_file, save_file

from karl.classifiers import Classifier, Model, PairInputs, Parameters, TrainingSet, Tuning
from karl.classifiers.bagging import BalancedBagging
from karl.config.build import build
from karl.config.compose import compose_config
from karl.files import atomic_path

__all__ = ["shop", "workplace"]

OPTION = f"""
_target_: karl.classifiers.bagging.BalancedBagging
base:
  _target_: {__name__}.RandomLayer
  width: 40
  tuning: null
n_members: 4
bootstrap: true
tuning:
  _target_: karl.classifiers.tuning.Tuning
  trials: 2
  folds: 2
"""

Arrays = dict[str, NDArray[np.float64]]


class LayerModel(Model):
    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays

    def member_probabilities(self, inputs: PairInputs) -> NDArray[np.float64]:
        return softmax(hidden(inputs, self.arrays) @ self.arrays["out"])[None]

    def save(self, folder: Path) -> None:
        with atomic_path(folder / "layer.safetensors") as temporary:
            save_file(self.arrays, temporary)


@dataclass(frozen=True)
class RandomLayer(Classifier):
    """A random hidden layer, and a softmax regression on it by gradient descent."""

    width: int = 40

    def suggest(self, trial: Any) -> Parameters:
        return {"layer": {"activation": trial.suggest_categorical("activation", ["tanh"])}}

    def fit(self, train: TrainingSet, parameters: Parameters, seed: int) -> LayerModel:
        train = train.counting
        train.check()
        train = train.balanced
        rng = np.random.default_rng(seed)
        matrix = train.inputs.matrix.astype(np.float64)
        scale = matrix.std(axis=0) + 1e-3
        layer = rng.normal(size=(matrix.shape[1], self.width)) / scale[:, None]
        arrays = {
            "mean": matrix.mean(axis=0),
            "layer": layer / matrix.shape[1] ** 0.5,
            "out": np.zeros((self.width + 1, 3)),
        }
        seen, truth = hidden(train.inputs, arrays), np.eye(3)[train.relations]
        share = (train.weights / train.weights.sum())[:, None]
        for _ in range(400):
            wrong = softmax(seen @ arrays["out"]) - truth
            arrays["out"] -= seen.T @ (share * wrong)
        return LayerModel(arrays)

    def load(self, folder: Path) -> LayerModel:
        return LayerModel(load_file(folder / "layer.safetensors"))


def hidden(inputs: PairInputs, arrays: Arrays) -> NDArray[np.float64]:
    raw = np.tanh((inputs.matrix - arrays["mean"]) @ arrays["layer"])
    return np.hstack([raw, np.ones((len(raw), 1))])


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


class TestOwnClassifier(ClassifierTemplate):
    classifiers: ClassVar = {
        "alone": RandomLayer(),
        "bagged": BalancedBagging(base=RandomLayer(), n_members=3),
    }


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "conf"
    (folder / "classifier").mkdir(parents=True)
    (folder / "classifier" / "mine.yaml").write_text(OPTION)
    return folder


def test_a_yaml_of_ones_own_bags_it(mine: Path) -> None:
    made = build(compose_config(["classifier=mine", "classifier.base.width=7"], mine), mine)
    tuning = Tuning(trials=2, folds=2)
    assert made["classifier"] == BalancedBagging(
        base=RandomLayer(width=7), n_members=4, tuning=tuning
    )


def test_what_was_suggested_is_found_whatever_its_form(toy: TrainingSet) -> None:
    found = Tuning(trials=2, folds=2).search(RandomLayer(), toy, 0)
    assert found == {"layer": {"activation": "tanh"}}


def test_a_run_takes_it_from_a_folder_of_ones_own(mine: Path, shop: Path) -> None:
    small = settings(shop, "classifier=mine", "sampler=qbc", "budget.rounds=1")
    done(karl("run", *small, "--config-dir", str(mine), "--name", "own"))
    stored = {path.name for path in Path("runs/own/rounds/0001/model").iterdir()}
    assert stored == {"00", "01", "02", "committee.json"}
    assert len(Path("runs/own/metrics.jsonl").read_text().splitlines()) >= 2
