"""The mean of several classifiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass as plain_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.classifiers.base import Classifier
from karl.classifiers.inputs import PairInputs, Parameters, TrainingSet
from karl.classifiers.model import Model
from karl.seeds import derive_seed

if TYPE_CHECKING:
    import optuna

__all__ = ["Mean", "MeanModel"]


@plain_dataclass(frozen=True, eq=False)
class MeanModel(Model):
    """Fitted models of different kinds, which count the same and are one committee.

    Parameters
    ----------
    models : mapping of str to Model
        By name. A model of one member stands beside each member of the others.
    """

    models: Mapping[str, Model]

    def member_probabilities(self, inputs: PairInputs) -> NDArray[np.float64]:
        """Return class probabilities of the members of all models; see `Model`."""
        probabilities = [model.member_probabilities(inputs) for model in self.models.values()]
        return np.asarray(np.concatenate(np.broadcast_arrays(*probabilities)))

    def save(self, folder: Path) -> None:
        """Write each model into a folder of its name."""
        for name, model in self.models.items():
            model.save(folder / name)


@dataclass(frozen=True)
class Mean(Classifier):
    """Averages the probabilities of different classifiers, which err in different places.

    Together they are a committee, so `sampler=qbc` asks for what trees and regressions see
    differently.

    Parameters
    ----------
    parts : mapping of str to Classifier
        By a name of your choice. Their committees are equally large, or of one member. Their
        own `tuning` is not used.
    tuning : Tuning, optional
        Search for the hyperparameters of all of them together.
    """

    parts: dict[str, Any] = Field(min_length=1)

    def __post_init__(self) -> None:
        sizes = {part.n_members for part in self.parts.values()} - {1}
        if len(sizes) > 1:
            raise ValueError(
                f"committees of {' and '.join(map(str, sorted(sizes)))} members cannot be "
                "averaged member by member"
            )
        everywhere = all(part.same_everywhere for part in self.parts.values())
        object.__setattr__(self, "same_everywhere", everywhere)

    @property
    def n_members(self) -> int:
        """Members of all parts, each part having as many as the largest."""
        sizes: list[int] = [part.n_members for part in self.parts.values()]
        return len(sizes) * max(sizes)

    def suggest(self, trial: optuna.Trial) -> Parameters:
        """Draw the hyperparameters of each part, by its name; see `Classifier.suggest`."""
        return {
            name: part.suggest(cast("optuna.Trial", _Named(trial, name)))
            for name, part in self.parts.items()
        }

    def for_tuning(self) -> Classifier:
        """Return the mean of what stands in for the parts."""
        return Mean({name: part.for_tuning() for name, part in self.parts.items()})

    def fit(self, train: TrainingSet, parameters: Parameters, seed: int) -> MeanModel:
        """Fit all parts; see `Classifier.fit`."""
        return MeanModel(
            {
                name: part.fit(train, parameters.get(name, {}), derive_seed(seed, name))
                for name, part in self.parts.items()
            }
        )

    def load(self, folder: Path) -> MeanModel:
        """Read all fitted parts."""
        return MeanModel({name: part.load(folder / name) for name, part in self.parts.items()})


class _Named:
    """A trial whose parameters bear the name of a part, as two parts may call theirs the same."""

    def __init__(self, trial: optuna.Trial, name: str) -> None:
        self._trial, self._name = trial, name

    def __getattr__(self, method: str) -> Any:
        suggest = getattr(self._trial, method)
        return lambda parameter, *rest, **more: suggest(f"{self._name}.{parameter}", *rest, **more)
