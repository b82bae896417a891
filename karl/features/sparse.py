"""Similarities of texts by rows of sparse matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

__all__ = ["row_products", "tfidf"]

Rows = NDArray[np.integer]


def tfidf(
    texts: Sequence[str], analyzer: str | Callable[[str], list[str]] = "char_wb", **options: Any
) -> csr_matrix:
    """Return TF-IDF vectors of unit length in double precision; all zero without any term."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer=analyzer, dtype=np.float64, **options)
    try:
        return vectorizer.fit_transform(texts)
    except ValueError:  # no text holds a term
        return csr_matrix((len(texts), 1))


def row_products(one: csr_matrix, rows: Rows, two: csr_matrix, others: Rows) -> NDArray[np.float64]:
    """Return the products of rows of one matrix with rows of another, shape (n,).

    Parameters
    ----------
    one, two : csr_matrix, with equally many columns
    rows, others : ndarray of int, shape (n,)
        Which row of `one` meets which row of `two`.
    """
    return np.asarray(one[rows].multiply(two[others]).sum(axis=1)).ravel()
