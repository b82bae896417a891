from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
from reports.reading import render

from karl.annotators.base import Usage
from karl.datasets import LabelledPairs, Votes
from karl.datasets.pairs import Annotations
from karl.evaluation.quality import assess
from karl.labels import to_relations
from karl.reports.quality import Quality, confusion_table, quality_table

HEADINGS = (
    "Pairs",
    "Three relations",
    "Nine labels",
    "Agreement of votes",
    "Same answer again",
    "Cost",
)


def made(n: int = 100, *, nine: bool = True, swapped: bool = True) -> Quality:
    """Of ten pairs, one label is wrong and one pair not accepted."""
    labels = np.resize([8, 8, 1, 2, 9, 8, 1, 5, 8, 7], n).astype(np.int8)
    people = np.repeat(labels[:, None], 3, axis=1)
    votes = people.copy()
    votes[3::10] = 8
    votes[4::10] = (9, 8, 9)
    items = np.column_stack([np.arange(n), np.arange(n) + n]).astype(np.int32)
    said = Annotations.of_labels(people) if nine else Annotations(to_relations(people))
    codes = labels if nine else np.zeros(n, np.int8)
    gold = LabelledPairs(items, to_relations(labels), codes, "human", said)
    accepted = np.where((votes == votes[:, :1]).all(axis=1), votes[:, 0], 0).astype(np.int8)
    given = Votes(items, votes)
    usage = Usage(3 * n, 1_234 * n, 56 * n, 0.00123 * n)
    found = assess(gold, given, accepted, usage, given if swapped else None)
    return json.loads(json.dumps(asdict(found)))


def figures(lines: list[str], what: str) -> list[str]:
    """What stands behind the name of a row, for each row of that name."""
    rows = [line.strip() for line in lines]
    return [row.removeprefix(what).strip() for row in rows if row.startswith(f"{what}  ")]


def test_figures_come_with_their_interval_and_counts_with_their_share() -> None:
    lines = render(quality_table({"m": made()}))

    assert figures(lines, "accepted") == ["90", "90"]
    assert figures(lines, "share accepted") == ["90.0 %", "90.0 %"]
    assert figures(lines, "accuracy, accepted") == ["0.889 [0.822, 0.944]"] * 2
    assert figures(lines, "macro-F1, two people") == ["1.000"] * 2
    assert figures(lines, "unanimous, labels") == ["90.0 %"]
    assert figures(lines, "tokens in") == ["123,400"]
    assert figures(lines, "USD") == ["0.123"]
    assert figures(lines, "USD, 1,000 accepted") == ["1.367"]


def test_rows_stand_in_groups_and_are_explained() -> None:
    lines = render(quality_table({"m": made()}))
    headings = [line for line in lines if line in {*HEADINGS}]

    assert headings == list(HEADINGS)
    for word in ("bootstrap 95 %", "Two people:", "Fleiss' kappa", "Swapped:"):
        assert any(word in line for line in lines)


def test_three_annotators_fit_into_80_columns_uncut() -> None:
    names = ("openrouter/anthropic/claude-haiku", "gpt-4o-mini", "ollama/qwen2.5:32b-instruct")
    lines = render(quality_table(dict.fromkeys(names, made(99_990))))

    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    assert figures(lines, "calls")[0].split() == ["299,970"] * 3
    for name in names:
        assert name[:14] in "\n".join(lines)


def test_groups_that_nobody_has_are_left_out() -> None:
    text = "\n".join(render(quality_table({"m": made(nine=False, swapped=False)})))

    assert "Nine labels" not in text
    assert "Same answer again" not in text
    assert "Swapped:" not in text
    assert "Three relations" in text


def test_what_one_annotator_lacks_is_a_dash() -> None:
    columns = {"a": made(), "b": made(nine=False, swapped=False)}
    lines = render(quality_table(columns))

    assert [row.split()[-1] for row in figures(lines, "pairs labelled")] == ["–"]
    assert [row.split()[-1] for row in figures(lines, "label, swapped")] == ["–"]
    assert figures(lines, "accuracy, accepted")[1].endswith(" –")


def test_nothing_accepted_is_shown_as_unknown_not_as_zero() -> None:
    found = made(nine=False)
    level = found["on_relations"] | {"accuracy": None, "macro_f1": None, "n_accepted": 0}
    none = found | {"on_relations": level, "cost_per_accepted_usd": None, "acceptance": 0.0}
    lines = render(quality_table({"m": none | {"n_accepted": 0}}))

    assert figures(lines, "accepted") == ["0"]
    assert figures(lines, "accuracy, accepted") == figures(lines, "macro-F1, accepted") == ["–"]
    assert figures(lines, "USD, 1,000 accepted") == ["–"]


def test_names_are_no_markup() -> None:
    columns = {"[red]x": made(), "a|b": made()}

    assert "[red]x" in "\n".join(render(quality_table(columns)))
    assert r"| a\|b |" in quality_table(columns).markdown()


def test_markdown_holds_the_same_rows() -> None:
    columns = {"a": made(), "b": made(nine=False)}
    table = quality_table(columns)
    lines = table.markdown().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[0:1] == "|"]

    assert rows[:2] == [["", "a", "b"], ["---", "---:", "---:"]]
    assert {len(row) for row in rows} == {3}
    assert [row[0].strip("*") for row in rows[2:]] == [line[0] for line in table.lines]
    assert ["accuracy, accepted", "0.889 [0.822, 0.944]", "–"] in rows
    assert lines[-1] == table.note


def test_programs_get_a_row_for_each_annotator() -> None:
    frame = quality_table({"a": made(), "b": made(nine=False)}).frame

    assert frame["annotator"].to_list() == ["a", "b"]
    assert frame["on_labels.accuracy_low"][0] > 0.8
    assert frame["on_labels.accuracy"][1] is None


def test_the_confusion_of_relations_names_them() -> None:
    lines = render(confusion_table(made()))

    header = next(line for line in lines if "not accepted" in line)
    assert header.split() == ["complementary", "substitute", "unrelated", "not", "accepted"]
    cells = {line.split()[0]: line.split()[1:] for line in lines if len(line.split()) == 5}
    assert cells["complementary"] == ["20", "·", "10", "·"]
    assert cells["substitute"] == ["·", "20", "·", "·"]
    assert cells["unrelated"] == ["·", "·", "40", "10"]


def test_there_are_no_escape_codes_without_a_terminal() -> None:
    assert "\x1b" not in "".join(render(quality_table({"m": made()})))
    assert "\x1b" in "".join(render(quality_table({"m": made()}), force_terminal=True))
