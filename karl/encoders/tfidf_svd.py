"""TF-IDF over character or word n-grams, reduced by a truncated SVD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Literal

import numpy as np
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from karl.datasets import Catalogue
from karl.encoders.base import Encoder, ItemVectors
from karl.errors import DataError
from karl.numerics import one_thread
from karl.seeds import Seed

__all__ = ["TfidfSvd"]


@dataclass(frozen=True)
class TfidfSvd(Encoder):
    """Latent semantic vectors of item texts; needs no model and no network.

    Character n-grams need no word boundaries, so that Japanese works as well
    as English.

    Parameters
    ----------
    columns : list of str
        Text columns, joined by a space and normalised (NFKC).
    analyzer : {"char", "char_wb", "word"}
        What the n-grams are made of.
    ngram_min, ngram_max : int
        Shortest and longest n-gram.
    n_dims : int
        Dimensions after the SVD; fewer where the vocabulary is smaller.
    min_df : int
        Items that an n-gram must occur in.
    drop : str, optional
        Regular expression of what is replaced by a space before n-grams are
        counted, such as sizes and model numbers.
    seed : int
        Of the randomised SVD.
    """

    columns: list[str] = field(default_factory=lambda: ["title"])
    analyzer: Literal["char", "char_wb", "word"] = "char"
    ngram_min: int = Field(default=1, ge=1)
    ngram_max: int = Field(default=3, ge=1)
    n_dims: int = Field(default=200, ge=1)
    min_df: int = Field(default=2, ge=1)
    drop: str | None = None
    seed: Seed = 0

    @model_validator(mode="after")
    def _lengths_are_in_order(self) -> TfidfSvd:
        if self.ngram_min > self.ngram_max:
            raise ValueError(f"ngram_min={self.ngram_min} is above ngram_max={self.ngram_max}")
        return self

    @property
    def text_columns(self) -> Sequence[str]:
        """The catalogue columns that the vectors depend on."""
        return self.columns

    def encode(self, catalogue: Catalogue) -> ItemVectors:
        """Encode every item; see `Encoder.encode`."""
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.preprocessing import normalize

        texts = self._texts(catalogue)
        vectorizer = TfidfVectorizer(
            analyzer=self.analyzer,
            ngram_range=(self.ngram_min, self.ngram_max),
            min_df=min(self.min_df, len(texts)),
            sublinear_tf=True,
            dtype=np.float64,
        )
        try:
            counts = vectorizer.fit_transform(texts)
        except ValueError as error:
            raise DataError(
                f"no n-gram of {', '.join(self.columns)} occurs in {self.min_df} items",
                hint="Lower encoder.min_df, or choose other encoder.columns.",
            ) from error
        n_dims = min(self.n_dims, *counts.shape)
        if n_dims == 1:  # nothing to reduce, and the SVD would refuse
            reduced = counts.sum(axis=1).A
        else:
            with one_thread():
                reduced = TruncatedSVD(n_dims, random_state=self.seed).fit_transform(counts)
        return ItemVectors(normalize(reduced), [n_dims])

    def _texts(self, catalogue: Catalogue) -> list[str]:
        texts = catalogue.texts(self.columns)
        if self.drop is not None:
            texts = texts.str.replace_all(self.drop, " ")
        return texts.to_list()
