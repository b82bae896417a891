"""The demo data set: a generated catalogue with simulated human labels."""

from __future__ import annotations

from functools import partial
from typing import Literal

import polars as pl
from pydantic import Field
from pydantic.dataclasses import dataclass

from karl.datasets.aggregate import PairSet, labelled_by_two
from karl.datasets.catalogue import Catalogue
from karl.datasets.dataset import ID, OOD, Dataset
from karl.demo.cards import demo_cards
from karl.demo.generator import generate_catalogue
from karl.demo.pairs import generate_pairs, true_labels
from karl.errors import ConfigError

__all__ = ["Demo"]


@dataclass(frozen=True)
class Demo:
    """Office and household goods, free to use, the same for the same settings.

    The out-of-distribution set has pairs of major categories that the
    in-distribution set has none of.

    Parameters
    ----------
    items : int
        Size of the catalogue.
    id_pairs, ood_pairs : int
        Pairs shown to three simulated annotators; those without two equal
        answers are dropped, as in FBL2023.
    seed : int
        Of the catalogue, of the annotators and of the mistakes on item cards.
    card_errors : float
        How much of what item cards tell (`cards=recorded`) is wrong, from 0 to 1. Of the
        entries of their lists, and of functions, a share `card_errors` / 2 is missing, and in
        the place of as many stands something wrong: another good of the same major category,
        the function of one, or another major category in `used_in`. What one of two types'
        cards gets wrong about the other, the other's does too. A share `card_errors` of the
        types has only the last word of its name ("pen" for "gel pen"; a single word stays as
        it is). Categories are right. Items of one type have one card. True labels are made of
        what cards tell: 0 gives nearly everything away.
    """

    items: int = Field(default=3000, ge=1)
    id_pairs: int = Field(default=1200, ge=1)
    ood_pairs: int = Field(default=800, ge=1)
    seed: int = Field(default=0, ge=0)
    card_errors: float = Field(default=0.4, ge=0, le=1)

    def load(self) -> Dataset:
        """Generate the data set; see `DatasetSource.load`.

        Raises
        ------
        ConfigError
            If the catalogue is too small for so many pairs.
        """
        table = generate_catalogue(self.items, self.seed)
        sets = {
            ID: self._labelled(table, "id", self.id_pairs),
            OOD: self._labelled(table, "ood", self.ood_pairs),
        }
        return Dataset(
            "demo",
            Catalogue(table),
            {name: found.pairs for name, found in sets.items()},
            truth=partial(true_labels, table),
            cards=demo_cards(table, self.card_errors, self.seed),
            annotations={name: found.annotations for name, found in sets.items()},
        )

    def _labelled(self, table: pl.DataFrame, split: Literal["id", "ood"], n_pairs: int) -> PairSet:
        try:
            votes = generate_pairs(table, split, n_pairs, self.seed)
        except ValueError as error:
            raise ConfigError(
                f"data.{split}_pairs={n_pairs}: {error}", hint="Raise data.items, or lower it."
            ) from error
        return PairSet.of(labelled_by_two(votes.items, votes.codes))
