from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from reports.reading import render
from reports.studies import make_study

from karl.evaluation.statistics import Interval
from karl.reports.numbers import count, score
from karl.reports.table import Column, Table, markdown_table
from karl.reports.tables import study_tables

COLUMNS = (
    Column("arm", "Strategy", right=False),
    Column("score", "Score", score),
    Column("n", "Runs", count, unknown="none"),
)
ROWS = [
    {"arm": "a|b", "score": Interval(0.5, 0.4, 0.6), "n": 1234},
    {"arm": "<c>", "score": Interval(float("nan")), "n": None},
]
TABLE = Table("odd", "A title", "A note.", ROWS, COLUMNS)
STUDY = make_study(folds=(0, 1), seeds=(0,), rounds=2)


def test_programs_get_numbers_and_bounds() -> None:
    assert TABLE.frame.to_dict(as_series=False) == {
        "arm": ["a|b", "<c>"],
        "score": [0.5, None],
        "score_low": [0.4, None],
        "score_high": [0.6, None],
        "n": [1234, None],
    }


def test_a_column_that_nothing_is_known_of_is_one_of_numbers() -> None:
    assert Table("t", "", "", [{"arm": "a", "x": None}], COLUMNS).frame["x"].dtype == pl.Float64


def test_people_get_text_and_what_stands_for_the_unknown() -> None:
    assert TABLE.headings == ("Strategy", "Score", "Runs")
    assert TABLE.lines == [("a|b", "0.500 [0.400, 0.600]", "1,234"), ("<c>", "–", "none")]


def test_markdown_has_title_note_and_escaped_cells() -> None:
    assert TABLE.markdown() == (
        "## A title\n\n"
        "| Strategy | Score | Runs |\n| --- | ---: | ---: |\n"
        "| a\\|b | 0.500 [0.400, 0.600] | 1,234 |\n| \\<c> | – | none |\n"
        "\nA note.\n"
    )


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("p <0.001, d_z", "p <0.001, d_z"),
        ("_a_ *b* `c`", r"\_a\_ \*b\* \`c\`"),
        ("</td>\nx", r"\</td> x"),
        ("a\\|b", r"a\\\|b"),
    ],
)
def test_only_what_markdown_would_take_for_its_own_is_escaped(cell: str, written: str) -> None:
    assert markdown_table(["x"], [(cell,)])[-1] == f"| {written} |"


def test_a_turned_table_has_its_columns_as_rows_in_groups() -> None:
    columns = (COLUMNS[0], Column("score", "Score", score, group="Scores"), COLUMNS[2])
    table = Table("turned", "", "", ROWS, columns, turned=True)

    assert table.headings == ("Strategy", "a|b", "<c>")
    assert table.lines[:2] == [("Scores",), ("Score", "0.500 [0.400, 0.600]", "–")]
    assert "| **Scores** |  |  |" in table.markdown()


def test_tables_are_written_for_programs_and_for_people(tmp_path: Path) -> None:
    tables = study_tables(STUDY)
    for table in tables.values():
        table.write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.{suffix}" for name in tables for suffix in ("csv", "md")
    }
    for name, table in tables.items():
        read = pl.read_csv(tmp_path / f"{name}.csv")
        assert read.columns == table.frame.columns
        assert len(read) == len(table.frame)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("arms", [("random", "margin"), ("random", "margin", "dynamic-kappa=0.5")])
def test_tables_fit_into_a_terminal_with_every_figure(arms: tuple[str, ...], width: int) -> None:
    for table in study_tables(make_study(arms=arms, folds=(0, 1), seeds=(0, 1), rounds=2)).values():
        lines = render(table, width)
        assert max(map(len, lines)) <= width
        text = "\n".join(lines)
        figures = {
            part
            for line in table.lines
            for cell in line
            for part in re.findall(r"[+-]?\d[\d.,]*\d", cell)
        }
        assert all(figure in text for figure in figures)


def test_brackets_in_names_are_no_markup_in_the_terminal() -> None:
    rows = [{"arm": "[bold]x[/bold]", "score": 0.5, "n": 1}]
    text = "\n".join(render(Table("t", "[red]t", "[/red]", rows, COLUMNS)))
    assert "[bold]x[/bold]" in text
    assert "[red]t" in text
