"""The demo world: categories, product types, brands, and the true label of any two items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable

import numpy as np
from numpy.typing import NDArray

from karl.demo.tables import (
    Brand,
    Category,
    Major,
    ProductType,
    TypeRelation,
    read_brands,
    read_categories,
    read_majors,
    read_relations,
    read_types,
)
from karl.labels import FunctionLabel

__all__ = ["Ontology"]

_SAME = FunctionLabel.SAME_FUNCTION
_NONE = FunctionLabel.NO_RELATIONSHIP
_VAGUE = FunctionLabel.HARD_TO_VERBALIZE


@dataclass(frozen=True, eq=False)
class Ontology:
    """Authored knowledge of office and household goods.

    A *type code* is a position in `types`, a *fit code* one in `fit_names`.
    """

    majors: tuple[Major, ...]
    categories: tuple[Category, ...]
    types: tuple[ProductType, ...]
    relations: tuple[TypeRelation, ...]
    brands: tuple[Brand, ...]

    @classmethod
    @cache
    def load(cls) -> Ontology:
        """Return the ontology that comes with KARL, read once."""
        return cls.read(files("karl.demo") / "ontology")

    @classmethod
    def read(cls, folder: Traversable) -> Ontology:
        """Read an ontology from its five tables.

        Raises
        ------
        ValueError
            If a table breaks its format, names something unknown, or says
            something twice; names file and row.
        """
        majors = read_majors(folder)
        categories = read_categories(folder, majors)
        types = read_types(folder, categories)
        return cls(
            majors=tuple(majors.values()),
            categories=tuple(categories.values()),
            types=tuple(types.values()),
            relations=read_relations(folder, types),
            brands=read_brands(folder, majors),
        )

    @cached_property
    def type_names(self) -> tuple[str, ...]:
        """Names of the types, by type code."""
        return tuple(kind.name for kind in self.types)

    @cached_property
    def fit_names(self) -> tuple[str, ...]:
        """All fit values, by fit code; code 0 is the empty one of types without fit."""
        return ("", *sorted({value for kind in self.types for value in kind.fit_values}))

    @cached_property
    def major_codes(self) -> NDArray[np.int64]:
        """Position in `majors` of every type, (n_types,)."""
        codes = {major.name: code for code, major in enumerate(self.majors)}
        return np.array([codes[kind.category.major] for kind in self.types])

    @cached_property
    def is_ood(self) -> NDArray[np.bool_]:
        """Whether a type is of a major category held out of training, (n_types,)."""
        return np.array([major.split == "ood" for major in self.majors])[self.major_codes]

    @cached_property
    def is_named(self) -> NDArray[np.bool_]:
        """Whether `relations` holds a pair of types in either order, (n_types, n_types)."""
        named = np.zeros((len(self.types),) * 2, dtype=bool)
        for one, two, _ in self._coded_relations:
            named[one, two] = named[two, one] = True
        return named

    def true_labels(
        self,
        type_1: NDArray[np.integer],
        fit_1: NDArray[np.integer],
        type_2: NDArray[np.integer],
        fit_2: NDArray[np.integer],
    ) -> NDArray[np.int8]:
        """Return the true function-based labels of ordered pairs of items.

        A relation in `relations` decides; where it needs a fit that the two
        items do not share, the label is 9. Otherwise types of one function
        give 1, or 9 where both have the same fit attribute with different
        values, as two battery sizes. Otherwise types of one fine category
        give 9, and any others 8.

        Parameters
        ----------
        type_1, fit_1, type_2, fit_2 : ndarray of int, (n,)
            Type and fit codes of the first and the second items.

        Returns
        -------
        ndarray of int8, (n,)
        """
        fitting, other = self._tables
        labels = np.where(fit_1 == fit_2, fitting[type_1, type_2], other[type_1, type_2])
        return np.asarray(labels, dtype=np.int8)

    @cached_property
    def _coded_relations(self) -> list[tuple[int, int, TypeRelation]]:
        code = {name: position for position, name in enumerate(self.type_names)}
        return [(code[link.type_1], code[link.type_2], link) for link in self.relations]

    @cached_property
    def _tables(self) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """Labels of type pairs whose items have one fit value, and of those that do not."""
        same_category = _equal([kind.category.name for kind in self.types])
        same_function = _equal([kind.function for kind in self.types])
        has_fit = np.array([bool(kind.fit) for kind in self.types])
        same_fit = _equal([kind.fit for kind in self.types]) & has_fit
        fitting = np.where(same_category, _VAGUE, _NONE).astype(np.int8)
        fitting[same_function] = _SAME
        other = fitting.copy()
        other[same_function & same_fit] = _VAGUE
        for one, two, link in self._coded_relations:
            fitting[one, two], fitting[two, one] = link.label, link.label.swapped
            unfit = (_VAGUE, _VAGUE) if link.fit else (link.label, link.label.swapped)
            other[one, two], other[two, one] = unfit
        return fitting, other


def _equal(values: Sequence[str]) -> NDArray[np.bool_]:
    """Return which values are equal to which, (n, n)."""
    _, codes = np.unique(values, return_inverse=True)
    return np.asarray(codes[:, None] == codes[None, :])
