"""What holds for every classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from strategies import strategies_of

from karl.classifiers import PairInputs
from karl.classifiers.bagging import BalancedBagging
from karl.classifiers.logistic import Logistic

Toy = tuple[PairInputs, NDArray[np.int8]]

CLASSIFIERS = [BalancedBagging(), BalancedBagging(n_members=3), Logistic()]


def test_every_classifier_is_tested_here() -> None:
    assert set(strategies_of("classifier")) == {type(classifier) for classifier in CLASSIFIERS}


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=repr)
class TestEveryClassifier:
    def test_learns_a_separable_problem(self, classifier: Any, toy: Toy) -> None:
        inputs, relations = toy
        train, test = (
            PairInputs(inputs.items, inputs.features, inputs.pairs[part::2]) for part in (0, 1)
        )
        model = classifier.fit(train, relations[::2], {}, 0)
        predicted = model.member_probabilities(test).mean(axis=0).argmax(axis=1)
        assert (predicted == relations[1::2]).mean() > 0.95

    def test_probabilities_of_every_member_add_up_to_one(self, classifier: Any, toy: Toy) -> None:
        inputs, relations = toy
        probabilities = classifier.fit(inputs, relations, {}, 0).member_probabilities(inputs)
        assert probabilities.shape[1:] == (len(inputs), 3)
        assert probabilities.dtype == np.float32
        assert (probabilities >= 0).all()
        assert probabilities.sum(axis=2) == pytest.approx(1, abs=1e-6)

    def test_a_stored_model_gives_the_same_bits(
        self, classifier: Any, toy: Toy, tmp_path: Path
    ) -> None:
        inputs, relations = toy
        model = classifier.fit(inputs, relations, {}, 0)
        model.save(tmp_path / "model.safetensors")
        loaded = classifier.load(tmp_path / "model.safetensors")
        one, two = (m.member_probabilities(inputs).tobytes() for m in (model, loaded))
        assert one == two

    def test_no_pickle_is_stored(self, classifier: Any, toy: Toy, tmp_path: Path) -> None:
        path = tmp_path / "model.safetensors"
        classifier.fit(*toy, {}, 0).save(path)
        header_size = int.from_bytes(path.read_bytes()[:8], "little")
        assert path.read_bytes()[8 : 8 + header_size].lstrip().startswith(b"{")
        assert list(tmp_path.iterdir()) == [path]

    def test_the_same_seed_gives_the_same_model(self, classifier: Any, toy: Toy) -> None:
        inputs, _ = toy
        one, two = (classifier.fit(*toy, {}, 3).member_probabilities(inputs) for _ in range(2))
        assert one.tobytes() == two.tobytes()

    def test_a_stronger_penalty_makes_predictions_less_sure(
        self, classifier: Any, toy: Toy
    ) -> None:
        inputs, _ = toy
        sure, unsure = (
            classifier.fit(*toy, {"penalty": weight}, 0)
            .member_probabilities(inputs)
            .max(axis=2)
            .mean()
            for weight in (1e-5, 1.0)
        )
        assert sure > unsure + 0.1

    def test_a_frequent_class_is_not_preferred(self, classifier: Any, noise: Toy) -> None:
        inputs, _ = noise
        probabilities = classifier.fit(*noise, {}, 0).member_probabilities(inputs)
        assert probabilities == pytest.approx(1 / 3, abs=0.01)

    @pytest.mark.parametrize("missing", [0, 1, 2])
    def test_a_missing_class_is_an_error(self, classifier: Any, toy: Toy, missing: int) -> None:
        inputs, relations = toy
        kept = relations != missing
        partial = PairInputs(inputs.items, inputs.features, inputs.pairs[kept])
        with pytest.raises(ValueError):
            classifier.fit(partial, relations[kept], {}, 0)
