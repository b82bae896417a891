"""Catalogues and labelled pairs: types, readers, demo data and splits."""

from karl.datasets.catalogue import Catalogue
from karl.datasets.dataset import Cards, Dataset, DatasetSource
from karl.datasets.pairs import Annotations, LabelledPairs, Votes, pair_keys

__all__ = [
    "Annotations",
    "Cards",
    "Catalogue",
    "Dataset",
    "DatasetSource",
    "LabelledPairs",
    "Votes",
    "pair_keys",
]
