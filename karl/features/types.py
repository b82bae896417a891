"""The types of a catalogue's items by their cards, compared by words and characters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from karl.datasets import Catalogue
from karl.datasets.catalogue import FINE, normalise_text
from karl.features.sparse import row_products, tfidf
from karl.features.words import head, stems

__all__ = ["ANY", "LISTS", "MATCHED", "MEASURES", "SAME", "SUBSTITUTES", "TypeTable"]

TYPE, FUNCTION = TEXTS = ("type", "function")
SUBSTITUTES, USED_IN = "substitutes", "used_in"
COMPLEMENTS: Final = ("consumes", "needs", "goes_with")
LISTS: Final = (*COMPLEMENTS, SUBSTITUTES, USED_IN)
"""Columns of entries separated by semicolons: kinds of products, and activities."""

ANY: Final = "any"
MATCHED: Final = (*COMPLEMENTS, SUBSTITUTES, ANY)
WORDS, COVERED, HEAD, CHARACTERS = MEASURES = ("words", "covered", "head", "characters")
SAME: Final = (
    *("type_words", "type_characters", "type_head", "function_words", "fine_words"),
    *(f"{name}_{what}" for name in LISTS for what in ("entries", "words")),
)

# Types among which a match has a rank, and the ranks that are told apart.
_REFERENCES: Final = 1024
_RANKS: Final = 64
_CHUNK: Final = 512

Codes = NDArray[np.integer]
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Lists:
    """One list of every type: the entries of type t are `entries[starts[t] : starts[t + 1]]`."""

    starts: NDArray[np.int64]
    entries: NDArray[np.int64]

    def of(self, types: Codes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return all entries of some types, and of which of these each is, as a position."""
        counts = np.diff(self.starts)[types]
        places = np.repeat(np.arange(len(types)), counts)
        within = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
        return places, self.entries[self.starts[types][places] + within]

    def matrix(self, n_entries: int) -> csr_matrix:
        """Return ones where a type, a row, has an entry, a column."""
        shape = (len(self.starts) - 1, n_entries)
        return csr_matrix((np.ones(len(self.entries)), self.entries, self.starts), shape)


@dataclass(frozen=True, eq=False)
class TypeTable:
    """What the different cards of a catalogue say.

    Parameters
    ----------
    type_of : ndarray of int64, shape (n_items,)
        The type of each item; items whose cards are equal share one.
    lists : mapping of str to _Lists
        By column.
    asked, given : mapping of str to csr_matrix
        By measure: a row per entry, and a row per type; the product of two rows says how well
        the type suits the entry.
    texts : mapping of str to csr_matrix
        By name, as in `SAME`: a row of unit length per type; products are similarities.
    best : mapping of str to ndarray of float64, shape (n_types, n)
        How well a type's entries suit the types that suit them best, by `substitutes` and `any`.
    """

    type_of: NDArray[np.int64]
    lists: Mapping[str, _Lists]
    asked: Mapping[str, csr_matrix]
    given: Mapping[str, csr_matrix]
    texts: Mapping[str, csr_matrix]
    best: Mapping[str, Values]

    def __len__(self) -> int:
        return int(self.given[WORDS].shape[0])

    @classmethod
    def of(cls, catalogue: Catalogue) -> TypeTable:
        """Compare the cards of a catalogue; columns that it lacks say nothing."""
        from sklearn.preprocessing import normalize

        cards, type_of = _types(catalogue)
        types, fines = cards[TYPE].to_list(), cards[FINE].str.replace_all("_", " ").to_list()
        lists, entries = _entries(cards)
        n = len(types)
        kinds = [f"{kind} {fine}" for kind, fine in zip(types, fines, strict=True)]
        weighted = tfidf([*kinds, *entries], stems, norm=None, binary=True)
        words, shares = normalize(weighted), normalize(weighted, norm="l1")
        characters = tfidf([*types, *entries], "char_wb", ngram_range=(3, 3), sublinear_tf=True)
        heads = tfidf([*types, *entries], lambda text: [head(text)] if text else [])
        asked = {
            WORDS: words[n:],
            COVERED: shares[n:],
            HEAD: heads[n:],
            CHARACTERS: characters[n:],
        }
        given = {WORDS: words[:n], COVERED: (words[:n] > 0).astype(float), HEAD: heads[:n]}
        given[CHARACTERS] = characters[:n]
        texts = {
            "type_words": tfidf(types, stems),
            "type_characters": characters[:n],
            "type_head": heads[:n],
            "function_words": tfidf(cards[FUNCTION].to_list(), stems),
            "fine_words": tfidf(fines, stems),
        }
        for name, column in lists.items():
            has = column.matrix(len(entries))
            texts[f"{name}_entries"] = normalize(has)
            texts[f"{name}_words"] = normalize(has @ asked[WORDS])
        best = _best(lists, asked[WORDS], given[WORDS])
        return cls(type_of, lists, asked, given, texts, best)

    def matches(self, one: Codes, two: Codes) -> dict[tuple[str, str], Values]:
        """Return how well types suit what other types ask for.

        Parameters
        ----------
        one, two : ndarray of int, shape (n,)
            The types that ask, and those that may suit them.

        Returns
        -------
        dict of (str, str) to ndarray of float64, shape (n,)
            By list and measure, in the order of `MATCHED` and `MEASURES`: of the entry that
            suits best; 0 without an entry.
        """
        found = {}
        for name in MATCHED[:-1]:
            places, entries = self.lists[name].of(one)
            # Pairs have entries in common.
            keys, back = np.unique(entries * len(self) + two[places], return_inverse=True)
            rows, others = np.divmod(keys, len(self))
            for measure in MEASURES:
                match = row_products(self.asked[measure], rows, self.given[measure], others)
                found[name, measure] = _highest(match[back], places, len(one))
        for measure in MEASURES:
            complements = [found[name, measure] for name in COMPLEMENTS]
            found[ANY, measure] = np.maximum.reduce(complements)
        return found

    def log_ranks(self, name: str, one: Codes, match: Values) -> Values:
        """Return log(1 + number of types that suit `one` better than `match` does).

        Types are those of a sample of the catalogue, and 64 are counted at most; shape (n,).
        """
        better = (self.best[name][one] > match[:, None]).sum(axis=1)
        return np.log1p(np.where(match > 0, better, _RANKS))

    def alike(self, one: Codes, two: Codes) -> Iterator[Values]:
        """Give how alike types are, shape (n,) each, in the order of `SAME`."""
        return (row_products(self.texts[name], one, self.texts[name], two) for name in SAME)


def _types(catalogue: Catalogue) -> tuple[pl.DataFrame, NDArray[np.int64]]:
    """Return the different cards of a catalogue, and which of them each item has."""
    cards = catalogue.table.select(
        normalise_text(
            (pl.col(name) if catalogue.has(name) else pl.lit("")).cast(pl.String).fill_null("")
        )
        .str.to_lowercase()
        .alias(name)
        for name in (FINE, *TEXTS, *LISTS)
    )
    different = cards.unique(maintain_order=True)
    numbered = different.with_row_index("number")
    number = cards.join(numbered, on=cards.columns, how="left", maintain_order="left")["number"]
    return different, number.to_numpy().astype(np.int64)


def _entries(cards: pl.DataFrame) -> tuple[dict[str, _Lists], list[str]]:
    """Return the lists of all types, and the different entries that are in them."""
    codes: dict[str, int] = {}
    lists = {}
    for name in LISTS:
        of_type = [
            dict.fromkeys(filter(None, (part.strip() for part in text.split(";"))))
            for text in cards[name]
        ]
        starts = np.cumsum([0, *map(len, of_type)])
        entries = [codes.setdefault(entry, len(codes)) for found in of_type for entry in found]
        lists[name] = _Lists(starts, np.array(entries, np.int64))
    return lists, list(codes) or [""]


def _best(lists: Mapping[str, _Lists], asked: csr_matrix, given: csr_matrix) -> dict[str, Values]:
    """Return the highest matches of every type's entries among a sample of all types."""
    n = given.shape[0]
    sample = given[np.linspace(0, n - 1, min(n, _REFERENCES)).astype(int)].T.tocsr()
    of = {ANY: COMPLEMENTS, SUBSTITUTES: (SUBSTITUTES,)}
    best = {name: np.zeros((n, min(_RANKS, sample.shape[1]))) for name in of}
    for start in range(0, n, _CHUNK):
        types = np.arange(start, min(start + _CHUNK, n))
        for name, columns in of.items():
            matches = np.zeros((len(types), sample.shape[1]))
            for column in columns:
                places, entries = lists[column].of(types)
                np.maximum.at(matches, places, (asked[entries] @ sample).toarray())
            highest = np.partition(matches, -best[name].shape[1], axis=1)
            best[name][types] = highest[:, -best[name].shape[1] :]
    return best


def _highest(values: Values, places: Codes, n: int) -> Values:
    """Return the highest value at each of n places, which are in order; 0 where there is none."""
    highest = np.zeros(n)
    starts = np.flatnonzero(np.r_[True, places[1:] != places[:-1]][: len(places)])
    if len(starts):
        highest[places[starts]] = np.maximum.reduceat(values, starts)
    return highest
