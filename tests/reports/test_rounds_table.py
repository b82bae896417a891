from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from karl.reports.table import rounds_table, summary_lines


def render(rows: list, width: int = 80, **options: object) -> list[str]:
    file = StringIO()
    Console(width=width, file=file, **options).print(rounds_table(rows))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def cells(lines: list[str], number: int) -> list[str]:
    return next(line.split() for line in lines if line.split()[:1] == [str(number)])


def test_each_round_shows_its_scores_gains_and_cost(make_rows) -> None:
    lines = render(make_rows(id=[0.82, 0.81], ood=[0.44, 0.55]))

    assert cells(lines, 0) == ["0", "*0.820", "0.440", "0.700", "0", "0", "0.000", "3.5"]
    expected = "1 0.810 -1.2 *0.550 +25.0 0.710 1,120 11,040 0.250 124"
    assert cells(lines, 1) == expected.split()


def test_the_heading_names_run_sets_and_units(make_rows) -> None:
    text = "\n".join(render(make_rows(id=[0.82], ood=[0.44])))

    assert "Macro-F1 by round: margin sampling, gpt-4o-mini, fold 2, seed 7" in text
    for word in ("ID", "OOD", "gain", "%", "USD", "Time", "* best round"):
        assert word in text


@pytest.mark.parametrize("sets", [("ood",), ("id", "ood"), ("id", "ood", "toys")])
def test_fits_into_80_columns_uncut(make_rows, sets: tuple[str, ...]) -> None:
    scores = [0.4 + 0.02 * number for number in range(11)]
    lines = render(make_rows(**dict.fromkeys(sets, scores)))

    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    assert len(cells(lines, 10)) == 1 + 2 * len(sets) + 5


def test_figures_stand_under_each_other(make_rows) -> None:
    lines = render(make_rows(ood=[0.44, 0.52, 0.45]))
    starts = {line.find(figure) for line in lines for figure in ("0.440", "0.520", "0.450")}

    assert len(starts - {-1}) == 1


def test_a_round_that_lacks_a_set_stays_blank(make_rows) -> None:
    lines = render(make_rows(id=[0.82, 0.81], ood=[0.44]))

    assert cells(lines, 1) == ["1", "0.810", "-1.2", "0.710", "1,120", "11,040", "0.250", "124"]


def test_there_are_no_escape_codes_without_a_terminal(make_rows) -> None:
    assert "\x1b" not in "".join(render(make_rows(ood=[0.4, 0.5])))
    coloured = render(make_rows(ood=[0.4, 0.5]), force_terminal=True, color_system="standard")
    assert "\x1b[1m*0.500" in "".join(coloured)


def test_names_are_no_markup(make_rows) -> None:
    rows = [replace(row, llm="[bold]m", eval_set="[red]x") for row in make_rows(ood=[0.4])]
    text = "\n".join(render(rows))

    assert "[bold]m" in text
    assert "[red]x" in text


def test_a_run_without_rounds_gives_an_empty_table() -> None:
    assert rounds_table([]).row_count == 0
    assert summary_lines([]) == []


def test_the_summary_states_change_and_peak(make_rows) -> None:
    assert summary_lines(make_rows(id=[0.82, 0.815, 0.81], ood=[0.44, 0.61, 0.6])) == [
        "ID macro-F1 0.820 → 0.810 (-1.2 %) after 2 rounds; best 0.820 at the seed (round 0)",
        "OOD macro-F1 0.440 → 0.600 (+36.4 %) after 2 rounds; best 0.610 in round 1",
        "Diversity of the training set 0.700 → 0.720",
        "2,100 human labels, 2,240 accepted LLM labels; 22,080 LLM calls for USD 0.500",
    ]


def test_the_summary_of_the_seed_alone_claims_no_change(make_rows) -> None:
    assert summary_lines(make_rows(ood=[0.44])) == [
        "OOD macro-F1 0.440 from human labels alone (round 0)",
        "Diversity of the training set 0.700",
        "2,100 human labels, 0 accepted LLM labels; 0 LLM calls for USD 0.000",
    ]


def test_one_round_is_singular_and_a_lost_hair_is_no_minus_zero(make_rows) -> None:
    line = summary_lines(make_rows(ood=[0.5, 0.49999]))[0]

    assert "(+0.0 %) after 1 round;" in line


def test_a_gain_over_nothing_is_not_available(make_rows) -> None:
    rows = [replace(row, n_human=1) for row in make_rows(ood=[0.0, 0.5])]

    assert "0.000 → 0.500 after 1 round;" in summary_lines(rows)[0]
    assert summary_lines(rows)[-1].startswith("1 human label, ")
    assert "n/a" in cells(render(rows), 1)
