from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from classifier_template import ClassifierTemplate, files_in, says
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic.dataclasses import dataclass

from karl.classifiers import Committee, Model, Parameters, TrainingSet
from karl.classifiers.bagging import BalancedBagging
from karl.classifiers.hgb import HGB
from karl.classifiers.linear import LinearCommittee
from karl.classifiers.logistic import Logistic

TREES = HGB(max_iter=10, learning_rate=0.2, min_samples_leaf=5, balanced=False)


@dataclass(frozen=True)
class Capricious(Logistic):
    """Differs from processor to processor."""

    same_everywhere = False


class TestBaggingOfAnything(ClassifierTemplate):
    classifiers: ClassVar = {
        "logistic": BalancedBagging(n_members=2),
        "without bootstrap": BalancedBagging(n_members=2, bootstrap=False),
        "trees": BalancedBagging(base=TREES, n_members=2),
        "bagging": BalancedBagging(base=BalancedBagging(base=TREES, n_members=2), n_members=4),
    }


@pytest.mark.parametrize("n_members", [1, 4])
def test_there_are_as_many_members_as_asked_for(toy: TrainingSet, n_members: int) -> None:
    model = BalancedBagging(n_members=n_members).fit(toy, {}, 0)
    assert len(model.member_probabilities(toy.inputs)) == n_members


def test_members_differ(toy: TrainingSet) -> None:
    members = BalancedBagging().fit(toy, {}, 0).member_probabilities(toy.inputs)
    assert len({member.tobytes() for member in members}) == 10


def test_another_seed_draws_other_samples(toy: TrainingSet) -> None:
    one, two = (BalancedBagging().fit(toy, {}, seed) for seed in (0, 1))
    assert says(one, toy.inputs) != says(two, toy.inputs)


def with_equal_classes(toy: TrainingSet) -> TrainingSet:
    size = np.bincount(toy.relations).min()
    return toy.take(np.concatenate([np.flatnonzero(toy.relations == r)[:size] for r in range(3)]))


def test_without_bootstrap_and_with_equal_classes_every_member_sees_every_pair(
    toy: TrainingSet,
) -> None:
    bagging = BalancedBagging(n_members=3, bootstrap=False)
    model = bagging.fit(with_equal_classes(toy), {"penalty": 1e-3}, 0)
    members = model.member_probabilities(toy.inputs)
    assert members - members[0] == pytest.approx(0, abs=0.01)


def test_with_bootstrap_members_differ_though_classes_are_equal(toy: TrainingSet) -> None:
    model = BalancedBagging(n_members=3).fit(with_equal_classes(toy), {"penalty": 1e-3}, 0)
    members = model.member_probabilities(toy.inputs)
    assert np.abs(members - members[0]).max() > 0.01


def test_a_pair_of_the_rarest_class_is_in_every_sample(toy: TrainingSet) -> None:
    rarest = np.flatnonzero(toy.relations == 1)[:1]
    lopsided = toy.take(np.concatenate([np.flatnonzero(toy.relations != 1), rarest]))
    model = BalancedBagging().fit(lopsided, {"penalty": 1e-6}, 0)
    alone = toy.inputs.take(rarest)
    assert (model.member_probabilities(alone).argmax(axis=2) == 1).all()


def test_linear_members_are_one_file_and_others_a_folder_each(
    toy: TrainingSet, tmp_path: Path
) -> None:
    linear = BalancedBagging(n_members=2).fit(toy, {}, 0)
    trees = BalancedBagging(base=TREES, n_members=2).fit(toy, {}, 0)
    linear.save(tmp_path / "linear")
    trees.save(tmp_path / "trees")
    assert (type(linear), type(trees)) == (LinearCommittee, Committee)
    assert set(files_in(tmp_path / "linear")) == {"linear.safetensors"}
    assert set(files_in(tmp_path / "trees")) == {
        "00/trees.safetensors",
        "01/trees.safetensors",
        "committee.json",
    }


def test_members_of_the_base_count(toy: TrainingSet) -> None:
    several = BalancedBagging(base=BalancedBagging(n_members=3), n_members=6)
    assert several.fit(toy, {}, 0).member_probabilities(toy.inputs).shape[0] == 6
    with pytest.raises(ValidationError, match="n_members=7 is no multiple of the 3"):
        BalancedBagging(base=BalancedBagging(n_members=3), n_members=7)


def test_every_member_has_a_seed_of_its_own(toy: TrainingSet) -> None:
    seeds: list[int] = []

    @dataclass(frozen=True)
    class Noting(HGB):
        def fit(self, train: TrainingSet, parameters: Parameters, seed: int) -> Model:
            seeds.append(seed)
            return super().fit(train, parameters, seed)

    BalancedBagging(base=Noting(max_iter=1), n_members=3).fit(toy, {}, 0)
    assert len(seeds) == len(set(seeds)) == 3


def test_figures_are_the_same_everywhere_if_those_of_the_base_are() -> None:
    assert BalancedBagging().same_everywhere
    assert not BalancedBagging(base=Capricious()).same_everywhere


def test_an_ensemble_has_a_member() -> None:
    with pytest.raises(ValidationError, match="n_members"):
        BalancedBagging(n_members=0)


def test_the_base_is_a_classifier() -> None:
    with pytest.raises(ValidationError, match="base"):
        BalancedBagging(base={"max_iter": 3})


def test_sources_are_drawn_from_apart(toy: TrainingSet, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[NDArray[np.float64]] = []
    fit_all = Logistic.fit_all

    def watched(self: Logistic, train: TrainingSet, weightings: Any, *rest: Any) -> Model:
        seen.append(weightings)
        return fit_all(self, train, weightings, *rest)

    monkeypatch.setattr(Logistic, "fit_all", watched)
    train = replace(toy, human=np.arange(len(toy)) % 5 == 0)
    BalancedBagging(n_members=3, by_source=True).fit(train, {}, 0)
    for source in (train.human, ~train.human):
        drawn = 3 * np.bincount(train.relations[source]).min()
        assert seen[0][source].sum(axis=0).tolist() == [drawn] * 3
