from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console
from studies import make_study

from karl.reports.study.export import is_numeric, tables_markdown, write_tables
from karl.reports.study.figures import all_figures
from karl.reports.study.model import Study, StudyTable
from karl.reports.study.page import render_page
from karl.reports.study.summary import summary_sentences
from karl.reports.study.tables import study_tables
from karl.reports.study.terminal import study_table

HOSTILE = (
    '</pre></td><script src="https://evil.example/x.js">alert(1)</script>" onload=\'x\' {{ 7*7 }}'
)

STUDY = make_study(folds=(0, 1), seeds=(0,), rounds=2)
ONE_RUN = make_study(arms=("margin",), folds=(None,), seeds=(0,), eval_sets=("ood",), rounds=2)
SEED_ALONE = make_study(arms=("margin",), folds=(None,), seeds=(0,), eval_sets=("ood",), rounds=0)
VOID = {"br", "hr", "img", "link", "meta", "input", "col"}


class Elements(HTMLParser):
    """All elements with their attributes; fails where one is not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def named(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag in tags]


def page_of(study: Study) -> str:
    return render_page(study, study_tables(study), all_figures(study))


@pytest.fixture(scope="module")
def page() -> str:
    return page_of(STUDY)


def assert_refers_to_nothing_outside(page: str) -> None:
    elements = Elements(page)
    assert not elements.named("script", "link", "img", "iframe", "object", "embed", "base")
    assert len(elements.named("style")) == 1
    for _, attributes in elements.found:
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
        for value in attributes.values():
            assert all(
                target.startswith("#") for target in re.findall(r"url\(([^)]*)", value or "")
            )
    style = page[page.index("<style>") : page.index("</style>")]
    assert "@import" not in style and "url(" not in style
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    referred = {v[1:] for _, a in elements.found if (v := a.get("href") or "").startswith("#")}
    assert referred | set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)


def test_the_page_needs_nothing_but_itself(page: str) -> None:
    assert page.startswith("<!DOCTYPE html>")
    assert "http://" not in page and "https://" not in page
    assert_refers_to_nothing_outside(page)
    (policy,) = [m for m in Elements(page).named("meta") if "http-equiv" in m]
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_every_table_and_figure_is_there(page: str) -> None:
    tables, figures = study_tables(STUDY), all_figures(STUDY)
    for table in tables:
        assert f"<span>{table.title}</span></caption>" in page
        assert table.note.replace("'", "&#39;") in page
    drawn = Elements(page).named("svg")
    assert {found["aria-label"] for found in drawn} == {found.alt for found in figures.values()}
    assert all(found["role"] == "img" and "viewbox" in found for found in drawn)
    assert page.count("<figcaption>") == len(figures)
    # The quality of labels, and the mistakes of each set.
    assert page.count("<caption>") == len(tables) + 1 + len(STUDY.eval_sets)


def test_cells_have_headings_and_figures_stand_at_the_right(page: str) -> None:
    headings = Elements(page).named("th")
    assert all(heading["scope"] in {"col", "row", "rowgroup"} for heading in headings)
    rows = sum(len(table.shown) for table in study_tables(STUDY))
    assert page.count('<th scope="row"') >= rows
    assert re.search(r'<td class="n"[^>]*>0\.\d{3} <span class="range">\[', page)


def test_the_contents_lead_to_every_section(page: str) -> None:
    targets = re.findall(r'<li><a href="#([a-z]+)">', page)
    assert targets == re.findall(r'<h2 id="([a-z]+)">', page)
    assert {"curves", "gains", "statistics", "diversity", "classes", "quality"} <= set(targets)
    assert {"cost", "mistakes", "configuration", "manifest", "notes"} <= set(targets)


def test_configuration_manifest_and_notes_are_there(page: str) -> None:
    assert "sampler:\n  name: margin" in page
    assert "&#34;karl&#34;: &#34;0.1.0&#34;" in page
    assert STUDY.notes[0] in page


def test_colours_are_variables_so_that_a_dark_page_can_change_them(page: str) -> None:
    body = page[page.index("<body>") :]
    fills = set(re.findall(r"(?:fill|stroke): ?([^;\"]+)", body))
    assert "var(--ink, #1a1a1a)" in fills and "var(--c1, #0072b2)" in fills
    assert not {fill for fill in fills if fill.startswith("#")}
    assert "font-family" not in body


def test_hostile_text_stays_text() -> None:
    study = make_study(arms=(HOSTILE, "margin"), folds=(None,), seeds=(0,), rounds=1)
    hostile = replace(
        study,
        title=HOSTILE,
        mistakes=study.mistakes.with_columns(title_1=pl.lit(HOSTILE), truth=pl.lit(HOSTILE)),
        config=HOSTILE,
        manifest={HOSTILE: HOSTILE},
        notes=(HOSTILE,),
    )
    page = page_of(hostile)
    assert "<script" not in page
    assert page.count("{{ 7*7 }}") > 5
    assert_refers_to_nothing_outside(page)


def test_only_the_most_certain_mistakes_of_the_best_strategy_are_shown() -> None:
    titles = [f"item number {n:03d}" for n in range(40)]
    rows = STUDY.mistakes.filter(arm="margin", eval_set="ood").head(1)
    many = pl.concat([rows.with_columns(title_1=pl.lit(title)) for title in titles])
    page = page_of(replace(STUDY, mistakes=many))
    shown = re.findall(r"item number (\d{3})", page)
    assert shown == [f"{n:03d}" for n in range(12)]
    assert "OOD: errors of margin" in page


@pytest.mark.parametrize(
    "study",
    [
        pytest.param(ONE_RUN, id="one run"),
        pytest.param(SEED_ALONE, id="seed alone"),
        pytest.param(
            replace(ONE_RUN, metrics=ONE_RUN.metrics.with_columns(diversity=pl.lit(math.nan))),
            id="no diversity",
        ),
        pytest.param(
            Study("empty", ("margin",), *[STUDY.metrics.clear()], *[pl.DataFrame()] * 3),
            id="no rounds",
        ),
        pytest.param(
            replace(
                ONE_RUN,
                labels=ONE_RUN.labels.clear(),
                confusion=ONE_RUN.confusion.clear(),
                mistakes=ONE_RUN.mistakes.clear(),
                quality={},
                config="",
                manifest={},
                notes=(),
            ),
            id="metrics alone",
        ),
    ],
)
def test_a_small_study_has_a_page(study: Study) -> None:
    page = page_of(study)
    assert_refers_to_nothing_outside(page)
    assert study.title in page
    text = re.sub(r"<[^>]*>", " ", page[page.index("<body>") :])
    assert not re.search(r"\b(nan|None|inf)\b", text)


def test_equal_input_gives_equal_pages(page: str) -> None:
    assert page_of(STUDY) == page


def test_the_summary_names_the_best_strategy_and_its_gain() -> None:
    tables = study_tables(STUDY)
    sentences = dict(summary_sentences(STUDY, tables))
    outcome = next(table.frame for table in tables if table.name == "outcome")
    best = outcome.filter(eval_set="ood").sort("last").row(-1, named=True)
    assert list(sentences) == ["ID", "OOD", "Labels"]
    assert sentences["OOD"].startswith(f"{best['arm']} has a macro-F1 of {best['last']:.3f}")
    assert f"{best['gain']:+.3f} [{best['gain_low']:+.3f}" in sentences["OOD"]
    assert "Each of the 4 runs accepted" in sentences["Labels"]


def test_one_run_has_a_summary_without_interval() -> None:
    sentences = dict(summary_sentences(ONE_RUN, study_tables(ONE_RUN)))
    assert "too few for an interval" in sentences["OOD"]
    assert "[" not in sentences["OOD"]
    assert sentences["Labels"].startswith("The run accepted")


TABLE = StudyTable(
    "odd|name",
    "A title",
    "A note.",
    pl.DataFrame({"arm": ["a|b", "<c>"], "score": [0.5, None]}),
    pl.DataFrame({"Strategy": ["a|b", "<c>"], "Score": ["0.500 [0.400, 0.600]", "–"]}),
)


def test_markdown_has_title_note_and_escaped_cells() -> None:
    assert tables_markdown([TABLE]) == (
        "## A title\n\n"
        "| Strategy | Score |\n| --- | ---: |\n"
        "| a\\|b | 0.500 [0.400, 0.600] |\n| \\<c> | – |\n"
        "\nA note.\n"
    )
    assert tables_markdown([TABLE, TABLE]).count("## A title") == 2
    assert tables_markdown([]) == ""


def test_tables_are_written_for_programs_and_for_people(tmp_path: Path) -> None:
    tables = study_tables(STUDY)
    written = write_tables(tables, tmp_path / "tables")
    assert {path.name for path in written} == {
        f"{table.name}.{suffix}" for table in tables for suffix in ("csv", "md")
    }
    assert set((tmp_path / "tables").iterdir()) == set(written)
    for table in tables:
        read = pl.read_csv(tmp_path / "tables" / f"{table.name}.csv")
        assert read.columns == table.frame.columns
        assert len(read) == len(table.frame)


@pytest.mark.parametrize(
    ("cells", "numeric"),
    [
        (["0.1", "–", "+2 %", "-3", "<0.001", "1,234", "not reached"], True),
        (["–", "–"], True),
        (["margin", "0.1"], False),
        (["", ""], False),
    ],
)
def test_figures_are_told_from_names(cells: list[str], numeric: bool) -> None:
    assert is_numeric(pl.Series(cells)) == numeric


@pytest.mark.parametrize("arms", [("random", "margin"), ("random", "margin", "dynamic-kappa=0.5")])
def test_tables_fit_into_a_terminal_with_every_figure(arms: tuple[str, ...]) -> None:
    for table in study_tables(make_study(arms=arms, folds=(0, 1), seeds=(0, 1), rounds=2)):
        console = Console(width=200, force_terminal=False)
        with console.capture() as captured:
            console.print(study_table(table))
        text = captured.get()
        assert max(map(len, text.splitlines())) <= 80
        figures = {
            part
            for row in table.shown.iter_rows()
            for cell in row
            for part in re.findall(r"[+-]?\d[\d.,]*\d", str(cell))
        }
        assert all(figure in text for figure in figures)


def test_brackets_in_names_are_no_markup_in_the_terminal() -> None:
    console = Console(width=80, force_terminal=False)
    shown = pl.DataFrame({"Strategy": ["[bold]x[/bold]"], "Score": ["0.5"]})
    with console.capture() as captured:
        console.print(study_table(replace(TABLE, shown=shown, title="[red]t", note="[/red]")))
    assert "[bold]x[/bold]" in captured.get()
    assert "[red]t" in captured.get()
