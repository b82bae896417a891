"""Item pairs of the demo catalogue, with true labels and simulated annotations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from karl.demo.annotation import annotate
from karl.demo.ontology import Ontology
from karl.demo.strata import Cells

__all__ = ["generate_pairs", "true_labels"]

_N_ANNOTATORS: Final = 3


def generate_pairs(
    catalogue: pl.DataFrame, split: Literal["id", "ood"], n_pairs: int, seed: int
) -> pl.DataFrame:
    """Draw item pairs and let three simulated annotators label them.

    About 20 % are substitutes, 25 % complementary and 55 % unrelated; 30 %,
    25 % and 45 % for `"ood"`. Where the catalogue has too few pairs of a kind,
    others take their place.

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

    Returns
    -------
    DataFrame of n_pairs rows
        `item_id_1`, `item_id_2`, and function-based labels `label_1`,
        `label_2` and `label_3`. No unordered pair occurs twice, and no pair
        has two items of one title.

    Raises
    ------
    ValueError
        If n_pairs is negative or above the number of pairs there are, or the
        split or a type or fit value of the catalogue is unknown.
    """
    if split not in ("id", "ood"):
        raise ValueError(f"split is 'id' or 'ood', got {split!r}")
    rng = np.random.default_rng(seed)
    cells = _cells(catalogue, split)
    possible = int(cells.room.sum())
    if not 0 <= n_pairs <= possible:
        raise ValueError(f"the catalogue has {possible} {split} pairs to draw, not {n_pairs}")
    drawn = [cells.draw(s, int(n), rng) for s, n in enumerate(cells.quotas(n_pairs))]
    pairs = rng.permuted(rng.permutation(np.concatenate(drawn)), axis=1)
    labels = true_labels(catalogue, pairs[:, 0], pairs[:, 1])
    items = catalogue["item_id"]
    return pl.DataFrame(
        {f"item_id_{side}": items.gather(pairs[:, side - 1]) for side in (1, 2)}
        | {f"label_{number + 1}": annotate(labels, rng) for number in range(_N_ANNOTATORS)}
    )


def true_labels(
    catalogue: pl.DataFrame, rows_1: NDArray[np.integer], rows_2: NDArray[np.integer]
) -> NDArray[np.int8]:
    """Return the true function-based labels of ordered pairs of items.

    Parameters
    ----------
    catalogue : DataFrame
        From `generate_catalogue`.
    rows_1, rows_2 : ndarray of int, (n,)
        Row numbers of the first and the second items.

    Returns
    -------
    ndarray of int8, (n,)

    Raises
    ------
    ValueError
        If a type or fit value is unknown.
    """
    type_1, fit_1 = _codes(catalogue, rows_1)
    type_2, fit_2 = _codes(catalogue, rows_2)
    return Ontology.load().true_labels(type_1, fit_1, type_2, fit_2)


def _cells(catalogue: pl.DataFrame, split: Literal["id", "ood"]) -> Cells:
    # The first item of every title stands for all of them: then no pair has
    # two items of one title, and the number of pairs is known exactly.
    rows = catalogue["title"].arg_unique().sort().to_numpy().astype(np.int64)
    return Cells.of(rows, *_codes(catalogue, rows), split)


def _codes(
    catalogue: pl.DataFrame, rows: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return type and fit codes of rows, (n,) each."""
    ontology = Ontology.load()
    return (
        _positions(catalogue["type"].gather(rows), ontology.type_names),
        _positions(catalogue["fit"].gather(rows), ontology.fit_names),
    )


def _positions(values: pl.Series, names: Sequence[str]) -> NDArray[np.int64]:
    try:
        return values.cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int64)
    except pl.exceptions.InvalidOperationError:
        unknown = sorted(set(values.unique()) - set(names))
        raise ValueError(f"unknown {values.name} in the catalogue: {unknown}") from None
