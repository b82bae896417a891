from __future__ import annotations

import shutil
from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from karl.demo.ontology import Ontology
from karl.labels import Relation, swap_labels

ONTOLOGY = Ontology.load()
TYPE_CODE = {name: code for code, name in enumerate(ONTOLOGY.type_names)}
FIT_CODE = {name: code for code, name in enumerate(ONTOLOGY.fit_names)}


def label_of(type_1: str, type_2: str, fit_1: str = "", fit_2: str = "") -> int:
    codes = TYPE_CODE[type_1], FIT_CODE[fit_1], TYPE_CODE[type_2], FIT_CODE[fit_2]
    return int(ONTOLOGY.true_labels(*(np.array([code]) for code in codes))[0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the tables to break."""
    with_tables = tmp_path / "ontology"
    shutil.copytree(str(files("karl.demo") / "ontology"), with_tables)
    return with_tables


def append(path: Path, *fields: str) -> int:
    """Append a row and return its number; the header is row 1."""
    text = path.read_text(encoding="utf-8") + "\t".join(fields) + "\n"
    path.write_text(text, encoding="utf-8")
    return text.count("\n")


def test_is_large_enough() -> None:
    assert len(ONTOLOGY.majors) >= 14
    assert sum(major.split == "ood" for major in ONTOLOGY.majors) in (4, 5)
    assert len(ONTOLOGY.categories) >= 110
    assert len(ONTOLOGY.types) >= 270
    assert len(ONTOLOGY.relations) >= 560
    assert len(ONTOLOGY.brands) >= 40


def test_uses_every_label_substantively() -> None:
    labels = Counter(int(link.label) for link in ONTOLOGY.relations)
    assert sorted(labels) == list(range(1, 10))
    assert min(labels.values()) >= 40


def test_every_type_is_complementary_to_another() -> None:
    complementary = [
        link for link in ONTOLOGY.relations if link.label.relation is Relation.COMPLEMENTARY
    ]
    linked = {name for link in complementary for name in (link.type_1, link.type_2)}
    assert linked == set(ONTOLOGY.type_names)


def test_held_out_majors_have_complementary_relations_of_their_own() -> None:
    major_of = {kind.name: kind.category.major for kind in ONTOLOGY.types}
    within = Counter(
        major_of[link.type_1]
        for link in ONTOLOGY.relations
        if link.label.relation is Relation.COMPLEMENTARY
        and major_of[link.type_1] == major_of[link.type_2]
    )
    assert set(within) == {major.name for major in ONTOLOGY.majors}
    assert all(within[major.name] >= 25 for major in ONTOLOGY.majors if major.split == "ood")


def test_no_noun_belongs_to_two_types() -> None:
    nouns = Counter(noun.lower() for kind in ONTOLOGY.types for noun in kind.nouns)
    assert max(nouns.values()) == 1
    assert all(2 <= len(kind.nouns) <= 4 for kind in ONTOLOGY.types)


def test_every_category_and_major_and_brand_is_used() -> None:
    assert {kind.category for kind in ONTOLOGY.types} == set(ONTOLOGY.categories)
    assert {kind.category.major for kind in ONTOLOGY.types} == {m.name for m in ONTOLOGY.majors}
    assert {name for b in ONTOLOGY.brands for name in b.majors} == {m.name for m in ONTOLOGY.majors}


@pytest.mark.parametrize(
    ("type_1", "type_2", "expected"),
    [
        ("ballpoint pen", "ballpoint pen", 1),
        ("ballpoint pen", "gel pen", 1),
        ("ballpoint pen", "ballpoint refill", 2),
        ("ballpoint refill", "ballpoint pen", 3),
        ("laminator", "laminating pouches", 4),
        ("laptop", "lawn mower", 8),
        ("mouse", "mouse trap", 8),
        ("staples", "staple remover", 9),
        ("fountain pen", "bottled ink", 2),
    ],
)
def test_the_truth_without_fit(type_1: str, type_2: str, expected: int) -> None:
    assert label_of(type_1, type_2) == expected


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (("alkaline batteries", "AA"), ("rechargeable batteries", "AA"), 1),
        (("alkaline batteries", "AA"), ("alkaline batteries", "AAA"), 9),
        (("flashlight", "AA"), ("flashlight", "D"), 1),
        (("flashlight", "AA"), ("alkaline batteries", "AA"), 2),
        (("flashlight", "AA"), ("alkaline batteries", "AAA"), 9),
        (("laser printer", "Lumera L200"), ("toner cartridge", "Lumera L200"), 2),
        (("toner cartridge", "Lumera L200"), ("laser printer", "Lumera L450"), 9),
        (("laser printer", "Lumera L200"), ("inkjet printer", "Quillo Q12"), 1),
        (("bolts", "M4"), ("nuts", "M4"), 4),
        (("bolts", "M4"), ("nuts", "M6"), 9),
    ],
)
def test_the_truth_with_fit(one: tuple[str, str], two: tuple[str, str], expected: int) -> None:
    assert label_of(one[0], two[0], one[1], two[1]) == expected


types = st.integers(0, len(ONTOLOGY.types) - 1)
fits = st.integers(0, len(ONTOLOGY.fit_names) - 1)


@given(st.lists(st.tuples(types, fits, types, fits), min_size=1, max_size=200))
def test_the_truth_swaps_by_the_swap_rule(pairs: list[tuple[int, int, int, int]]) -> None:
    type_1, fit_1, type_2, fit_2 = np.array(pairs).T
    there = ONTOLOGY.true_labels(type_1, fit_1, type_2, fit_2)
    back = ONTOLOGY.true_labels(type_2, fit_2, type_1, fit_1)
    assert there.dtype == np.int8
    assert there.min() >= 1
    np.testing.assert_array_equal(swap_labels(there), back)


def test_every_relation_without_fit_is_true() -> None:
    links = [link for link in ONTOLOGY.relations if not link.fit]
    assert all(label_of(link.type_1, link.type_2) == link.label for link in links)


def test_is_read_once() -> None:
    assert Ontology.load() is Ontology.load()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("ballpoint pen", "time machine", "7", ""), "'type_2' is unknown: 'time machine'"),
        (("laptop", "lawn mower", "10", ""), "'label' is a code from 1 to 9"),
        (("laptop", "lawn mower", "seven", ""), "'label' is a code from 1 to 9"),
        (("ballpoint refill", "ballpoint pen", "3", ""), "repeats row"),
        (("ballpoint pen", "ballpoint refill", "7", ""), "contradicts row"),
        (("dry dog food", "wet dog food", "7", ""), "only label 1"),
        (("laptop", "lawn mower", "5", "battery_size"), "is not the fit of both types"),
        (("button cells", "laptop", "8"), "has 3 fields instead of 4"),
    ],
)
def test_names_file_and_row_of_a_bad_relation(
    folder: Path, fields: tuple[str, ...], message: str
) -> None:
    row = append(folder / "relations.tsv", *fields)
    with pytest.raises(ValueError, match=f"^relations.tsv, row {row}: .*{message}"):
        Ontology.read(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "'kite' is there twice"),
        ({"fine_category": "Flying"}, "'fine_category' is unknown"),
        ({"function": ""}, "'function' is empty"),
        ({"nouns": ""}, "'nouns' is empty"),
        ({"nouns": "kite|kite"}, "repeated alternative"),
        ({"nouns": "{fit} kite"}, "contains '{fit}'"),
        ({"packs": "1|no"}, "'no' is not a number of units"),
        ({"price_low": "nan"}, "'price_low' is not a price"),
        ({"price_low": "30"}, "price_low is above price_high"),
        ({"fit": "wind"}, "go together"),
    ],
)
def test_names_file_and_row_of_a_bad_type(
    folder: Path, changes: dict[str, str], message: str
) -> None:
    kite = {"type": "kite", "fine_category": "Dolls", "function": "kite", "nouns": "kite"}
    kite |= {"sizes": "", "packs": "1", "price_low": "5", "price_high": "20"}
    kite |= {"fit": "", "fit_values": ""}
    append(folder / "types.tsv", *kite.values())
    if changes:
        kite |= {"type": "stunt kite"} | changes
    row = append(folder / "types.tsv", *kite.values())
    with pytest.raises(ValueError, match=f"^types.tsv, row {row}: .*{message}"):
        Ontology.read(folder)


def test_refuses_a_wrong_header_split_or_brand(folder: Path) -> None:
    row = append(folder / "brands.tsv", "Someone", "Weather")
    with pytest.raises(ValueError, match=f"^brands.tsv, row {row}: 'Weather'"):
        Ontology.read(folder)
    row = append(folder / "majors.tsv", "Weather", "test", "wet")
    with pytest.raises(ValueError, match=f"^majors.tsv, row {row}: split is"):
        Ontology.read(folder)
    (folder / "majors.tsv").write_text("name\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"^majors.tsv, row 1: the columns are major_category"):
        Ontology.read(folder)
