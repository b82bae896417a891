from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean

import polars as pl
import pytest
from reports.reading import curve, row, shown, tables, without
from reports.studies import make_study

from karl.errors import DataError
from karl.evaluation.ranks import paired_test
from karl.reports.tables import study_tables


def reaching(*rounds_of_seeds: int):
    """Give the run of each seed the score 0.6 from its round on, and 0.5 before."""
    return lambda arm, fold, seed, eval_set, number: 0.6 if number >= rounds_of_seeds[seed] else 0.5


def test_a_target_costs_what_was_spent_up_to_the_round_that_reaches_it() -> None:
    study = make_study(
        arms=("qbc",), folds=(None,), seeds=(0, 1, 2), rounds=4, score=reaching(1, 3, 9)
    )
    table = tables(study, id=0.6, ood=0.55)["targets"]
    found = row(table, eval_set="ood")

    assert found["target"] == 0.55
    assert (found["n_runs"], found["n_reached"]) == (3, 2)
    # Rounds 1, 3 and never: the median is that of the second run.
    assert (found["round"], found["llm_calls"], found["llm_cost_usd"]) == (3, 450, 0.06)
    assert found["n_llm"] == study.metrics.filter(seed=1, round=3, eval_set="ood")["n_llm"][0]
    assert row(table, eval_set="id")["n_reached"] == 2
    assert "lowest" not in table.note


def test_a_target_that_most_runs_miss_is_not_reached() -> None:
    study = make_study(
        arms=("qbc",), folds=(None,), seeds=(0, 1, 2), rounds=4, score=reaching(1, 9, 9)
    )
    table = tables(study, ood=0.6)["targets"]

    assert row(table, eval_set="ood")["n_reached"] == 1
    assert row(table, eval_set="ood")["n_llm"] is None
    assert shown(table, eval_set="ood")["LLM labels"] == "not reached"


def test_the_default_target_is_the_lowest_peak() -> None:
    study = make_study(folds=(None,), rounds=4)
    made = tables(study)
    peaks = made["outcome"].frame.filter(eval_set="ood")["best"]

    assert row(made["targets"], arm="random", eval_set="ood")["target"] == peaks.min()
    assert "lowest" in made["targets"].note


def test_one_run_a_strategy_reaches_the_target_that_its_own_peak_sets() -> None:
    frame = tables(make_study(folds=(None,), seeds=(4,)))["targets"].frame

    assert frame["n_reached"].to_list() == [1] * 4
    assert frame["round"].null_count() == 0


def test_a_target_for_an_unknown_set_is_refused() -> None:
    with pytest.raises(DataError, match=r"'toys'.*id, ood"):
        study_tables(make_study(), {"toys": 0.5})


def test_tests_pair_the_runs_of_the_same_fold_and_seed() -> None:
    study = make_study()
    found = row(tables(study)["tests"], eval_set="ood", measure="macro_f1")

    last = study.metrics.filter(eval_set="ood", round=4).sort("fold", "seed")
    of = {arm: last.filter(arm=arm)["macro_f1"].to_numpy() for arm in ("random", "margin")}
    expected = paired_test(of["margin"] - of["random"])
    assert (found["arm"], found["baseline"], found["n_pairs"]) == ("margin", "random", 6)
    assert found["difference"] == pytest.approx((of["margin"] - of["random"]).mean())
    assert found["difference_low"] < found["difference"] < found["difference_high"]
    assert found["p"] == found["p_holm"] == expected.p
    assert (found["rank_biserial"], found["d_z"]) == (expected.rank_biserial, expected.d_z)


def test_pairing_takes_out_what_runs_of_a_fold_share() -> None:
    def score(arm: str, fold: int, seed: int, eval_set: str, number: int) -> float:
        return 0.3 + 0.2 * fold + 0.01 * seed + (0.05 if arm == "margin" and number else 0.0)

    found = row(tables(make_study(score=score))["tests"], eval_set="id", measure="macro_f1")

    assert (found["difference_low"], found["difference_high"]) == pytest.approx((0.05, 0.05))


def test_only_runs_that_both_strategies_have_are_compared() -> None:
    lacking = (pl.col("arm") == "margin") & (pl.col("fold") == 1) & (pl.col("seed") == 0)
    frame = tables(without(make_study(), lacking))["tests"].frame
    assert set(frame["n_pairs"]) == {5}

    apart = (pl.col("arm") == "margin") == (pl.col("fold") == 0)
    assert "tests" not in tables(without(make_study(), apart))


def test_p_values_are_corrected_within_a_set_and_measure() -> None:
    frame = tables(make_study(arms=("random", "margin", "qbc")))["tests"].frame

    for (_set, _measure), family in frame.group_by("eval_set", "measure"):
        assert family.height == 3
        assert family["p_holm"].min() == pytest.approx(min(1.0, 3 * family["p"].min()))
        assert (family["p_holm"] >= family["p"]).all()


def test_equal_strategies_are_no_different() -> None:
    table = tables(make_study(score=curve(0.4, 0.5, 0.5, 0.5, 0.5)))["tests"]
    found = row(table, eval_set="ood", measure="aulc")

    assert (found["difference"], found["p"], found["rank_biserial"]) == (0.0, 1.0, 0.0)
    assert found["d_z"] is None
    assert shown(table, eval_set="ood", measure="aulc")["d_z"] == "–"


def test_a_split_without_folds_is_compared_over_its_seeds() -> None:
    made = tables(make_study(folds=(None,), seeds=range(8)))

    assert set(made["tests"].frame["n_pairs"]) == {8}
    assert "worst_fold" not in made
    assert "seeds are drawn" in made["outcome"].note
    assert shown(made["outcome"], arm="margin", eval_set="id")["Runs (folds × seeds)"] == "8"


def test_diversity_rises_with_scores_out_of_distribution_and_falls_in_it() -> None:
    def score(arm: str, fold: int, seed: int, eval_set: str, number: int) -> float:
        return 0.5 + 0.1 * fold + (-0.01 if eval_set == "id" else 0.01) * number

    table = tables(make_study(score=score))["diversity"]

    overall = row(table, arm=None, eval_set="ood")
    assert (overall["n_runs"], overall["n_points"]) == (12, 60)
    assert overall["within"] == pytest.approx(1.0)
    assert row(table, arm="margin", eval_set="id")["within"] == pytest.approx(-1.0)
    # Folds differ by more than rounds do, which hides the trend in the pooled points.
    assert 0.0 < overall["pooled"] < 0.6
    assert overall["pooled_low"] <= overall["pooled"] <= overall["pooled_high"]
    assert shown(table, arm=None, eval_set="ood")["Strategy"] == "all"


def test_unknown_diversity_is_left_out() -> None:
    study = make_study()
    nan = pl.when(pl.col("arm") == "margin").then(math.nan).otherwise("diversity")
    table = tables(replace(study, metrics=study.metrics.with_columns(diversity=nan)))["diversity"]

    assert row(table, arm=None, eval_set="ood")["n_points"] == 30
    assert row(table, arm="margin", eval_set="ood")["pooled"] is None
    assert shown(table, arm="margin", eval_set="ood")["Mean within runs"] == "–"
    unknown = study.metrics.with_columns(diversity=pl.lit(math.nan))
    assert "diversity" not in tables(replace(study, metrics=unknown))


def test_labels_are_summed_over_rounds_and_averaged_over_runs() -> None:
    study = make_study()
    found = row(tables(study)["labels"], arm="margin")
    labels = study.labels.filter(arm="margin")

    assert (found["n_runs"], found["asked"]) == (6, 4 * 50)
    assert found["accepted"] == labels["accepted"].sum() / 6
    assert found["acceptance"] == labels["accepted"].sum() / (6 * 200)
    shares = [found[name] for name in ("complementary", "substitute", "unrelated")]
    assert sum(shares) == pytest.approx(1.0)
    assert shares[0] == labels["complementary"].sum() / labels["accepted"].sum()
    assert found["kappa"] == pytest.approx(fmean(labels["kappa"].drop_nulls()))
    # The last round's totals of each run, not the sum of the totals.
    assert (found["llm_calls"], found["llm_cost_usd"]) == pytest.approx((600, 0.08))


def test_runs_without_labels_count_in_no_mean_of_what_was_spent() -> None:
    study = make_study(arms=("qbc",), folds=(None,))
    first = pl.col("run") == "qbc-seed0"
    ended = replace(
        without(study, first & (pl.col("round") > 0)), labels=study.labels.filter(~first)
    )
    found = row(tables(ended)["labels"], arm="qbc")

    assert (found["n_runs"], found["asked"], found["llm_calls"]) == (1, 200, 600)


def test_runs_that_asked_for_nothing_have_no_table_of_labels() -> None:
    study = make_study()

    assert "labels" not in tables(replace(study, labels=study.labels.clear()))
