"""What a classifier becomes by a fit, and how several of these make one committee."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from karl.classifiers.inputs import PairInputs
from karl.files import read_json, write_json

__all__ = ["Committee", "Model"]

_COMMITTEE: Final = "committee.json"


class Model(ABC):
    """A fitted classifier: one or several members."""

    @abstractmethod
    def member_probabilities(self, inputs: PairInputs) -> NDArray[np.float64]:
        """Return class probabilities of every member.

        Parameters
        ----------
        inputs : PairInputs of n pairs

        Returns
        -------
        ndarray of float64, shape (n_members, n, 3)
            The classes are in the order of `Relation`.
        """

    def probabilities(self, inputs: PairInputs) -> NDArray[np.float64]:
        """Return the mean of the members' class probabilities, shape (n, 3)."""
        return np.asarray(self.member_probabilities(inputs).mean(axis=0))

    def diagnostics(self, inputs: PairInputs) -> Mapping[str, float]:
        """Return figures about how it came to its probabilities of some pairs, by name."""
        return {}

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the model's files into a folder, each atomically and without pickle.

        The same model gives the same bytes.
        """

    @classmethod
    def join(cls, models: Sequence[Model]) -> Model:
        """Return one model that has the members of several; a kind may have a faster way."""
        return Committee(tuple(models))


@dataclass(frozen=True, eq=False)
class Committee(Model):
    """Models of any kind side by side.

    Parameters
    ----------
    models : tuple of Model
    """

    models: tuple[Model, ...]

    def member_probabilities(self, inputs: PairInputs) -> NDArray[np.float64]:
        """Return class probabilities of every member of every model; see `Model`."""
        return np.concatenate([model.member_probabilities(inputs) for model in self.models])

    def save(self, folder: Path) -> None:
        """Write each model into a folder of its own; the file that counts them comes last."""
        for number, model in enumerate(self.models):
            model.save(folder / f"{number:02d}")
        write_json(folder / _COMMITTEE, {"models": len(self.models)})

    @classmethod
    def is_in(cls, folder: Path) -> bool:
        """Whether a folder holds what `save` wrote, and not a single model."""
        return (folder / _COMMITTEE).exists()

    @classmethod
    def load(cls, folder: Path, load_one: Callable[[Path], Model]) -> Committee:
        """Read what `save` wrote.

        Parameters
        ----------
        folder : Path
        load_one : callable
            Reads the model in a folder, such as the `load` of its classifier.
        """
        n_models = read_json(folder / _COMMITTEE)["models"]
        return cls(tuple(load_one(folder / f"{number:02d}") for number in range(n_models)))
