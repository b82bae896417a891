"""Candidate pairs: what a sampler may choose from in a round."""

from __future__ import annotations

from dataclasses import dataclass as plain_dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.categories import ItemCategories
from karl.datasets import Dataset, pair_keys
from karl.errors import ConfigError

__all__ = ["CandidatePairs", "Candidates", "Recorded", "Stratified"]


@plain_dataclass(frozen=True, eq=False)
class CandidatePairs:
    """Unlabelled ordered pairs, no unordered pair twice.

    Parameters
    ----------
    pairs : ndarray of int32, shape (n, 2)
        Query item and candidate, as row numbers in the catalogue.
    categories : ndarray of int32, shape (n,)
        Fine category of the query item: the stratum of the pair.
    """

    pairs: NDArray[np.int32]
    categories: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.pairs)


class Candidates(Protocol):
    """A rule for which pairs may be labelled."""

    def propose(
        self,
        dataset: Dataset,
        categories: ItemCategories,
        excluded: NDArray[np.int64],
        seed: int,
    ) -> CandidatePairs:
        """Return the candidates of a round.

        Self-pairs, pairs of two items with one title, and excluded pairs are
        never among them.

        Parameters
        ----------
        dataset : Dataset
        categories : ItemCategories
        excluded : ndarray of int64, shape (m,)
            Keys (`pair_keys`) of pairs that must not come: the human-labelled
            ones, evaluation pairs among them, and all that were asked before.
        seed : int

        Returns
        -------
        CandidatePairs
        """
        ...


@dataclass(frozen=True)
class Stratified:
    """The paper's stratified candidates (KARL, arXiv 2509.05564, §3).

    In each fine category at most `queries_per_category` query items are drawn,
    and each is paired with at most `per_query` items of its own major category.

    Parameters
    ----------
    queries_per_category : int
        Query items per fine category.
    per_query : int
        Candidates per query item, before those not allowed are left out.
    """

    queries_per_category: int = Field(default=10, ge=1)
    per_query: int = Field(default=100, ge=1)

    def propose(
        self,
        dataset: Dataset,
        categories: ItemCategories,
        excluded: NDArray[np.int64],
        seed: int,
    ) -> CandidatePairs:
        """Draw the candidates of a round; see `Candidates.propose`."""
        rng = np.random.default_rng(seed)
        members = _members(categories.major)
        drawn = []
        for items in _members(categories.fine).values():
            queries = rng.choice(items, min(self.queries_per_category, len(items)), replace=False)
            for query in queries:
                pool = members[int(categories.major[query])]
                size = min(self.per_query, len(pool))
                partners = rng.choice(pool, size, replace=False, shuffle=False)
                drawn.append(np.stack([np.full(size, query), partners], axis=1))
        pairs = np.concatenate(drawn).astype(np.int32)
        return _allowed(pairs, dataset, categories, excluded)


@dataclass(frozen=True)
class Recorded:
    """Only the pairs whose LLM votes the data set has on record."""

    def propose(
        self,
        dataset: Dataset,
        categories: ItemCategories,
        excluded: NDArray[np.int64],
        seed: int,
    ) -> CandidatePairs:
        """Return the recorded pairs that are left; see `Candidates.propose`.

        Raises
        ------
        ConfigError
            If the data set has no recorded votes.
        """
        if dataset.recorded is None:
            raise ConfigError(
                f"candidates=recorded: the data set '{dataset.name}' has no recorded votes",
                hint="Use candidates=stratified with an annotator that can answer any pair.",
            )
        return _allowed(dataset.recorded.items, dataset, categories, excluded)


def _members(codes: NDArray[np.int32]) -> dict[int, NDArray[np.int64]]:
    """Return the items of each category, categories in ascending order."""
    order = np.argsort(codes, kind="stable")
    values, starts = np.unique(codes[order], return_index=True)
    parts = np.split(order, starts[1:])
    return {int(value): part for value, part in zip(values, parts, strict=True)}


def _allowed(
    pairs: NDArray[np.int32],
    dataset: Dataset,
    categories: ItemCategories,
    excluded: NDArray[np.int64],
) -> CandidatePairs:
    titles = dataset.catalogue.title_codes
    # Equal titles include the self-pairs.
    pairs = pairs[titles[pairs[:, 0]] != titles[pairs[:, 1]]]
    keys = pair_keys(pairs)
    _, first = np.unique(keys, return_index=True)
    first.sort()
    pairs = pairs[first[~np.isin(keys[first], excluded)]]
    return CandidatePairs(pairs, categories.fine[pairs[:, 0]])
