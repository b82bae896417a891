"""No item cards: the catalogue as it is."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from karl.cards.base import Cards
from karl.datasets import Catalogue, Dataset
from karl.llm.budget import Account

__all__ = ["NoCards"]


@dataclass(frozen=True)
class NoCards(Cards):
    """No cards: the catalogue as it is."""

    def apply(self, dataset: Dataset, account: Account) -> Catalogue:
        """Return the catalogue of the data set."""
        return dataset.catalogue
