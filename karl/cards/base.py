"""Item cards: what is known of an item beyond its title, as further catalogue columns."""

from __future__ import annotations

from abc import ABC, abstractmethod

from karl.datasets import Catalogue, Dataset
from karl.llm.budget import Account
from karl.llm.estimate import Estimate

__all__ = ["Cards"]


class Cards(ABC):
    """What is known of items beyond the catalogue: one class and one YAML each."""

    @abstractmethod
    def apply(self, dataset: Dataset, account: Account) -> Catalogue:
        """Return the data set's catalogue with the columns of the cards.

        The account pays for cards that are yet to be written.

        Raises
        ------
        DataError
            If the cards are missing or break their format.
        """

    def estimate(self, dataset: Dataset, account: Account) -> list[Estimate]:
        """Estimate what the cards that are missing would take; empty if they cost nothing."""
        return []

    def preview(self, dataset: Dataset) -> Catalogue:
        """Return the catalogue with stand-ins for cards, as long as these are not written."""
        return dataset.catalogue
