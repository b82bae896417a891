"""The tests that every classifier inherits, and helpers to write more."""

from __future__ import annotations

import json
import pickletools
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import ClassVar
from zipfile import ZipFile, is_zipfile

import numpy as np
import pytest
from numpy.typing import NDArray

from karl.classifiers import Classifier, Model, PairInputs, Parameters, TrainingSet, Tuning
from karl.config.identity import identity
from karl.files import hash_json


def says(model: Model, inputs: PairInputs) -> bytes:
    """The bits of what a model predicts."""
    return model.member_probabilities(inputs).tobytes()


def accuracy(model: Model, inputs: PairInputs, relations: NDArray[np.int8]) -> float:
    return float((model.probabilities(inputs).argmax(axis=1) == relations).mean())


def files_in(folder: Path) -> Mapping[str, bytes]:
    """The bytes of every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def unpacked(content: bytes) -> Iterator[bytes]:
    """Give a file's content and, of an archive, that of its members."""
    yield content
    if is_zipfile(BytesIO(content)):
        with ZipFile(BytesIO(content)) as archive:
            for name in archive.namelist():
                yield from unpacked(archive.read(name))


def holds_a_pickle(content: bytes) -> bool:
    """Whether bytes can be read as a pickle, or are a numpy array of pickled objects."""
    if b"'descr': '|O'" in content:
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is no pickle may look like odd text
        try:
            list(pickletools.genops(content))
        except Exception:
            return False
    return True


def contradicting(train: TrainingSet, share: float) -> TrainingSet:
    """Every pair once with its relation, and once with the next one and the rest of the weight."""
    everything = np.arange(len(train))
    twice = train.take(np.concatenate([everything, everything]))
    relations = np.concatenate([train.relations, (train.relations + 1) % 3])
    weights = np.repeat([share, 1 - share], len(train))
    return replace(twice, relations=relations, weights=weights)


class ClassifierTemplate:
    """What holds for every classifier; a subclass names instances."""

    classifiers: ClassVar[Mapping[str, Classifier]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "classifier" in metafunc.fixturenames:
            names = list(self.classifiers)
            metafunc.parametrize("classifier", self.classifiers.values(), ids=names)

    def test_learns_a_separable_problem(self, classifier: Classifier, toy: TrainingSet) -> None:
        train, test = toy.take(np.s_[::2]), toy.take(np.s_[1::2])
        assert accuracy(classifier.fit(train, {}, 0), test.inputs, test.relations) > 0.9

    def test_every_member_gives_probabilities(
        self, classifier: Classifier, toy: TrainingSet
    ) -> None:
        probabilities = classifier.fit(toy, {}, 0).member_probabilities(toy.inputs)
        assert probabilities.shape == (classifier.n_members, len(toy), 3)
        assert probabilities.dtype == np.float64
        assert (probabilities >= 0).all()
        assert probabilities.sum(axis=2) == pytest.approx(1, abs=1e-6)

    def test_the_committee_says_the_mean(self, classifier: Classifier, toy: TrainingSet) -> None:
        model = classifier.fit(toy, {}, 0)
        mean = model.member_probabilities(toy.inputs).mean(axis=0)
        assert np.array_equal(model.probabilities(toy.inputs), mean)

    def test_no_pairs_give_no_probabilities(self, classifier: Classifier, toy: TrainingSet) -> None:
        model = classifier.fit(toy, {}, 0)
        nothing = model.member_probabilities(toy.inputs.take(np.s_[:0]))
        assert nothing.shape == (classifier.n_members, 0, 3)

    def test_pairs_are_predicted_one_by_one_as_together(
        self, classifier: Classifier, toy: TrainingSet
    ) -> None:
        model = classifier.fit(toy, {}, 0)
        together = model.member_probabilities(toy.inputs)[:, 7:8]
        alone = model.member_probabilities(toy.inputs.take(np.s_[7:8]))
        assert alone == pytest.approx(together, abs=1e-9)

    def test_the_same_seed_gives_the_same_bits(
        self, classifier: Classifier, toy: TrainingSet, tmp_path: Path
    ) -> None:
        for name in ("one", "two"):
            classifier.fit(toy, {}, 3).save(tmp_path / name)
        assert files_in(tmp_path / "one") == files_in(tmp_path / "two") != {}

    def test_a_stored_model_says_the_same_bits(
        self, classifier: Classifier, toy: TrainingSet, tmp_path: Path
    ) -> None:
        model = classifier.fit(toy, {}, 0)
        model.save(tmp_path)
        assert says(classifier.load(tmp_path), toy.inputs) == says(model, toy.inputs)

    def test_a_model_that_is_stored_again_has_the_same_files(
        self, classifier: Classifier, toy: TrainingSet, tmp_path: Path
    ) -> None:
        classifier.fit(toy, {}, 0).save(tmp_path / "one")
        classifier.load(tmp_path / "one").save(tmp_path / "two")
        assert files_in(tmp_path / "one") == files_in(tmp_path / "two")

    def test_no_pickle_is_stored(
        self, classifier: Classifier, toy: TrainingSet, tmp_path: Path
    ) -> None:
        classifier.fit(toy, {}, 0).save(tmp_path)
        for name, content in files_in(tmp_path).items():
            assert not any(map(holds_a_pickle, unpacked(content))), name

    @pytest.mark.parametrize("missing", [0, 1, 2])
    def test_a_missing_relation_is_an_error(
        self, classifier: Classifier, toy: TrainingSet, missing: int
    ) -> None:
        with pytest.raises(ValueError):
            classifier.fit(toy.take(toy.relations != missing), {}, 0)

    def test_a_relation_without_weight_is_missing(
        self, classifier: Classifier, toy: TrainingSet
    ) -> None:
        with pytest.raises(ValueError):
            classifier.fit(toy.with_weights(1.0 * (toy.relations != 1)), {}, 0)

    def test_a_pair_without_weight_has_no_influence(
        self, classifier: Classifier, toy: TrainingSet
    ) -> None:
        counts = np.arange(len(toy)) % 3 != 0
        wrong = np.where(counts, toy.relations, 0).astype(np.int8)
        with_it = replace(toy, relations=wrong, weights=1.0 * counts)
        one, two = (classifier.fit(train, {}, 0) for train in (with_it, toy.take(counts)))
        assert says(one, toy.inputs) == says(two, toy.inputs)

    def test_the_label_with_more_weight_is_learnt(
        self, classifier: Classifier, toy: TrainingSet
    ) -> None:
        for share, relations in ((0.95, toy.relations), (0.05, (toy.relations + 1) % 3)):
            model = classifier.fit(contradicting(toy, share), {}, 0)
            assert accuracy(model, toy.inputs, relations) > 0.8

    def test_only_ratios_of_weights_matter(self, classifier: Classifier, toy: TrainingSet) -> None:
        some = toy.with_weights(np.random.default_rng(0).uniform(0.5, 2, len(toy)))
        one, two = (
            classifier.fit(train, {}, 0).member_probabilities(toy.inputs)
            for train in (some, some.with_weights(2 * some.weights))
        )
        assert one == pytest.approx(two, abs=1e-6)

    def test_one_pair_of_each_relation_is_enough(
        self, classifier: Classifier, toy: TrainingSet
    ) -> None:
        few = toy.take(np.array([np.flatnonzero(toy.relations == r)[0] for r in range(3)]))
        probabilities = classifier.fit(few, {}, 0).member_probabilities(toy.inputs)
        assert np.isfinite(probabilities).all()

    def test_tuning_gives_json_that_a_fit_takes(
        self, classifier: Classifier, toy: TrainingSet
    ) -> None:
        found: Parameters = Tuning(trials=2, folds=2).search(classifier, toy, 0)
        assert json.loads(json.dumps(found)) == found
        assert accuracy(classifier.fit(toy, found, 0), toy.inputs, toy.relations) > 0.9

    def test_its_configuration_can_be_hashed(self, classifier: Classifier) -> None:
        assert hash_json(identity(classifier))
        assert isinstance(classifier.same_everywhere, bool)
