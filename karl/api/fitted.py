"""A fitted model, asked by item ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from karl.classifiers import Model
from karl.errors import DataError
from karl.experiments import Experiment
from karl.labels import RELATION_NAMES

__all__ = ["FittedModel"]


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A fitted model that takes pairs of item ids, which its experiment knows."""

    experiment: Experiment
    fitted: Model

    def __repr__(self) -> str:
        return f"<karl model: {self.experiment.choices['classifier']}>"

    @property
    def relations(self) -> tuple[str, ...]:
        """Names of the relations, in the order of the probabilities."""
        return RELATION_NAMES

    def predict_proba(self, pairs: Iterable[Sequence[str]]) -> NDArray[np.float64]:
        """Return the probability of each relation.

        Parameters
        ----------
        pairs : iterable of (item_id, item_id)
            A DataError names the position of one that is no pair or not of the catalogue.

        Returns
        -------
        ndarray of float64, shape (n, 3)
            In the order of `relations`; each row adds up to 1.
        """
        members = self.experiment.predictor(self.fitted)(self._rows(pairs))
        return np.asarray(members.mean(axis=0))

    def predict(self, pairs: Iterable[Sequence[str]]) -> list[str]:
        """Return the name of the likeliest relation of each pair; see `predict_proba`."""
        return [RELATION_NAMES[k] for k in self.predict_proba(pairs).argmax(axis=1)]

    def _rows(self, pairs: Iterable[Sequence[str]]) -> NDArray[np.int32]:
        """Return pairs as row numbers in the catalogue."""
        ids: list[str] = []
        for position, pair in enumerate(pairs):
            if isinstance(pair, str) or len(pair) != 2:
                raise DataError(
                    f"pair {position}: {pair!r} is no pair of item ids",
                    hint='A list of pairs is needed, such as [("A1", "A2")].',
                )
            ids += map(str, pair)
        rows = self.experiment.dataset.catalogue.rows(ids)
        unknown = np.flatnonzero(rows < 0)
        if len(unknown):
            raise DataError(
                f"pair {unknown[0] // 2}: there is no item '{ids[unknown[0]]}' in the catalogue",
                hint="A model knows the items of its data set only.",
            )
        return rows.reshape(-1, 2)
