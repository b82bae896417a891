"""Catalogues and labelled pairs: types, readers, demo data and splits."""

from karl.datasets.catalogue import Catalogue
from karl.datasets.dataset import Cards, Dataset, DatasetSource
from karl.datasets.pairs import Annotations, LabelledPairs, Votes, ordered_pair_keys, pair_keys

__all__ = [
    "Annotations",
    "Cards",
    "Catalogue",
    "Dataset",
    "DatasetSource",
    "LabelledPairs",
    "Votes",
    "ordered_pair_keys",
    "pair_keys",
]
