"""Features of item pairs: what a classifier sees of them."""

from karl.features.base import Features
from karl.features.items import Items
from karl.features.vectors import PairFeatures

__all__ = ["Features", "Items", "PairFeatures"]
