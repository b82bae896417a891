"""The ontology's tables: what a row of each file means, and how it is read and checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Final, NoReturn

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
    split: str
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
    function : str
        Types with one function are substitutes of each other.
    nouns : tuple of str
        Title phrases; `{fit}` stands for the fit value.
    packs : tuple of int
        Numbers of units sold together.
    price_low, price_high : float
        Range of the price of one unit, in US dollars.
    fit : str
        Attribute that decides what the good fits, such as `battery_size`; empty
        if and only if `fit_values` is.
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

    @property
    def swapped(self) -> TypeRelation:
        """The same relation, told of the types in the other order."""
        return TypeRelation(self.type_2, self.type_1, self.label.swapped, self.fit)


@dataclass(frozen=True)
class Brand:
    """An invented brand and the major categories it makes."""

    name: str
    majors: tuple[str, ...]


# Each reader raises a ValueError that names file and row where a table breaks its format.


def read_majors(folder: Traversable) -> dict[str, Major]:
    """Read `majors.tsv`: majors by name, in the order of the file."""
    return {
        name: Major(name, row.split("split"), row.some("descriptors"))
        for name, row in _named(folder, "majors.tsv", "major_category", "split", "descriptors")
    }


def read_categories(folder: Traversable, majors: Mapping[str, Major]) -> dict[str, Category]:
    """Read `categories.tsv`; as `read_majors`."""
    rows = _named(folder, "categories.tsv", "fine_category", "major_category", "colours")
    return {
        name: Category(name, row.known("major_category", majors), row.alternatives("colours"))
        for name, row in rows
    }


def read_types(folder: Traversable, categories: Mapping[str, Category]) -> dict[str, ProductType]:
    """Read `types.tsv`; as `read_majors`."""
    types = {}
    for name, row in _named(folder, "types.tsv", *_TYPE_COLUMNS):
        kind = types[name] = ProductType(
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
        row.check(kind.price_low <= kind.price_high, "price_low is above price_high")
        row.check(bool(kind.fit) == bool(kind.fit_values), "'fit' and 'fit_values' go together")
        row.check(
            all(("{fit}" in noun) == bool(kind.fit) for noun in kind.nouns),
            "every noun of a type with a fit, and no other, contains '{fit}'",
        )
    return types


def read_relations(
    folder: Traversable, types: Mapping[str, ProductType]
) -> tuple[TypeRelation, ...]:
    """Read `relations.tsv`, in the order of the file."""
    first: dict[frozenset[str], tuple[int, TypeRelation]] = {}
    for row in _read(folder, "relations.tsv", "type_1", "type_2", "label", "fit"):
        one, two = (types[row.known(column, types)] for column in ("type_1", "type_2"))
        found = TypeRelation(one.name, two.name, row.label("label"), row["fit"])
        number, other = first.setdefault(frozenset((one.name, two.name)), (row.number, found))
        if number != row.number:
            verb = "repeats" if found in (other, other.swapped) else "contradicts"
            row.fail(f"{one.name!r} and {two.name!r}: {verb} row {number}")
        row.check(
            one.function != two.function or (found.label == 1 and not found.fit),
            f"both have the function {one.function!r}: only label 1 without fit can be",
        )
        if found.fit:
            row.check(
                found.fit == one.fit == two.fit, f"{found.fit!r} is not the fit of both types"
            )
            row.check(
                bool(set(one.fit_values) & set(two.fit_values)),
                f"the types share no value of {found.fit!r}",
            )
    return tuple(relation for _, relation in first.values())


def read_brands(folder: Traversable, majors: Mapping[str, Major]) -> tuple[Brand, ...]:
    """Read `brands.tsv`, in the order of the file."""
    brands = []
    for name, row in _named(folder, "brands.tsv", "brand", "majors"):
        made = row.some("majors")
        if made == (_ANY,):
            made = tuple(majors)
        for major in made:
            row.check(major in majors, f"{major!r} is not a major category")
        brands.append(Brand(name, made))
    return tuple(brands)


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

    def check(self, holds: bool, message: str) -> None:
        if not holds:
            self.fail(message)

    def filled(self, column: str) -> str:
        return self[column] or self.fail(f"'{column}' is empty")

    def alternatives(self, column: str) -> tuple[str, ...]:
        values = tuple(self[column].split(_ALTERNATIVE)) if self[column] else ()
        distinct = "" not in values and len(set(values)) == len(values)
        self.check(distinct, f"'{column}' has an empty or repeated alternative")
        return values

    def some(self, column: str) -> tuple[str, ...]:
        return self.alternatives(column) or self.fail(f"'{column}' is empty")

    def known(self, column: str, names: Iterable[str]) -> str:
        self.check(self[column] in names, f"'{column}' is unknown: {self[column]!r}")
        return self[column]

    def split(self, column: str) -> str:
        self.check(
            self[column] in ("id", "ood"), f"{column} is 'id' or 'ood', got {self[column]!r}"
        )
        return self[column]

    def count(self, text: str) -> int:
        self.check(text.isdecimal() and int(text) > 0, f"{text!r} is not a number of units")
        return int(text)

    def price(self, column: str) -> float:
        try:
            price = float(self[column])
        except ValueError:
            price = 0.0
        self.check(0 < price < float("inf"), f"'{column}' is not a price")
        return price

    def label(self, column: str) -> FunctionLabel:
        try:
            return FunctionLabel(int(self[column]))
        except ValueError:
            self.fail(f"'{column}' is a code from 1 to {N_LABELS}, got {self[column]!r}")


def _read(folder: Traversable, file: str, *columns: str) -> Iterator[_Row]:
    header, *lines = (folder / file).read_text(encoding="utf-8").splitlines() or [""]
    if header.split("\t") != list(columns):
        raise ValueError(f"{file}, row 1: the columns are {', '.join(columns)}")
    for number, line in enumerate(lines, start=2):
        fields = line.split("\t")
        row = _Row(file, number, dict(zip(columns, fields, strict=False)))
        row.check(
            len(fields) == len(columns), f"has {len(fields)} fields instead of {len(columns)}"
        )
        yield row


def _named(folder: Traversable, file: str, *columns: str) -> Iterator[tuple[str, _Row]]:
    """Give the rows of a table with their names, which stand in its first column."""
    seen: set[str] = set()
    for row in _read(folder, file, *columns):
        name = row.filled(columns[0])
        row.check(name not in seen, f"{name!r} is there twice")
        seen.add(name)
        yield name, row
