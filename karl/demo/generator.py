"""Invented catalogue items, drawn from the ontology."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from karl.demo.ontology import Ontology

__all__ = ["generate_catalogue"]

_Codes = NDArray[np.int64]

_COLUMNS: Final = (
    *("item_id", "title", "major_category", "fine_category", "type"),
    *("price", "brand", "pack", "fit"),
)
# Parts of a title before and after the first comma.
_LAYOUTS: Final = (
    (("brand", "descriptor", "phrase", "model"), ("size", "colour", "pack")),
    (("brand", "model", "descriptor", "phrase"), ("colour", "size", "pack")),
    (("descriptor", "phrase", "model"), ("size", "pack", "colour", "brand")),
    (("pack", "brand", "phrase", "model"), ("size", "colour")),
)
# Not every title says everything. The size and the pack belong to the good
# itself and are never left out.
_SHOWN: Final = {"descriptor": 0.75, "model": 0.55, "colour": 0.65}
_PACK_WORDINGS: Final = ("{} Pack", "Pack of {}", "{} Count", "{} pcs")
_MODELS: Final = [
    f"{series}{number}"
    for series in ("A", "B", "C", "D", "E", "G", "H", "K", "L", "M", "N", "P", "R", "S", "T", "V")
    for number in range(100, 1000)
]
_SMALL_WORDS: Final = {"and", "by", "for", "from", "in", "of", "on", "per", "the", "to", "with"}
_LOWEST_PRICE: Final = 0.05
# A pack of ten costs about eight times as much as one unit.
_PACK_EXPONENT: Final = 0.9
_PRICE_NOISE: Final = 0.08
# The most frequent type is about seven times as frequent as the rarest.
_POPULARITY_OFFSET, _POPULARITY_EXPONENT = 50, 0.7


def generate_catalogue(n_items: int, seed: int) -> pl.DataFrame:
    """Draw the items of a demo catalogue.

    Parameters
    ----------
    n_items : int
        At least 1. From the number of types on, every type occurs.
    seed : int
        Not negative; one seed and number of items always give one catalogue.

    Returns
    -------
    DataFrame of n_items rows
        `item_id` (unique), `title` (a few occur twice in large catalogues),
        `major_category`, `fine_category`, `type`, `price` (US dollars of the
        whole pack), `brand`, `pack` (number of units) and `fit` (empty where
        the type has none).

    Raises
    ------
    ValueError
        If n_items is below 1.
    """
    if n_items < 1:
        raise ValueError(f"n_items is at least 1, got {n_items}")
    ontology, rng = Ontology.load(), np.random.default_rng(seed)
    types = _draw_types(n_items, len(ontology.types), rng)
    fits = _Choices.of(kind.fit_values for kind in ontology.types)
    fit = fits.draw(types, rng)
    packs = _Choices.of(kind.packs for kind in ontology.types)
    pack = packs.draw(types, rng)
    makers = {
        major.name: [brand.name for brand in ontology.brands if major.name in brand.majors]
        for major in ontology.majors
    }
    brands = _Choices.of(makers[kind.category.major] for kind in ontology.types)
    columns = {
        "item_id": "D" + pl.Series(np.arange(n_items)).cast(pl.String).str.zfill(7),
        "major_category": _gather([kind.category.major for kind in ontology.types], types),
        "fine_category": _gather([kind.category.name for kind in ontology.types], types),
        "type": _gather(ontology.type_names, types),
        "brand": brands.draw_values(types, rng),
        "pack": packs.values.gather(pack),
        "fit": fits.values.gather(fit).fill_null(""),
    }
    title = _titles(ontology, types, fit, pack, columns["brand"], rng)
    price = _prices(ontology, types, columns["pack"].to_numpy(), rng)
    return pl.DataFrame(columns | {"title": title, "price": price}).select(_COLUMNS)


@dataclass(frozen=True)
class _Choices:
    """Alternatives of every code, laid out one after the other.

    Those of a code are `count` values from `start` on; null is the one alternative
    of a code that has none.
    """

    values: pl.Series
    start: _Codes
    count: _Codes

    @classmethod
    def of(cls, alternatives: Iterable[Sequence[Any]]) -> _Choices:
        some = [list(values) or [None] for values in alternatives]
        count = np.array([len(values) for values in some])
        return cls(pl.Series([*chain.from_iterable(some)]), np.cumsum(count) - count, count)

    def draw(self, codes: _Codes, rng: np.random.Generator) -> _Codes:
        """Return a position in `values` for every code, (n,)."""
        offset = (rng.random(len(codes)) * self.count[codes]).astype(np.int64)
        return self.start[codes] + offset

    def draw_values(self, codes: _Codes, rng: np.random.Generator) -> pl.Series:
        return self.values.gather(self.draw(codes, rng))


def _draw_types(n_items: int, n_types: int, rng: np.random.Generator) -> _Codes:
    rank = rng.permutation(n_types)
    weights = (rank + _POPULARITY_OFFSET) ** -_POPULARITY_EXPONENT
    weights /= weights.sum()
    if n_items < n_types:
        return rng.choice(n_types, n_items, replace=False, p=weights)
    more = rng.choice(n_types, n_items - n_types, p=weights)
    return rng.permutation(np.concatenate([np.arange(n_types), more]))


def _titles(
    ontology: Ontology,
    types: _Codes,
    fit: _Codes,
    pack: _Codes,
    brand: pl.Series,
    rng: np.random.Generator,
) -> pl.Series:
    """Draw the parts of every title and write it in one of the layouts, (n,)."""
    kinds = ontology.types
    descriptors = {
        major.name: [_capitalised(word) for word in major.descriptors] for major in ontology.majors
    }
    phrases = (
        [_capitalised(noun).format(fit=value) for noun in kind.nouns]
        for kind in kinds
        for value in kind.fit_values or ("",)
    )
    packs = (
        [wording.format(number) for wording in _PACK_WORDINGS] if number > 1 else []
        for kind in kinds
        for number in kind.packs
    )
    # Which alternatives there are follows from the type, and of phrases and packs from
    # the position among all fit values and numbers of units.
    choices = {
        "descriptor": (_Choices.of(descriptors[kind.category.major] for kind in kinds), types),
        "size": (_Choices.of(kind.sizes for kind in kinds), types),
        "colour": (_Choices.of(kind.category.colours for kind in kinds), types),
        "phrase": (_Choices.of(phrases), fit),
        "pack": (_Choices.of(packs), pack),
    }
    parts = {part: some.draw_values(codes, rng) for part, (some, codes) in choices.items()}
    parts["brand"] = brand
    parts["model"] = _gather(_MODELS, rng.integers(len(_MODELS), size=len(types)))
    for part, share in _SHOWN.items():
        parts[part] = parts[part].set(pl.Series(rng.random(len(types)) >= share), None)
    layout = rng.integers(len(_LAYOUTS), size=len(types))
    return _joined(pl.DataFrame({**parts, "layout": layout}))


def _joined(parts: pl.DataFrame) -> pl.Series:
    """Write every title in its layout, (n,)."""
    written = pl.lit(None, dtype=pl.String)
    for number, (head, tail) in enumerate(_LAYOUTS):
        start = pl.concat_str(head, separator=" ", ignore_nulls=True)
        title = pl.concat_str(start, *tail, separator=", ", ignore_nulls=True)
        written = pl.when(pl.col("layout") == number).then(title).otherwise(written)
    return parts.select(title=written)["title"]


def _prices(
    ontology: Ontology, types: _Codes, pack: _Codes, rng: np.random.Generator
) -> NDArray[np.float64]:
    low = np.log([kind.price_low for kind in ontology.types])[types]
    high = np.log([kind.price_high for kind in ontology.types])[types]
    unit = np.exp(rng.uniform(low, high) + rng.normal(0, _PRICE_NOISE, len(types)))
    price = np.round(unit * pack**_PACK_EXPONENT, 2)
    return np.asarray(np.maximum(price, _LOWEST_PRICE), dtype=np.float64)


def _gather(names: Sequence[str], codes: _Codes) -> pl.Series:
    return pl.Series(names).gather(codes)


def _capitalised(phrase: str) -> str:
    """Capitalise like a title; words that have capitals or digits stay as they are."""
    return " ".join(
        word if word in _SMALL_WORDS else word[:1].upper() + word[1:] for word in phrase.split()
    )
