from __future__ import annotations

from pathlib import Path

import pytest
from cards.card_shop import dataset

from karl.cards.categories import MAX_MAJORS, CategoryList
from karl.cards.survey import grow, sample_titles, typical_categories
from karl.errors import DataError


def test_names_that_differ_in_case_or_punctuation_are_one() -> None:
    found = CategoryList.of([("Desk", "Gel Pens"), ("desk", "gel-pens"), ("DESK ", "mugs")])
    assert found.majors == {"Desk": ("Gel Pens", "mugs")}


def test_a_fine_category_stays_where_it_came_first() -> None:
    grown = CategoryList({}).grown_by([("desk", "pens"), ("home", "Pens"), ("home", "mugs")])
    assert grown.majors == {"desk": ("pens",), "home": ("mugs",)}


def test_there_is_room_for_so_many_major_categories() -> None:
    grown = CategoryList({}).grown_by((f"major {n}", f"fine {n}") for n in range(99))
    assert len(grown.majors) == MAX_MAJORS
    more = grown.grown_by([("new", "pens"), ("major 3", "mugs")])
    assert more.fines == sorted([*grown.fines, "mugs"])


def test_two_fine_categories_of_one_name_are_told_apart_by_their_major() -> None:
    found = CategoryList.of([("phones", "cases"), ("glasses", "cases")])
    assert found.resolve("phones", "Cases") == ("phones", "cases")
    assert found.resolve("desk", "cases") == (None, None)


def test_a_list_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written = CategoryList.of([("desk, home", "pens"), ('a "b"', None), ("机", "ペン")])
    written.write(tmp_path / "list.csv")
    assert CategoryList.read(tmp_path / "list.csv") == written


def test_a_table_that_is_no_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("major_category,fine_category\ndesk,pens\n,mugs\n")
    with pytest.raises(DataError, match=r"row 3, column 'major_category': is blank"):
        CategoryList.read(path)
    path.write_text("major_category,kind\ndesk,pens\n")
    with pytest.raises(DataError, match="column 'fine_category': the column is missing"):
        CategoryList.read(path)


def test_the_sample_does_not_depend_on_the_order_of_items() -> None:
    titles = [f"thing {n}" for n in range(50)]
    sample = sample_titles(dataset(titles).catalogue, 10)
    assert sample == sample_titles(dataset(titles[::-1] * 2).catalogue, 10)
    assert len(set(sample)) == 10
    assert sample[:5] == sample_titles(dataset(titles).catalogue, 5)


def test_a_chunk_without_an_answer_adds_nothing() -> None:
    answers = iter([[["desk", "pens"]], None])
    survey = grow([f"thing {n}" for n in range(61)], lambda _: next(answers))
    assert survey.categories.majors == {"desk": ("pens",)}
    assert survey.n_unanswered == 1
    assert "pens" in survey.questions[1].content


@pytest.mark.parametrize(("n", "fewest", "most"), [(1, 1, 1), (60, 40, 60), (300, 150, 220)])
def test_a_typical_list_grows_with_the_sample(n: int, fewest: int, most: int) -> None:
    assert fewest <= len(typical_categories(n).fines) <= most
    assert len(typical_categories(n).majors) <= MAX_MAJORS
