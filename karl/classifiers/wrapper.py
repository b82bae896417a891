"""The common part of classifiers around another one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import InstanceOf
from pydantic.dataclasses import dataclass

from karl.classifiers.base import Classifier
from karl.classifiers.inputs import Parameters
from karl.classifiers.model import Model

if TYPE_CHECKING:
    import optuna

__all__ = ["Wrapper"]


@dataclass(frozen=True)
class Wrapper(Classifier):
    """A classifier that changes what another one learns from, or how its models are used.

    Parameters
    ----------
    base : Classifier
        Its own `tuning` is not used.
    tuning : Tuning, optional
        Search for the hyperparameters of the base.

    Attributes
    ----------
    resamples : bool
        Whether the base is fitted to random samples, and not to all labels of a source.
    """

    base: InstanceOf[Classifier]

    resamples: ClassVar[bool] = False

    def __post_init__(self) -> None:
        # In general a matter of the class; here the base decides.
        object.__setattr__(self, "same_everywhere", self.base.same_everywhere)

    @property
    def n_members(self) -> int:
        """Size of the base's committee."""
        return self.base.n_members

    def suggest(self, trial: optuna.Trial) -> Parameters:
        """Draw hyperparameters of the base; see `Classifier.suggest`."""
        return self.base.suggest(trial)

    def for_tuning(self) -> Classifier:
        """Return what stands in for the base."""
        return self.base.for_tuning()

    def load(self, folder: Path) -> Model:
        """Read a model that the base fitted."""
        return self.base.load(folder)
