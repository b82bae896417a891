"""What a data set holds, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from karl.datasets.aggregate import count_repeats
from karl.datasets.catalogue import FINE, MAJOR, PRICE, Catalogue
from karl.datasets.dataset import Dataset
from karl.datasets.pairs import Votes
from karl.evaluation.agreement import fleiss_kappa, pairwise_macro_f1, unanimous
from karl.labels import N_LABELS, N_RELATIONS, RELATION_NAMES, FunctionLabel, to_relations

__all__ = ["Agreement", "Description", "RecordedVotes", "SetDescription", "describe"]


@dataclass(frozen=True)
class Agreement:
    """Fleiss' kappa, and the mean macro-F1 of two annotators; None where it cannot be said."""

    kappa: float | None
    macro_f1: float | None


@dataclass(frozen=True)
class SetDescription:
    """One set of labelled pairs.

    `items` are different ones. `relations` and `labels` hold pairs per relation and per
    function-based label; the latter is empty where there are only relations. The agreement
    is that on `annotated` pairs, which annotators saw. For repeats and conflicts see
    `karl.datasets.aggregate.count_repeats`; `notes` are what the reader counted.
    """

    pairs: int
    items: int
    relations: Mapping[str, int]
    labels: Mapping[int, int]
    annotated: int
    on_relations: Agreement
    on_labels: Agreement
    repeated_unordered_pairs: int
    conflicts: int
    notes: Mapping[str, int]


@dataclass(frozen=True)
class RecordedVotes:
    """Recorded LLM votes: shares of pairs, 0 to 1, whose votes are all the same.

    `relations` are pairs per relation among those unanimous on the label.
    """

    pairs: int
    votes_per_pair: int
    unanimous_labels: float
    unanimous_relations: float
    relations: Mapping[str, int]


@dataclass(frozen=True)
class Description:
    """A data set in numbers; None where the catalogue has no such column.

    Categories are counted, prices are the lowest and the highest. `has_oracle` tells
    whether any pair's true label is known.
    """

    name: str
    items: int
    columns: tuple[str, ...]
    major_categories: int | None
    fine_categories: int | None
    prices: tuple[float, float] | None
    sets: Mapping[str, SetDescription]
    recorded: RecordedVotes | None
    has_oracle: bool
    has_cards: bool


def describe(dataset: Dataset) -> Description:
    """Count what a data set holds."""
    catalogue = dataset.catalogue
    return Description(
        name=dataset.name,
        items=len(catalogue),
        columns=tuple(catalogue.table.columns),
        major_categories=_n_different(catalogue, MAJOR),
        fine_categories=_n_different(catalogue, FINE),
        prices=_price_range(catalogue),
        sets={name: _describe_set(dataset, name) for name in dataset.pairs},
        recorded=None if dataset.recorded is None else _describe_votes(dataset.recorded),
        has_oracle=dataset.truth is not None,
        has_cards=dataset.cards is not None,
    )


def _describe_set(dataset: Dataset, name: str) -> SetDescription:
    pairs = dataset.pairs[name]
    said = dataset.annotations.get(name) or pairs.annotations
    labels = None if said is None or said.labels is None else said.labels - np.int8(1)
    repeats = count_repeats(pairs)
    return SetDescription(
        pairs=len(pairs),
        items=len(np.unique(pairs.items)),
        relations=_per_relation(pairs.relations),
        labels=_per_label(pairs.labels),
        annotated=0 if said is None else len(said),
        on_relations=_agreement(None if said is None else said.relations, N_RELATIONS),
        on_labels=_agreement(labels, N_LABELS),
        repeated_unordered_pairs=repeats["repeated_unordered_pairs"],
        conflicts=repeats["conflicts"],
        notes=dataset.notes.get(name, {}),
    )


def _describe_votes(votes: Votes) -> RecordedVotes:
    relations = to_relations(votes.codes)
    on_labels = unanimous(votes.codes - np.int8(1))
    return RecordedVotes(
        pairs=len(votes),
        votes_per_pair=votes.codes.shape[1],
        unanimous_labels=float(on_labels.mean()),
        unanimous_relations=float(unanimous(relations).mean()),
        relations=_per_relation(relations[on_labels, 0]),
    )


def _agreement(votes: NDArray[np.int8] | None, n_classes: int) -> Agreement:
    if votes is None:
        return Agreement(None, None)
    return Agreement(fleiss_kappa(votes, n_classes), pairwise_macro_f1(votes))


def _per_relation(relations: NDArray[np.int8]) -> dict[str, int]:
    counts = np.bincount(relations, minlength=N_RELATIONS).tolist()
    return dict(zip(RELATION_NAMES, counts, strict=True))


def _per_label(labels: NDArray[np.int8]) -> dict[int, int]:
    counts = np.bincount(labels, minlength=N_LABELS + 1)
    return {int(code): int(counts[code]) for code in FunctionLabel} if labels.any() else {}


def _n_different(catalogue: Catalogue, column: str) -> int | None:
    return catalogue.table[column].drop_nulls().n_unique() if catalogue.has(column) else None


def _price_range(catalogue: Catalogue) -> tuple[float, float] | None:
    if not catalogue.has(PRICE):
        return None
    prices = catalogue.table[PRICE].cast(pl.Float64).drop_nulls().to_numpy()
    return (float(prices.min()), float(prices.max())) if len(prices) else None
