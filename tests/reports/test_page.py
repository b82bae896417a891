from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import polars as pl
import pytest
from studies import make_study

from karl.reports.figures import study_figures
from karl.reports.page import render_page
from karl.reports.study import Study
from karl.reports.summary import summary_sentences
from karl.reports.tables import study_tables

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
    tables = study_tables(study)
    return render_page(study, tables, study_figures(study, tables))


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
    tables = study_tables(STUDY)
    figures = study_figures(STUDY, tables)
    for table in tables.values():
        assert f"<span>{table.title}</span></caption>" in page
        assert table.note.replace("'", "&#39;") in page
    drawn = Elements(page).named("svg")
    assert {found["aria-label"] for found in drawn} == {found.alt for found in figures}
    assert all(found["role"] == "img" and "viewbox" in found for found in drawn)
    assert page.count("<figcaption>") == len(figures)
    assert page.count("<caption>") == len(tables)


def test_the_rounds_of_a_single_run_are_its_curves() -> None:
    titles = re.findall("<caption><span>(.*?)</span>", page_of(ONE_RUN))
    assert [title.partition(":")[0] for title in titles].count("Macro-F1 by round") == 1


def test_cells_have_headings_and_figures_stand_at_the_right(page: str) -> None:
    headings = Elements(page).named("th")
    assert all(heading["scope"] in {"col", "row", "rowgroup"} for heading in headings)
    rows = sum(len(table.rows) for table in study_tables(STUDY).values())
    assert page.count('<th scope="row"') >= rows
    assert re.search(r'<td class="n"[^>]*>0\.\d{3} <span class="range">\[', page)


def test_the_contents_lead_to_every_section(page: str) -> None:
    targets = re.findall(r'<li><a href="#([a-z]+)">', page)
    assert targets == re.findall(r'<h2 id="([a-z]+)">', page)
    assert {"curves", "gains", "statistics", "diversity", "classes", "quality"} <= set(targets)
    assert {"cost", "mistakes", "configuration", "notes"} <= set(targets)


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


def test_the_summary_names_the_best_strategy_its_gain_and_that_of_each_class() -> None:
    tables = study_tables(STUDY)
    sentences = dict(summary_sentences(STUDY, tables))
    best = tables["outcome"].frame.filter(eval_set="ood").sort("last").row(-1, named=True)
    assert list(sentences) == ["ID", "ID by class", "OOD", "OOD by class", "Labels"]
    assert sentences["OOD"].startswith(f"{best['arm']} has a macro-F1 of {best['last']:.3f}")
    assert f"{best['gain']:+.3f} [{best['gain_low']:+.3f}" in sentences["OOD"]
    assert "the highest of 2 strategies" in sentences["OOD"]
    for row in tables["classes"].frame.filter(eval_set="ood", arm=best["arm"]).to_dicts():
        told = f"{row['relation']} {row['seed']:.3f} → {row['last']:.3f} ({row['gain']:+.3f} ["
        assert told in sentences["OOD by class"]
    assert "Each of the 4 runs accepted" in sentences["Labels"]


def test_one_run_has_a_summary_without_interval() -> None:
    sentences = dict(summary_sentences(ONE_RUN, study_tables(ONE_RUN)))
    assert "there is one run" in sentences["Certainty"]
    assert not any("[" in sentence for sentence in sentences.values())
    assert sentences["Labels"].startswith("The run accepted")
