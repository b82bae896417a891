"""Item pairs of the demo catalogue, with true labels and simulated annotations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from karl.datasets import Votes
from karl.demo.annotation import annotate
from karl.demo.ontology import Ontology
from karl.demo.strata import Cells

__all__ = ["generate_pairs", "true_labels"]

_N_ANNOTATORS: Final = 3


def generate_pairs(
    catalogue: pl.DataFrame, split: Literal["id", "ood"], n_pairs: int, seed: int
) -> Votes:
    """Draw item pairs and let three simulated annotators label them.

    About 20 % are substitutes, 25 % complementary and 55 % unrelated; 30 %,
    25 % and 45 % for `"ood"`. Where the catalogue has too few pairs of a kind,
    others take their place. No unordered pair occurs twice, and no pair has
    two items of one title.

    Parameters
    ----------
    catalogue : DataFrame
        From `generate_catalogue`.
    split : {"id", "ood"}
        Whether both items are of major categories for training, or at least
        one is of a held-out one.
    n_pairs : int
    seed : int
        Not negative.

    Raises
    ------
    ValueError
        If n_pairs is negative or above the number of pairs there are, or a
        type or fit value of the catalogue is unknown.
    """
    rng = np.random.default_rng(seed)
    types, fits = _codes(catalogue)
    # The first item of every title stands for all of them: then no pair has
    # two items of one title, and the number of pairs is known exactly.
    rows = catalogue["title"].arg_unique().sort().to_numpy().astype(np.int64)
    cells = Cells.of(rows, types[rows], fits[rows], split)
    possible = int(cells.room.sum())
    if not 0 <= n_pairs <= possible:
        raise ValueError(f"the catalogue has {possible} {split} pairs to draw, not {n_pairs}")
    drawn = [cells.draw(s, int(n), rng) for s, n in enumerate(cells.quotas(n_pairs))]
    pairs = rng.permuted(rng.permutation(np.concatenate(drawn)), axis=1).astype(np.int32)
    labels = true_labels(catalogue, pairs)
    return Votes(pairs, np.stack([annotate(labels, rng) for _ in range(_N_ANNOTATORS)], axis=1))


def true_labels(catalogue: pl.DataFrame, pairs: NDArray[np.integer]) -> NDArray[np.int8]:
    """Return the true function-based labels of ordered pairs of items, shape (n,).

    Parameters
    ----------
    catalogue : DataFrame
        From `generate_catalogue`.
    pairs : ndarray of int, shape (n, 2)
        Row numbers of the first and the second items.

    Raises
    ------
    ValueError
        If a type or fit value is unknown.
    """
    types, fits = _codes(catalogue)
    (type_1, type_2), (fit_1, fit_2) = types[pairs].T, fits[pairs].T
    return Ontology.load().true_labels(type_1, fit_1, type_2, fit_2)


def _codes(catalogue: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the type and the fit code of every item, shape (n_items,) each."""
    ontology = Ontology.load()
    return (
        _positions(catalogue["type"], ontology.type_names),
        _positions(catalogue["fit"], ontology.fit_names),
    )


def _positions(values: pl.Series, names: Sequence[str]) -> NDArray[np.int64]:
    try:
        return values.cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int64)
    except pl.exceptions.InvalidOperationError:
        unknown = sorted(set(values.unique()) - set(names))
        raise ValueError(f"unknown {values.name} in the catalogue: {unknown}") from None
