"""Item cards of the demo shop: what the ontology knows of every type, told with mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from karl.datasets.catalogue import FINE, ITEM_ID, MAJOR
from karl.demo.ontology import Ontology
from karl.labels import FunctionLabel
from karl.seeds import derive_seed, hash_uniform

__all__ = ["demo_cards"]

_GOODS: Final = ("consumes", "needs", "goes_with", "substitutes")
_SAID: Final = ("function", *_GOODS, "used_in")
# Where a label is true of two types: the list of item 1 that names item 2.
_NAMED_IN: Final = {
    FunctionLabel.SAME_FUNCTION: "substitutes",
    FunctionLabel.ITEM_1_REPLENISHED_BY_2: "consumes",
    FunctionLabel.ITEM_2_REPLENISHED_BY_1: "needs",
    FunctionLabel.USABLE_ONLY_TOGETHER: "needs",
    FunctionLabel.ITEM_1_MORE_USEFUL: "goes_with",
    FunctionLabel.ITEM_2_MORE_USEFUL: "goes_with",
    FunctionLabel.BOTH_MORE_USEFUL: "goes_with",
}

_Lists = Mapping[str, list[list[str]]]
"""Entries of every type, by column."""


def demo_cards(catalogue: pl.DataFrame, errors: float, seed: int) -> pl.DataFrame:
    """Return the card of every item; items of one type have equal ones.

    The lists name types by the ontology's relations, whatever fit these ask for; `used_in`
    is the major category. The mistakes are told at `Demo.card_errors`.

    Parameters
    ----------
    catalogue : DataFrame
        From `generate_catalogue`.
    errors : float
        From 0 to 1.
    seed : int
        The mistakes depend on it and on the ontology, and not on the catalogue.

    Returns
    -------
    DataFrame of n_items rows
        `item_id` and the columns of a card. Entries of a list are separated by "; ", and a
        list without any is null.
    """
    ontology = Ontology.load()
    told = _told(ontology, errors, seed)
    joined = {name: ["; ".join(entries) or None for entries in told[name]] for name in _SAID}
    columns = {
        MAJOR: [kind.category.major for kind in ontology.types],
        FINE: [kind.category.name for kind in ontology.types],
        "type": _names(ontology, errors, seed),
        **joined,
    }
    cards = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    types = catalogue["type"].cast(pl.Enum(ontology.type_names)).to_physical()
    return cards[types].insert_column(0, catalogue[ITEM_ID])


def _true(ontology: Ontology) -> _Lists:
    """Return what cards without a mistake say."""
    lists: dict[str, list[list[str]]] = {name: [[] for _ in ontology.types] for name in _SAID}
    codes = {name: code for code, name in enumerate(ontology.type_names)}
    for link in ontology.relations:
        for told in (link, link.swapped):
            if told.label in _NAMED_IN and told.type_1 != told.type_2:
                lists[_NAMED_IN[told.label]][codes[told.type_1]].append(told.type_2)
    for code, kind in enumerate(ontology.types):
        lists["function"][code] = [kind.function]
        lists["used_in"][code] = [kind.category.major.lower()]
        lists["substitutes"][code] += [
            other.name
            for other in ontology.types
            if other.function == kind.function and other is not kind
        ]
    return {
        name: [list(dict.fromkeys(found)) for found in column] for name, column in lists.items()
    }


def _told(ontology: Ontology, errors: float, seed: int) -> _Lists:
    """Return what cards say: some entries are missing, and others stand in the place of some."""
    codes = {name: code for code, name in enumerate(ontology.type_names)}
    lists: dict[str, list[list[str]]] = {}
    for name, column in _true(ontology).items():
        asks = np.repeat(np.arange(len(column)), [len(entries) for entries in column])
        of_goods = name in _GOODS
        asked = [codes[entry] for entries in column for entry in entries] if of_goods else asks
        ends = np.stack([asks, asked])
        # What is not known of two types is known from neither side.
        fate = _uniform(np.sort(ends, axis=0), seed, "goods" if of_goods else name)
        choice = _uniform(ends, seed, name, "instead")
        instead = _instead(ontology, name)
        lists[name] = [[] for _ in column]
        for at, right in enumerate(entry for entries in column for entry in entries):
            if fate[at] < errors / 2:
                continue
            said = right
            if fate[at] < errors:
                true = {*column[asks[at]], ontology.types[asks[at]].name}
                others = [other for other in instead[right] if other not in true]
                said = others[int(choice[at] * len(others))]
            if said not in lists[name][asks[at]]:
                lists[name][asks[at]].append(said)
    return lists


def _instead(ontology: Ontology, name: str) -> Mapping[str, Sequence[str]]:
    """Return what may be said by mistake in place of every entry of a column."""
    if name == "used_in":
        majors = [major.name.lower() for major in ontology.majors]
        return dict.fromkeys(majors, majors)
    of_major: dict[str, dict[str, None]] = {major.name: {} for major in ontology.majors}
    entries = {}
    for kind in ontology.types:
        entry = kind.function if name == "function" else kind.name
        of_major[kind.category.major][entry] = None
        entries[entry] = of_major[kind.category.major]
    return {entry: list(others) for entry, others in entries.items()}


def _names(ontology: Ontology, errors: float, seed: int) -> list[str]:
    """Return the name of every type, or its last word where that is all that a card tells."""
    types = np.arange(len(ontology.types))
    coarse = _uniform(np.stack([types, types]), seed, "type") < errors
    return [
        name.split()[-1] if is_coarse else name
        for name, is_coarse in zip(ontology.type_names, coarse, strict=True)
    ]


def _uniform(types: NDArray[np.integer], seed: int, *purpose: str) -> NDArray[np.float64]:
    """Return a random number from 0 to 1 for every two types, (2, n) → (n,)."""
    one, two = types.astype(np.int64)
    return hash_uniform(one << 32 | two, derive_seed(seed, "demo cards", *purpose))
