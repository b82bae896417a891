"""How alike the titles of two items are."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic.dataclasses import dataclass
from scipy.sparse import csr_matrix

from karl.datasets.catalogue import TITLE
from karl.errors import ConfigError
from karl.features.base import Features
from karl.features.items import Items
from karl.features.sparse import row_products, tfidf

__all__ = ["TitleFeatures"]

# Sizes, counts and model numbers; what is left are the words, above all of Japanese titles.
_SIGNS: Final = r"[0-9A-Za-z.,×/()%-]+"
_NAMES: Final = ("characters", "short", "words_only", "words_only_short", "tokens")
_SCALARS: Final = ("same_start", "length")


@dataclass(frozen=True)
class TitleFeatures(Features):
    """Similarities of titles, which say the same in any place of a catalogue.

    TF-IDF cosines of character n-grams (1–2 and 2–4), of whole titles and of those without
    Latin letters, digits and signs; of words; whether the first word is one; and the absolute
    log ratio of the lengths.
    """

    def names(self, items: Items) -> list[str]:
        """Return the names; see `Features.names`."""
        return [f"title_{name}" for name in (*_NAMES, *_SCALARS)]

    def compute(self, items: Items, pairs: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the features; see `Features.compute`."""
        matrices, first, length = items.memo.get("titles", lambda: _tables(items))
        u, v = pairs[:, 0], pairs[:, 1]
        columns = [row_products(matrix, u, matrix, v) for matrix in matrices]
        columns += [first[u] == first[v], np.abs(length[u] - length[v])]
        return np.stack(columns, axis=1).astype(np.float32)


def _tables(
    items: Items,
) -> tuple[list[csr_matrix], NDArray[np.int64], NDArray[np.float64]]:
    """Return similarity vectors, a number for the first word, and the log length of each title."""
    if items.catalogue is None:
        raise ConfigError("features: titles are compared, and these items have no catalogue")
    titles = items.catalogue.texts([TITLE]).str.to_lowercase()
    words = titles.str.replace_all(_SIGNS, " ").to_list()
    texts = titles.to_list()
    matrices = [
        tfidf(some, "char", ngram_range=lengths, sublinear_tf=True)
        for some in (texts, words)
        for lengths in ((2, 4), (1, 2))
    ]
    matrices.append(tfidf(texts, str.split))
    _, first = np.unique([text.split(" ", 1)[0] for text in texts], return_inverse=True)
    return matrices, first, np.log(np.maximum(titles.str.len_chars().to_numpy(), 1))
