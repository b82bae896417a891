"""The ontology's tables: what a row of each file means, and how it is read and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Final, Literal, NoReturn, cast

from karl.labels import N_LABELS, FunctionLabel

__all__ = [
    "Brand",
    "Category",
    "Major",
    "ProductType",
    "TypeRelation",
    "read_brands",
    "read_categories",
    "read_majors",
    "read_relations",
    "read_types",
]

_ANY: Final = "*"
_ALTERNATIVE: Final = "|"
_TYPE_COLUMNS: Final = (
    *("type", "fine_category", "function", "nouns", "sizes", "packs"),
    *("price_low", "price_high", "fit", "fit_values"),
)


@dataclass(frozen=True)
class Major:
    """A major category, on one side of the split, and adjectives for its titles."""

    name: str
    split: Literal["id", "ood"]
    descriptors: tuple[str, ...]


@dataclass(frozen=True)
class Category:
    """A fine category and the colours its goods come in."""

    name: str
    major: str
    colours: tuple[str, ...]


@dataclass(frozen=True)
class ProductType:
    """A kind of good.

    Parameters
    ----------
    name : str
    category : Category
    function : str
        Types with one function are substitutes of each other.
    nouns : tuple of str
        Title phrases; `{fit}` stands for the fit value.
    sizes : tuple of str
        May be empty.
    packs : tuple of int
        Numbers of units sold together.
    price_low, price_high : float
        Range of the price of one unit, in US dollars.
    fit : str
        Attribute that decides what the good fits, such as `battery_size`, or
        empty.
    fit_values : tuple of str
        Empty if and only if `fit` is.
    """

    name: str
    category: Category
    function: str
    nouns: tuple[str, ...]
    sizes: tuple[str, ...]
    packs: tuple[int, ...]
    price_low: float
    price_high: float
    fit: str
    fit_values: tuple[str, ...]


@dataclass(frozen=True)
class TypeRelation:
    """A label of an ordered pair of types.

    With a `fit`, it holds only between items with one value of that attribute.
    """

    type_1: str
    type_2: str
    label: FunctionLabel
    fit: str


@dataclass(frozen=True)
class Brand:
    """An invented brand and the major categories it makes."""

    name: str
    majors: tuple[str, ...]


def read_majors(folder: Traversable) -> dict[str, Major]:
    """Read `majors.tsv`.

    Parameters
    ----------
    folder : Traversable
        Where the tables are.

    Returns
    -------
    dict of str to Major
        By name, in the order of the file.

    Raises
    ------
    ValueError
        If the file breaks its format; names file and row.
    """
    rows = _read(folder, "majors.tsv", ("major_category", "split", "descriptors"))
    majors = {}
    for name, row in _by_name(rows, "major_category"):
        if row["split"] not in ("id", "ood"):
            row.fail(f"split is 'id' or 'ood', got {row['split']!r}")
        split = cast(Literal["id", "ood"], row["split"])
        majors[name] = Major(name, split, row.some("descriptors"))
    return majors


def read_categories(folder: Traversable, majors: Mapping[str, Major]) -> dict[str, Category]:
    """Read `categories.tsv`; as `read_majors`."""
    rows = _read(folder, "categories.tsv", ("fine_category", "major_category", "colours"))
    return {
        name: Category(name, row.known("major_category", majors), row.alternatives("colours"))
        for name, row in _by_name(rows, "fine_category")
    }


def read_types(folder: Traversable, categories: Mapping[str, Category]) -> dict[str, ProductType]:
    """Read `types.tsv`; as `read_majors`."""
    types = {}
    for name, row in _by_name(_read(folder, "types.tsv", _TYPE_COLUMNS), "type"):
        types[name] = ProductType(
            name=name,
            category=categories[row.known("fine_category", categories)],
            function=row.filled("function"),
            nouns=row.some("nouns"),
            sizes=row.alternatives("sizes"),
            packs=tuple(row.count(pack) for pack in row.some("packs")),
            price_low=row.price("price_low"),
            price_high=row.price("price_high"),
            fit=row["fit"],
            fit_values=row.alternatives("fit_values"),
        )
        _check_type(types[name], row)
    return types


def read_relations(
    folder: Traversable, types: Mapping[str, ProductType]
) -> tuple[TypeRelation, ...]:
    """Read `relations.tsv`; as `read_majors`, in the order of the file."""
    rows = _read(folder, "relations.tsv", ("type_1", "type_2", "label", "fit"))
    first: dict[frozenset[str], tuple[int, TypeRelation]] = {}
    for row in rows:
        relation = TypeRelation(
            row.known("type_1", types), row.known("type_2", types), row.label("label"), row["fit"]
        )
        pair = frozenset((relation.type_1, relation.type_2))
        if pair in first:
            number, other = first[pair]
            verb = "repeats" if relation in (other, _swapped(other)) else "contradicts"
            row.fail(f"{relation.type_1!r} and {relation.type_2!r}: {verb} row {number}")
        _check_relation(relation, types, row)
        first[pair] = row.number, relation
    return tuple(relation for _, relation in first.values())


def read_brands(folder: Traversable, majors: Mapping[str, Major]) -> tuple[Brand, ...]:
    """Read `brands.tsv`; as `read_majors`, in the order of the file."""
    brands = []
    for name, row in _by_name(_read(folder, "brands.tsv", ("brand", "majors")), "brand"):
        made = row.some("majors")
        for major in made:
            if major not in majors and made != (_ANY,):
                row.fail(f"{major!r} is not a major category")
        brands.append(Brand(name, tuple(majors) if made == (_ANY,) else made))
    return tuple(brands)


def _check_type(kind: ProductType, row: _Row) -> None:
    if kind.price_low > kind.price_high:
        row.fail("price_low is above price_high")
    if bool(kind.fit) != bool(kind.fit_values):
        row.fail("'fit' and 'fit_values' go together")
    if any(("{fit}" in noun) != bool(kind.fit) for noun in kind.nouns):
        row.fail("every noun of a type with a fit, and no other, contains '{fit}'")


def _check_relation(relation: TypeRelation, types: Mapping[str, ProductType], row: _Row) -> None:
    one, two = types[relation.type_1], types[relation.type_2]
    if one.function == two.function and (relation.label != 1 or relation.fit):
        row.fail(f"both have the function {one.function!r}: only label 1 without fit can be")
    if relation.fit and not relation.fit == one.fit == two.fit:
        row.fail(f"{relation.fit!r} is not the fit of both types")
    if relation.fit and not set(one.fit_values) & set(two.fit_values):
        row.fail(f"the types share no value of {relation.fit!r}")


def _swapped(relation: TypeRelation) -> TypeRelation:
    return TypeRelation(relation.type_2, relation.type_1, relation.label.swapped, relation.fit)


@dataclass(frozen=True)
class _Row:
    """A row of a table, with its place for error messages; the header is row 1."""

    file: str
    number: int
    fields: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.fields[column]

    def fail(self, message: str) -> NoReturn:
        raise ValueError(f"{self.file}, row {self.number}: {message}")

    def filled(self, column: str) -> str:
        return self[column] or self.fail(f"'{column}' is empty")

    def alternatives(self, column: str) -> tuple[str, ...]:
        values = tuple(self[column].split(_ALTERNATIVE)) if self[column] else ()
        if "" in values or len(set(values)) < len(values):
            self.fail(f"'{column}' has an empty or repeated alternative")
        return values

    def some(self, column: str) -> tuple[str, ...]:
        return self.alternatives(column) or self.fail(f"'{column}' is empty")

    def known(self, column: str, names: Iterable[str]) -> str:
        return (
            self[column]
            if self[column] in names
            else self.fail(f"'{column}' is unknown: {self[column]!r}")
        )

    def count(self, text: str) -> int:
        return (
            int(text)
            if text.isdecimal() and int(text)
            else self.fail(f"{text!r} is not a number of units")
        )

    def price(self, column: str) -> float:
        try:
            price = float(self[column])
        except ValueError:
            price = 0.0
        return price if 0 < price < float("inf") else self.fail(f"'{column}' is not a price")

    def label(self, column: str) -> FunctionLabel:
        try:
            return FunctionLabel(int(self[column]))
        except ValueError:
            self.fail(f"'{column}' is a code from 1 to {N_LABELS}, got {self[column]!r}")


def _read(folder: Traversable, file: str, columns: Sequence[str]) -> list[_Row]:
    lines = (folder / file).read_text(encoding="utf-8").splitlines()
    if not lines or lines[0].split("\t") != list(columns):
        raise ValueError(f"{file}, row 1: the columns are {', '.join(columns)}")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        fields = line.split("\t")
        row = _Row(file, number, dict(zip(columns, fields, strict=False)))
        if len(fields) != len(columns):
            row.fail(f"has {len(fields)} fields instead of {len(columns)}")
        rows.append(row)
    return rows


def _by_name(rows: Iterable[_Row], column: str) -> Iterable[tuple[str, _Row]]:
    seen: set[str] = set()
    for row in rows:
        name = row.filled(column)
        if name in seen:
            row.fail(f"{name!r} is there twice")
        seen.add(name)
        yield name, row
