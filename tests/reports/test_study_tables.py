from __future__ import annotations

import re
from dataclasses import replace

import polars as pl
import pytest
from reports.reading import curve, row, shown, tables, without
from reports.studies import make_study

from karl.errors import DataError
from karl.reports.report import run_rows
from karl.reports.study import Study
from karl.reports.tables import study_tables

NAMES = [
    "outcome",
    "curves",
    "aulc",
    "targets",
    "tests",
    "diversity",
    "worst_fold",
    "classes",
    "labels",
    "quality",
    "mistakes",
]


def shuffled(study: Study) -> Study:
    return replace(
        study,
        metrics=study.metrics.sample(fraction=1.0, shuffle=True, seed=3),
        labels=study.labels.sample(fraction=1.0, shuffle=True, seed=3),
    )


# The tables as a whole


def test_every_table_is_made_with_numbers_and_text_row_by_row() -> None:
    made = study_tables(make_study())

    assert list(made) == NAMES
    for name, table in made.items():
        assert table.name == name
        assert table.title and table.note.endswith("."), name
        assert table.frame.height == len(table.rows) > 0, name
        assert table.turned or table.frame.height == len(table.lines), name
        text = " ".join(cell for line in table.lines for cell in line)
        assert not re.search(r"\b(nan|inf|None)\b", text), name


def test_the_order_of_the_rows_does_not_matter() -> None:
    study = make_study()
    for one, other in zip(tables(study).values(), tables(shuffled(study)).values(), strict=True):
        assert one.frame.equals(other.frame), one.name
        assert one.lines == other.lines, one.name
    assert run_rows(study).equals(run_rows(shuffled(study)))


def test_every_metric_of_every_run_is_told() -> None:
    study = make_study()
    rows = run_rows(study)

    assert rows.height == study.metrics.height
    assert set(rows.columns) == set(study.metrics.columns)
    assert rows.columns[:6] == ["run", "arm", "fold", "seed", "round", "eval_set"]
    where = {"run": "margin-fold1-seed0", "round": 2, "eval_set": "ood"}
    (found,) = rows.filter(**where).to_dicts()
    assert found == study.metrics.filter(**where).select(rows.columns).to_dicts()[0]


def test_sets_stand_in_their_order_under_the_names_people_know() -> None:
    outcome = tables(make_study(eval_sets=("toys", "ood", "id")))["outcome"]

    assert outcome.frame["eval_set"].unique(maintain_order=True).to_list() == ["id", "ood", "toys"]
    assert list(dict.fromkeys(line[0] for line in outcome.lines)) == ["ID", "OOD", "toys"]


def test_without_runs_there_are_no_tables() -> None:
    study = without(make_study(), pl.lit(True))

    assert study_tables(study) == {}


def test_a_study_of_seeds_alone_has_scores_but_no_gains() -> None:
    made = tables(make_study(rounds=0, arms=("margin",)))

    assert list(made) == ["outcome", "curves", "classes", "quality", "mistakes"]
    found = row(made["outcome"], eval_set="ood")
    assert found["last"] == found["seed"]
    assert found["gain"] is None and found["gain_relative"] is None


@pytest.mark.parametrize(
    ("ending", "named"), [("-again", "margin-seed0 and margin-seed0-again"), ("", "margin-seed0")]
)
def test_a_run_that_stands_twice_in_one_place_is_refused(ending: str, named: str) -> None:
    study = make_study(folds=(None,))
    again = study.metrics.filter(seed=0, arm="margin").with_columns(run=pl.col("run") + ending)
    twice = replace(study, metrics=pl.concat([study.metrics, again]))
    with pytest.raises(DataError, match=f"'margin' has more than one run of seed 0: {named}\n"):
        study_tables(twice)


# Scores by round


def test_outcome_holds_means_gains_and_the_best_round() -> None:
    study = make_study(arms=("qbc",), folds=(0, 1), rounds=3, score=curve(0.4, 0.5, 0.7, 0.6))
    table = tables(study)["outcome"]
    found = row(table, eval_set="ood")

    assert (found["n_runs"], found["n_folds"], found["n_seeds"]) == (4, 2, 2)
    assert (found["seed"], found["last"], found["best"]) == pytest.approx((0.45, 0.65, 0.75))
    assert (found["last_round"], found["best_round"]) == (3, 2)
    assert found["gain"] == pytest.approx(0.2)
    assert found["gain_low"] == pytest.approx(found["gain_high"])
    assert found["gain_relative"] == pytest.approx(0.65 / 0.45 - 1)
    # Draws of fold 0 alone and of fold 1 alone are the extremes.
    assert (found["seed_low"], found["seed_high"]) == pytest.approx((0.4, 0.5))
    assert found["gain_relative_low"] == pytest.approx(0.2 / 0.5)
    assert found["gain_relative_high"] == pytest.approx(0.2 / 0.4)
    assert found["f1_complementary"] == pytest.approx(0.65 - 0.06)
    text = shown(table, eval_set="ood")
    assert text["Runs (folds × seeds)"] == "4 (2 × 2)"
    assert text["Comp. F1"] == "0.590 [0.540, 0.640]"
    assert text["Last round"] == "0.650 [0.600, 0.700]"
    assert text["Relative gain"] == "+44.4 % [+40.0, +50.0]"


def test_the_last_round_is_one_that_all_runs_reached() -> None:
    study = without(make_study(), (pl.col("run") == "margin-fold1-seed0") & (pl.col("round") > 2))
    made = tables(study)

    assert set(made["outcome"].frame["last_round"]) == {2}
    assert "round 2" in made["outcome"].note and "11 of 12 runs go further" in made["outcome"].note
    of_margin = made["curves"].frame.filter(arm="margin", eval_set="ood")
    assert of_margin["n_runs"].to_list() == [6, 6, 6, 5, 5]
    full = row(made["curves"], arm="random", eval_set="ood", round=2)
    assert row(made["outcome"], arm="random", eval_set="ood")["last"] == full["macro_f1"]


def test_a_round_that_lacks_one_set_is_not_reached() -> None:
    lacking = (pl.col("run") == "margin-fold1-seed0") & (pl.col("round") > 3)
    study = without(make_study(), lacking & (pl.col("eval_set") == "id"))

    assert set(tables(study)["outcome"].frame["last_round"]) == {3}


def test_gains_are_over_the_seeds_of_the_runs_that_got_there() -> None:
    study = make_study(arms=("qbc",), folds=(0, 1), rounds=1, score=curve(0.4, 0.5))
    study = without(study, (pl.col("fold") == 1) & (pl.col("round") == 1))
    found = row(tables(study)["curves"], eval_set="ood", round=1)

    assert found["macro_f1"] == pytest.approx(0.5)
    assert found["gain"] == pytest.approx(0.1)
    assert found["gain_relative"] == pytest.approx(0.25)


def test_the_seed_has_no_gain() -> None:
    table = tables(make_study())["curves"]

    assert row(table, arm="margin", eval_set="id", round=0)["gain"] is None
    assert shown(table, arm="margin", eval_set="id", round=0)["Relative gain"] == "–"


def test_a_seed_that_scores_nothing_is_no_base() -> None:
    table = tables(make_study(arms=("qbc",), folds=(None,), rounds=1, score=curve(0.0, 0.5)))
    found = row(table["outcome"], eval_set="id")

    assert found["gain"] == 0.5
    assert found["gain_relative"] is None


def test_a_single_run_has_figures_without_brackets() -> None:
    made = tables(make_study(arms=("margin",), folds=(None,), seeds=(3,)))
    outcome = made["outcome"]

    assert row(outcome, eval_set="id")["last_low"] is None
    assert shown(outcome, eval_set="id")["Runs (folds × seeds)"] == "1"
    assert "A single run has no interval." in outcome.note
    assert set(made) == {"rounds", *NAMES} - {"tests", "worst_fold"}
    for table in (made[name] for name in made.keys() - {"quality"}):
        bounds = [name for name in table.frame.columns if name.endswith(("_low", "_high"))]
        assert all(table.frame[name].null_count() == table.frame.height for name in bounds)
        assert not any("[" in cell for line in table.lines for cell in line)


def test_curves_are_means_with_what_they_took() -> None:
    study = make_study()
    curves = tables(study)["curves"]

    assert curves.frame.height == 2 * 2 * 5
    at = row(curves, arm="margin", eval_set="ood", round=2)
    rows = study.metrics.filter(arm="margin", eval_set="ood", round=2)
    for name in ("n_llm", "diversity", "llm_cost_usd", "macro_f1"):
        assert at[name] == pytest.approx(rows[name].mean())
    assert at["macro_f1_low"] < at["macro_f1"] < at["macro_f1_high"]


def test_aulc_by_hand() -> None:
    study = make_study(arms=("qbc",), folds=(0, 1), rounds=2, score=curve(0.4, 0.7, 0.5))
    found = row(tables(study)["aulc"], eval_set="ood")

    assert found["aulc"] == pytest.approx((0.55 + 0.6) / 2 + 0.05)
    assert found["rounds_to_peak"] == 1.0


def test_classes_hold_the_f1_of_each_relation() -> None:
    study = make_study()
    found = row(tables(study)["classes"], arm="margin", eval_set="ood", relation="substitute")
    rows = study.metrics.filter(arm="margin", eval_set="ood")

    assert found["seed"] == pytest.approx(rows.filter(round=0)["f1_substitute"].mean())
    assert found["last"] == pytest.approx(rows.filter(round=4)["f1_substitute"].mean())


def test_the_worst_fold_is_the_one_that_loses_most() -> None:
    def score(arm: str, fold: int, seed: int, eval_set: str, number: int) -> float:
        falls = 0.1 if (fold, arm) in {(2, "random"), (0, "margin")} else -0.05
        return 0.5 + 0.02 * seed - falls * number / 4

    table = tables(make_study(score=score))["worst_fold"]
    found = row(table, arm="random", eval_set="ood")

    assert (found["fold"], found["n_runs"]) == (2, 2)
    assert (found["seed"], found["last"], found["gain"]) == pytest.approx((0.51, 0.41, -0.1))
    assert found["gain_relative"] == pytest.approx(0.41 / 0.51 - 1)
    assert row(table, arm="margin", eval_set="ood")["fold"] == 0
    assert shown(table, arm="random", eval_set="ood")["Relative gain"] == "-19.6 %"


def test_only_the_most_certain_mistakes_of_the_best_strategy_are_listed() -> None:
    study = make_study()
    of_one = study.mistakes.filter(arm="margin", eval_set="ood").head(1)
    many = [of_one.with_columns(title_1=pl.lit(f"item {n}")) for n in range(40)]
    others = study.mistakes.filter(arm="random", eval_set="ood")
    frame = tables(replace(study, mistakes=pl.concat([others, *many])))["mistakes"].frame

    assert frame["title_1"].to_list() == [f"item {n}" for n in range(12)]
    assert set(frame["arm"]) == {"margin"}
