"""A simulated annotator that knows the true labels and errs at a known rate."""

from __future__ import annotations

from dataclasses import field

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from karl.annotators.base import Annotation, Annotator, Task, Usage
from karl.datasets import Votes, pair_keys
from karl.errors import ConfigError
from karl.labels import N_LABELS, N_RELATIONS, to_relations
from karl.seeds import derive_seed, hash_uniform

__all__ = ["Oracle"]

_TOLERANCE = 1e-6
_DEFAULT_CONFUSION = [[0.84, 0.02, 0.14], [0.06, 0.86, 0.08], [0.06, 0.03, 0.91]]


@dataclass(frozen=True)
class Oracle(Annotator):
    """True labels, distorted as those of an LLM are.

    The annotator forms one opinion of a pair, drawn from the row of the
    confusion matrix that belongs to the true relation; each vote repeats the
    opinion or, rarely, is a fresh draw. Draws depend on the pair and the seed
    alone, so that a pair gets the same votes whenever it is asked.

    The defaults follow the annotator of KARL (arXiv 2509.05564): votes agree
    in 98.9 % of cases, macro-F1 against the truth is about 0.85.

    Parameters
    ----------
    votes : int
        Votes per pair.
    consistency : float
        Probability that a vote repeats the opinion.
    confusion : list of 3 lists of 3 floats
        Probability of each relation (column) given the true relation (row).
        Each row adds up to 1.
    exact : float
        Probability that an opinion with the right relation has the right one
        of the nine labels too.
    seed : int
        Another seed is another annotator.
    """

    votes: int = Field(default=3, ge=1)
    consistency: float = Field(default=0.989, ge=0, le=1)
    confusion: list[list[float]] = field(default_factory=lambda: _DEFAULT_CONFUSION)
    exact: float = Field(default=0.85, ge=0, le=1)
    seed: int = 0

    @field_validator("confusion")
    @classmethod
    def _rows_are_distributions(cls, rows: list[list[float]]) -> list[list[float]]:
        matrix = np.array(rows) if len({len(row) for row in rows}) == 1 else np.empty(0)
        if matrix.shape != (N_RELATIONS, N_RELATIONS):
            raise ValueError("needs three rows of three probabilities")
        if not ((matrix >= 0).all() and np.allclose(matrix.sum(axis=1), 1, atol=_TOLERANCE)):
            raise ValueError("each row must hold probabilities that add up to 1")
        return rows

    def annotate(self, task: Task) -> Annotation:
        """Vote on pairs; see `Annotator.annotate`."""
        dataset, pairs = task.dataset, task.pairs
        if dataset.truth is None:
            raise ConfigError(
                f"llm=oracle: the data set '{dataset.name}' has no true labels for any pair",
                hint="Use llm=replay where votes are recorded, data=demo, or budget.rounds=0 for "
                "the seed alone.",
            )
        truth = dataset.truth(pairs)
        # Item order is part of the question, so it is part of the draw.
        keys = 2 * pair_keys(pairs) + (pairs[:, 0] > pairs[:, 1])
        opinion = self._draw(truth, keys, "opinion")
        codes = np.empty((len(pairs), self.votes), np.int8)
        for vote in range(self.votes):
            repeats = self._uniform(keys, "repeats", vote) < self.consistency
            codes[:, vote] = np.where(repeats, opinion, self._draw(truth, keys, f"vote {vote}"))
        return Annotation(Votes(pairs, codes), Usage(calls=codes.size))

    def _draw(
        self, truth: NDArray[np.int8], keys: NDArray[np.int64], purpose: str
    ) -> NDArray[np.int8]:
        table = np.cumsum(_label_confusion(np.array(self.confusion), self.exact), axis=1)
        draws = self._uniform(keys, purpose, 0)[:, None] * table[truth, -1:]
        return np.asarray(1 + (draws >= table[truth]).sum(axis=1), dtype=np.int8)

    def _uniform(self, keys: NDArray[np.int64], purpose: str, number: int) -> NDArray[np.float64]:
        return hash_uniform(keys, derive_seed(self.seed, "oracle", purpose, number))


def _label_confusion(relation_confusion: NDArray[np.float64], exact: float) -> NDArray[np.float64]:
    """Spread a 3x3 confusion over the nine labels; row t is of the true label t, row 0 unused.

    A wrong relation is equally likely to show as any of its labels; so is a
    right relation with another label than the true one.
    """
    relation_of = to_relations(np.arange(1, N_LABELS + 1))
    members = np.bincount(relation_of, minlength=N_RELATIONS)
    table = np.zeros((N_LABELS + 1, N_LABELS))
    for true in range(1, N_LABELS + 1):
        relation = relation_of[true - 1]
        row = relation_confusion[relation, relation_of] / members[relation_of]
        others = relation_of == relation
        if members[relation] > 1:
            kept = relation_confusion[relation, relation]
            row[others] = kept * (1 - exact) / (members[relation] - 1)
            row[true - 1] = kept * exact
        table[true] = row
    return table
