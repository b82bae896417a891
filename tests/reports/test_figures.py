from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from studies import make_study

from karl.reports.drawings import confusion_counts
from karl.reports.figures import ReportFigure, save_figures, study_figures
from karl.reports.study import Study
from karl.reports.style import LABEL_PT, TICK_PT, arm_styles, shorten, spread
from karl.reports.tables import best_arm, study_tables

KINDS = ("curve", "labels", "usd", "diversity", "classes", "confusion")

SMALL = make_study(folds=(0, 1), seeds=(0,), rounds=2)
ONE_RUN = make_study(arms=("margin",), folds=(None,), seeds=(0,), eval_sets=("ood",), rounds=2)
SEED_ALONE = make_study(arms=("margin",), folds=(None,), seeds=(0,), eval_sets=("ood",), rounds=0)
MANY_ARMS = make_study(
    arms=[f"dynamic-diversity-with-a-long-name={n}" for n in range(16)],
    folds=(None,),
    seeds=(0, 1),
    rounds=2,
    eval_sets=("ood",),
)


def all_figures(study: Study) -> dict[str, ReportFigure]:
    return {found.name: found for found in study_figures(study, study_tables(study))}


def saved(study: Study, folder: Path) -> list[Path]:
    save_figures(list(all_figures(study).values()), folder)
    return sorted(folder.iterdir())


def without_diversity(study: Study) -> Study:
    return replace(study, metrics=study.metrics.with_columns(diversity=pl.lit(math.nan)))


def free_of_charge(study: Study) -> Study:
    return replace(study, metrics=study.metrics.with_columns(llm_cost_usd=pl.lit(0.0)))


def sizes_of_text(figure: Figure) -> list[float]:
    shown = figure.findobj(lambda artist: hasattr(artist, "get_fontsize"))
    return [text.get_fontsize() for text in shown if text.get_text()]


@pytest.fixture(scope="module")
def figures() -> dict[str, ReportFigure]:
    return all_figures(SMALL)


def test_every_evaluation_set_has_every_figure(figures) -> None:
    assert set(figures) == {f"{kind}-{name}" for kind in KINDS for name in ("id", "ood")}
    for name, found in figures.items():
        assert (found.name, found.kind) == (name, name.split("-")[0])


def test_text_is_large_enough_for_a_phone_and_inside_the_figure(figures) -> None:
    for found in [*figures.values(), *all_figures(MANY_ARMS).values()]:
        assert found.figure.get_size_inches()[0] == pytest.approx(4.8)
        assert min(sizes_of_text(found.figure)) >= min(LABEL_PT, TICK_PT) >= 9
        extent = found.figure.get_tightbbox()
        width, height = found.figure.get_size_inches()
        assert extent.x0 >= 0 and extent.y0 >= 0
        assert extent.x1 <= width and extent.y1 <= height


def test_the_alternative_text_says_the_main_thing_shortly(figures) -> None:
    mean = SMALL.metrics.filter(eval_set="ood", arm="margin", round=2)["macro_f1"].mean()
    assert f"margin is highest with {mean:.3f} at round 2" in figures["curve-ood"].alt
    assert "from 0.800 to 0.820" in figures["diversity-ood"].alt
    assert "margin: complementary 0." in figures["classes-ood"].alt
    assert "% of substitute" in figures["confusion-ood"].alt
    assert "US dollars" in figures["usd-id"].alt
    assert max(len(found.alt) for found in figures.values()) < 180


def test_rounds_are_whole_numbers(figures) -> None:
    axes = figures["curve-ood"].figure.axes[0]
    low, high = axes.get_xlim()
    shown = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert shown == [0, 1, 2]


@pytest.mark.parametrize(
    ("study", "kinds"),
    [
        pytest.param(ONE_RUN, set(KINDS), id="one run"),
        pytest.param(SEED_ALONE, {"curve", "diversity", "classes", "confusion"}, id="seed alone"),
        pytest.param(MANY_ARMS, set(KINDS), id="many arms"),
        pytest.param(without_diversity(SMALL), set(KINDS) - {"diversity"}, id="no diversity"),
        pytest.param(free_of_charge(SMALL), set(KINDS) - {"usd"}, id="free of charge"),
        pytest.param(
            replace(SMALL, confusion=pl.DataFrame()), set(KINDS) - {"confusion"}, id="no confusion"
        ),
        pytest.param(replace(SMALL, metrics=SMALL.metrics.clear()), set(), id="no rounds"),
    ],
)
def test_what_there_is_no_data_for_is_left_out(study: Study, kinds: set, tmp_path: Path) -> None:
    assert {figure.kind for figure in all_figures(study).values()} == kinds
    save_figures(list(all_figures(study).values()), tmp_path)


def test_equal_studies_give_equal_files_without_versions(tmp_path: Path) -> None:
    study = replace(ONE_RUN, arms=("margin",))
    first, second = saved(study, tmp_path / "1"), saved(study, tmp_path / "2")
    assert [path.name for path in first] == [path.name for path in second]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert b"matplotlib v" not in one.read_bytes().lower()
        assert b"dc:date" not in one.read_bytes()


def test_figures_do_not_share_ids_that_are_referred_to(figures) -> None:
    referred = [set(re.findall(r"url\(#([^)]+)\)", found.svg)) for found in figures.values()]
    assert all(referred)
    assert len(set.union(*referred)) == sum(map(len, referred))


def test_hostile_names_are_drawn_as_they_are() -> None:
    study = make_study(
        arms=('<b>"$x_$"&', "margin"), folds=(None,), seeds=(0,), rounds=1, eval_sets=("a/b", "a b")
    )
    found = all_figures(study)
    assert {"curve-a-b", "curve-a-b-2"} <= set(found)
    assert '&lt;b&gt;"$x_$"&amp;' in found["curve-a-b"].svg


def test_arms_differ_in_more_than_their_colour() -> None:
    styles = list(arm_styles([str(n) for n in range(30)]).values())
    assert len(set(styles)) == 30
    for one, other in pairwise(styles):
        assert one.marker != other.marker
        assert one.dash != other.dash


def test_the_best_arm_has_the_highest_mean_at_the_last_round() -> None:
    def score(arm: str, fold: int | None, seed: int, eval_set: str, number: int) -> float:
        return 0.4 + 0.1 * (arm == "qbc") * number + 0.001 * seed

    study = make_study(arms=("random", "qbc", "margin"), folds=(None,), rounds=1, score=score)
    assert best_arm(study_tables(study)["outcome"], "ood")["arm"] == "qbc"


def test_confusion_is_summed_over_runs() -> None:
    counts = confusion_counts(SMALL.confusion, "ood", "margin")
    assert list(counts) == ["seed", "round 2"]
    cell = SMALL.confusion.filter(
        eval_set="ood", arm="margin", round=2, truth="substitute", predicted="unrelated"
    )
    assert counts["round 2"][1][2] == cell["count"].sum()


levels = st.lists(st.floats(0, 100), min_size=1, max_size=12)


@given(levels)
def test_spread_levels_are_apart_and_keep_their_order(given_levels: list[float]) -> None:
    placed = spread(given_levels, 8.0, 0.0, 100.0)
    by_height = sorted(placed)
    assert all(b - a >= 8.0 - 1e-6 for a, b in pairwise(by_height))
    order = sorted(range(len(placed)), key=lambda n: (given_levels[n], n))
    assert [placed[n] for n in order] == by_height
    assert by_height[0] >= -1e-6 and by_height[-1] <= 100 + 1e-6


def test_levels_that_are_apart_stay() -> None:
    assert spread([50.0, 10.0, 90.0], 8.0, 0.0, 100.0) == [50.0, 10.0, 90.0]


def test_a_long_name_keeps_both_ends() -> None:
    assert shorten("margin") == "margin"
    short = shorten("dynamic-diversity-kappa=0.5")
    assert len(short) == 17
    assert short.startswith("dynamic") and short.endswith("a=0.5")
