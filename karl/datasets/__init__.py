"""Catalogues and labelled pairs: types, readers and splits."""

from karl.datasets.catalogue import Catalogue
from karl.datasets.dataset import Dataset, DatasetSource
from karl.datasets.pairs import Annotations, LabelledPairs, Votes, ordered_pair_keys, pair_keys

__all__ = [
    "Annotations",
    "Catalogue",
    "Dataset",
    "DatasetSource",
    "LabelledPairs",
    "Votes",
    "ordered_pair_keys",
    "pair_keys",
]
