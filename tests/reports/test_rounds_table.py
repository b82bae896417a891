from __future__ import annotations

from dataclasses import asdict, replace

import polars as pl
import pytest
from reports.reading import render

from karl.evaluation.record import MetricsRow
from karl.reports.scores import rounds_table
from karl.reports.study import Study
from karl.reports.summary import summary_sentences
from karl.reports.tables import study_tables


def study_of(rows: list[MetricsRow]) -> Study:
    frame = pl.DataFrame([asdict(row) for row in rows], schema_overrides={"fold": pl.Int64})
    return Study("one", ("margin",), frame.with_columns(arm=pl.lit("margin"), run=pl.lit("one")))


def shown(rows: list[MetricsRow], **options: object) -> list[str]:
    return render(rounds_table(study_of(rows)), **options)


def cells(lines: list[str], number: int) -> list[str]:
    return next(line.split() for line in lines if line.split()[:1] == [str(number)])


def sentences(rows: list[MetricsRow]) -> dict[str, str]:
    study = study_of(rows)
    return dict(summary_sentences(study, study_tables(study)))


def test_each_round_shows_its_scores_gains_and_cost(make_rows) -> None:
    lines = shown(make_rows(id=[0.82, 0.81], ood=[0.44, 0.55]))

    expected = "0 0.820 0.400 0.440 0.400 0.700 0 0 0.000 3.5"
    assert cells(lines, 0) == expected.split()
    expected = "1 0.810 0.400 -0.010 0.550 0.400 +0.110 0.710 1,120 11,040 0.250 124"
    assert cells(lines, 1) == expected.split()


def test_the_heading_names_run_sets_and_units(make_rows) -> None:
    rows = make_rows(id=[0.82], ood=[0.44])
    text = "\n".join(shown(rows))

    assert "Macro-F1 by round: margin sampling, gpt-4o-mini, fold 2, seed 7" in text
    for word in ("ID", "OOD", "Gain", "comp.", "USD", "Time"):
        assert word in text
    title = rounds_table(study_of([replace(row, fold=None) for row in rows])).title
    assert title == "Macro-F1 by round: margin sampling, gpt-4o-mini, seed 7"


@pytest.mark.parametrize("sets", [("ood",), ("id", "ood"), ("id", "ood", "toys")])
def test_fits_into_80_columns_uncut(make_rows, sets: tuple[str, ...]) -> None:
    scores = [0.4 + 0.02 * number for number in range(11)]
    rows = [replace(row, llm_cost_usd=12.345) for row in make_rows(**dict.fromkeys(sets, scores))]
    lines = shown(rows)

    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    # F1 of complementary is left out where there is no room for it.
    of_set = 3 if len(sets) <= 2 else 2
    assert len(cells(lines, 10)) == 1 + of_set * len(sets) + 5
    assert "12.345" in cells(lines, 10) and "110,400" in cells(lines, 10)


def test_figures_stand_under_each_other(make_rows) -> None:
    lines = shown(make_rows(ood=[0.44, 0.52, 0.45]))
    starts = {line.find(figure) for line in lines for figure in ("0.440", "0.520", "0.450")}

    assert len(starts - {-1}) == 1


def test_a_round_that_lacks_a_set_stays_blank(make_rows) -> None:
    lines = shown(make_rows(id=[0.82, 0.81], ood=[0.44]))

    expected = "1 0.810 0.400 -0.010 0.710 1,120 11,040 0.250 124"
    assert cells(lines, 1) == expected.split()


def test_there_are_no_escape_codes_without_a_terminal(make_rows) -> None:
    assert "\x1b" not in "".join(shown(make_rows(ood=[0.4, 0.5])))


def test_names_are_no_markup(make_rows) -> None:
    rows = [replace(row, llm="[bold]m", eval_set="[red]x") for row in make_rows(ood=[0.4])]
    text = "\n".join(shown(rows))

    assert "[bold]m" in text
    assert "[red]x" in text


def test_sentences_state_change_peak_classes_and_cost(make_rows) -> None:
    assert sentences(make_rows(id=[0.82, 0.815, 0.81], ood=[0.44, 0.61, 0.6])) == {
        "ID": "margin has a macro-F1 of 0.810 at round 2. Against the 0.820 of the seed that is "
        "-0.010 (-1.2 %). Its best round is the seed with 0.820.",
        "ID by class": "F1 of margin from the seed to round 2: complementary 0.400 → 0.400 "
        "(+0.000), substitute 0.500 → 0.500 (+0.000), unrelated 0.420 → 0.420 (+0.000).",
        "OOD": "margin has a macro-F1 of 0.600 at round 2. Against the 0.440 of the seed that is "
        "+0.160 (+36.4 %). Its best round is round 1 with 0.610.",
        "OOD by class": "F1 of margin from the seed to round 2: complementary 0.400 → 0.400 "
        "(+0.000), substitute 0.500 → 0.500 (+0.000), unrelated 0.420 → 0.420 (+0.000).",
        "Labels": "The run accepted 2,240 LLM labels beside 2,100 human labels, from 22,080 calls "
        "for USD 0.50.",
        "Certainty": "there is one run, and intervals and tests take several folds or seeds.",
    }


def test_sentences_on_the_seed_alone_claim_no_change(make_rows) -> None:
    said = sentences(make_rows(ood=[0.44]))

    told = "The seed model has a macro-F1 of 0.440, from human labels alone (round 0)."
    assert said["OOD"] == told
    assert said["OOD by class"].startswith("F1 of the seed model: complementary 0.400, ")
    assert "Labels" not in said


def test_a_lost_hair_is_no_minus_zero(make_rows) -> None:
    assert "that is +0.000 (+0.0 %)" in sentences(make_rows(ood=[0.5, 0.49999]))["OOD"]


def test_a_gain_over_nothing_has_no_percentage(make_rows) -> None:
    said = sentences([replace(row, n_human=1) for row in make_rows(ood=[0.0, 0.5])])

    assert "Against the 0.000 of the seed that is +0.500. That round is its best." in said["OOD"]
    assert "beside 1 human label," in said["Labels"]
