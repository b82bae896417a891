"""What stages hand to each other: abstract, and in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from karl.annotators import Annotation, Usage
from karl.classifiers import Classifier, Model, Parameters
from karl.consensus import Accepted, Ballots
from karl.datasets import LabelledPairs, Votes, pair_keys

__all__ = ["SEED_ROUND", "Artefacts", "InMemory", "Predicted"]

SEED_ROUND: Final = 0

Predicted = Mapping[str, NDArray[np.float64]]
"""Class probabilities, shape (n, 3), of every evaluation set."""

Files = list[Path]


class Artefacts(ABC):
    """Keeps what stages make, by kind and round.

    Every `write_…` returns the files that it wrote: none where nothing is a file.
    """

    @abstractmethod
    def write_hyperparameters(self, parameters: Parameters) -> Files:
        """Keep what the seed stage tuned."""

    @abstractmethod
    def read_hyperparameters(self) -> Parameters:
        """Return what the seed stage tuned."""

    @abstractmethod
    def write_model(self, number: int, model: Model) -> Files:
        """Keep the model fitted at the end of a round; round 0 is the seed."""

    @abstractmethod
    def read_model(self, number: int, classifier: Classifier) -> Model:
        """Return the model of a round."""

    @abstractmethod
    def write_selected(
        self, number: int, pairs: NDArray[np.int32], categories: NDArray[np.int32]
    ) -> Files:
        """Keep the selected pairs, shape (n, 2), and their fine categories, (n,)."""

    @abstractmethod
    def read_selected(self, number: int) -> NDArray[np.int32]:
        """Return the selected pairs, shape (n, 2), the most wanted first."""

    @abstractmethod
    def write_annotation(self, number: int, annotation: Annotation, voter: str) -> Files:
        """Keep the votes of a round, whose they are, and what they took."""

    @abstractmethod
    def read_annotation(self, number: int) -> tuple[Annotation, str]:
        """Return the votes of a round, and whose they are."""

    @abstractmethod
    def write_gold_votes(self, number: int, votes: Votes) -> Files:
        """Keep votes on human-labelled pairs, which a consensus asked for."""

    @abstractmethod
    def read_gold_votes(self, number: int) -> Votes:
        """Return votes on human-labelled pairs."""

    @abstractmethod
    def write_accepted(self, number: int, accepted: Accepted) -> Files:
        """Keep the pairs accepted up to a round, as its consensus saw them."""

    @abstractmethod
    def read_accepted(self, number: int) -> Accepted:
        """Return the pairs accepted up to a round; none for round 0."""

    @abstractmethod
    def write_evaluation(
        self,
        number: int,
        evaluation: Mapping[str, Any],
        sets: Mapping[str, LabelledPairs],
        predicted: Predicted,
    ) -> Files:
        """Keep the scores of a round's model, and what it predicted."""

    @abstractmethod
    def read_evaluation(self, number: int) -> dict[str, Any]:
        """Return the scores of a round's model."""

    def asked_keys(self, up_to: int) -> list[NDArray[np.int64]]:
        """Return the keys of the pairs selected in rounds 1 to `up_to`."""
        return [pair_keys(self.read_selected(number)) for number in range(1, up_to + 1)]

    def read_ballots(self, up_to: int) -> Ballots:
        """Return all votes of rounds 1 to `up_to`."""
        parts = []
        for number in range(1, up_to + 1):
            annotation, voter = self.read_annotation(number)
            swapped = annotation.swapped
            parts.append(Ballots.of(annotation.votes, voter, round=number, swapped=swapped))
        return Ballots.concat(parts)

    def read_usage(self, up_to: int) -> Usage:
        """Return what the annotation of rounds 1 to `up_to` took in all."""
        total = Usage()
        for number in range(1, up_to + 1):
            total += self.read_annotation(number)[0].usage
        return total.rounded()


@dataclass(frozen=True)
class InMemory(Artefacts):
    """Keeps everything as it is, for the time of the process."""

    kept: dict[tuple[str, int], Any] = field(default_factory=dict)

    def write_hyperparameters(self, parameters: Parameters) -> Files:
        """Keep what the seed stage tuned."""
        return self._keep("hyperparameters", SEED_ROUND, parameters)

    def read_hyperparameters(self) -> Parameters:
        """Return what the seed stage tuned."""
        return dict(self.kept["hyperparameters", SEED_ROUND])

    def write_model(self, number: int, model: Model) -> Files:
        """Keep the model of a round."""
        return self._keep("model", number, model)

    def read_model(self, number: int, classifier: Classifier) -> Model:
        """Return the model of a round."""
        model: Model = self.kept["model", number]
        return model

    def write_selected(
        self, number: int, pairs: NDArray[np.int32], categories: NDArray[np.int32]
    ) -> Files:
        """Keep the selected pairs."""
        return self._keep("selected", number, pairs)

    def read_selected(self, number: int) -> NDArray[np.int32]:
        """Return the selected pairs."""
        pairs: NDArray[np.int32] = self.kept["selected", number]
        return pairs

    def write_annotation(self, number: int, annotation: Annotation, voter: str) -> Files:
        """Keep the votes of a round."""
        return self._keep("annotation", number, (annotation, voter))

    def read_annotation(self, number: int) -> tuple[Annotation, str]:
        """Return the votes of a round."""
        annotation, voter = self.kept["annotation", number]
        return annotation, voter

    def write_gold_votes(self, number: int, votes: Votes) -> Files:
        """Keep votes on human-labelled pairs."""
        return self._keep("gold", number, votes)

    def read_gold_votes(self, number: int) -> Votes:
        """Return votes on human-labelled pairs."""
        votes: Votes = self.kept["gold", number]
        return votes

    def write_accepted(self, number: int, accepted: Accepted) -> Files:
        """Keep the pairs accepted up to a round."""
        return self._keep("accepted", number, accepted)

    def read_accepted(self, number: int) -> Accepted:
        """Return the pairs accepted up to a round."""
        if number == SEED_ROUND:
            return Accepted.none()
        accepted: Accepted = self.kept["accepted", number]
        return accepted

    def write_evaluation(
        self,
        number: int,
        evaluation: Mapping[str, Any],
        sets: Mapping[str, LabelledPairs],
        predicted: Predicted,
    ) -> Files:
        """Keep the scores of a round's model, and what it predicted."""
        self._keep("predicted", number, predicted)
        return self._keep("evaluation", number, dict(evaluation))

    def read_evaluation(self, number: int) -> dict[str, Any]:
        """Return the scores of a round's model."""
        return dict(self.kept["evaluation", number])

    def _keep(self, kind: str, number: int, value: Any) -> Files:
        self.kept[kind, number] = value
        return []
