"""From the files of a sweep to a report."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from cli.small_shop import done, karl, settings, snapshot

from karl.evaluation.metrics import score
from karl.evaluation.record import read_metrics
from karl.labels import Relation
from karl.reports.collect import collect

RELATIONS = [relation.name.lower() for relation in Relation]
SWEEP = Path("runs/mine")
PAGE = SWEEP / "report/index.html"


def predicted(table: pl.DataFrame) -> pl.Series:
    return table.select(pl.concat_list(RELATIONS).list.arg_max()).to_series()


def test_predictions_give_the_scores_that_the_metrics_tell(swept: Path) -> None:
    for file in swept.glob("*/metrics.jsonl"):
        for row in read_metrics(file):
            place = "seed" if row.round == 0 else f"rounds/{row.round:04d}"
            table = pl.read_parquet(file.parent / place / "predictions.parquet")
            of_set = table.filter(pl.col("eval_set") == row.eval_set)
            truth = [RELATIONS.index(name) for name in of_set["truth"]]
            assert score(truth, predicted(of_set).to_list()).macro_f1 == row.macro_f1


def test_a_study_holds_what_the_files_tell(swept: Path) -> None:
    study = collect([swept])
    assert study.arms == ("random", "margin")
    assert study.metrics["run"].n_unique() == 4
    for row in study.labels.iter_rows(named=True):
        folder = Path("runs") / row["run"] / f"rounds/{row['round']:04d}"
        accepted = pl.read_csv(folder / "labels.csv")
        assert row["asked"] == len(pl.read_csv(folder / "selected.csv"))
        assert row["accepted"] == len(accepted)
        assert [row[name] for name in RELATIONS] == [
            (accepted["relation"] == name).sum() for name in RELATIONS
        ]
    sizes = study.confusion.group_by("run", "eval_set", "round").agg(pl.col("count").sum())
    assert set(sizes.filter(pl.col("eval_set") == "ood")["count"]) == {60}


def test_labels_are_counted_in_the_round_that_asked_for_them(shop: Path) -> None:
    done(karl("run", *settings(shop), "--name", "three"))
    labels = collect([Path("runs/three")]).labels
    rows = read_metrics(Path("runs/three/metrics.jsonl"))
    totals = {row.round: row.n_llm for row in rows}
    assert labels["accepted"].to_list() == [totals[k] - totals[k - 1] for k in (1, 2, 3)]
    assert labels["asked"].to_list() == [12, 12, 12]
    for row in labels.iter_rows(named=True):
        assert sum(row[name] for name in RELATIONS) == row["accepted"] <= row["asked"]


def test_mistakes_are_pairs_that_most_runs_got_wrong(swept: Path, shop: Path) -> None:
    mistakes = collect([swept]).mistakes
    assert len(mistakes)
    table = pl.read_csv(shop / "catalogue.csv", infer_schema=False)
    titles = dict(table.select("item_id", "title").iter_rows())
    for row in mistakes.filter(pl.col("eval_set") == "ood").iter_rows(named=True):
        wrong = []
        for file in swept.glob(f"tables-{row['arm']}-*/rounds/0001/predictions.parquet"):
            table = pl.read_parquet(file).with_columns(
                *(pl.col(f"item_id_{k}").replace(titles).alias(f"title_{k}") for k in (1, 2))
            )
            found = table.filter(
                *(pl.col(name) == row[name] for name in ("eval_set", "title_1", "title_2"))
            )
            wrong.append(RELATIONS[predicted(found)[0]] != row["truth"])
        assert sum(wrong) / len(wrong) == row["wrong"] > 0.5


def test_a_report_is_a_page_with_figures_and_tables(swept: Path) -> None:
    out = done(karl("report", "mine")).out
    assert out.endswith(f"Page:    {PAGE}\n")
    assert "random" in out and "margin" in out
    report = snapshot(SWEEP / "report")
    assert {"index.html", "tables.md", "tables/outcome.csv", "figures/curve-ood.png"} <= set(report)
    page = PAGE.read_text()
    assert "margin has a macro-F1 of" in page or "random has a macro-F1 of" in page
    done(karl("report", "mine"))
    assert snapshot(SWEEP / "report") == report


def test_figures_of_a_report_follow_from_the_metrics(swept: Path) -> None:
    done(karl("report", "mine", "--target", "ood=0.01"))
    rows = [row for file in swept.glob("*/metrics.jsonl") for row in read_metrics(file)]
    outcome = pl.read_csv(SWEEP / "report/tables/outcome.csv")
    for found in outcome.iter_rows(named=True):
        scores = {
            number: [
                row.macro_f1
                for row in rows
                if (row.eval_set, row.sampler, row.round)
                == (found["eval_set"], found["arm"], number)
            ]
            for number in (0, 1)
        }
        means = {number: sum(values) / len(values) for number, values in scores.items()}
        assert found["n_runs"] == 2
        assert found["seed"] == pytest.approx(means[0])
        assert found["gain"] == pytest.approx(means[1] - means[0])
        assert found["gain_relative"] == pytest.approx(means[1] / means[0] - 1)
        assert found["last_low"] <= found["last"] <= found["last_high"]
    targets = pl.read_csv(SWEEP / "report/tables/targets.csv")
    assert targets.filter(pl.col("eval_set") == "ood")["n_llm"].to_list() == [0, 0]


@pytest.mark.slow
def test_several_sweeps_are_one_report(swept: Path, shop: Path) -> None:
    other = settings(
        shop, "sampler=random", "split.fold=0,1", "budget.rounds=1", "features=ordered"
    )
    done(karl("sweep", *other, "--name", "other"))
    out = done(karl("report", "mine", "other", "--out", "both")).out
    assert out.endswith("Page:    both/index.html\n")
    arms = pl.read_csv("both/tables/outcome.csv")["arm"].unique().to_list()
    assert sorted(arms) == [
        "margin, features=symmetric",
        "random, features=ordered",
        "random, features=symmetric",
    ]


def test_a_single_run_has_a_page_too(swept: Path) -> None:
    run = f"mine/{json.loads((swept / 'sweep.json').read_text())['jobs'][0]['run']}"
    out = done(karl("report", run)).out
    assert "Macro-F1 by round" in out
    assert (Path("runs") / run / "report/index.html").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nothing",), "karl: there is no run 'nothing' in runs"),
        (("mine", "--target", "ood=2"), "karl: --target ood=2: no macro-F1"),
        (("mine", "--target", "moon=0.5"), "karl: a target is for 'moon'"),
        (("mine", "mine"), "karl: 'margin' has more than one run of fold 0"),
    ],
)
def test_reports_that_cannot_be_made(arguments: tuple[str, ...], told: str, swept: Path) -> None:
    answer = karl("report", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(told)
