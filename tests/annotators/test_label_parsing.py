from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from karl.annotators.llm.labels import find_problem, parse_labels
from karl.labels import FunctionLabel

CODES = st.integers(1, 9)
DIGITLESS = st.text(st.characters(exclude_characters="{}[]<>", exclude_categories=["N"]))
ANYTHING = st.text(st.characters(codec=None, exclude_categories=[]))
SCRAPS = ["{", "}", "[", "]", '"label"', ":", ",", '"pair"', "label ", "Answer: ", "5", "12", "。"]
ALMOST_JSON = st.lists(st.one_of(st.sampled_from(SCRAPS), st.characters())).map("".join)
JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner),
        st.dictionaries(st.one_of(st.sampled_from(["label", "pair", "answers"]), st.text()), inner),
    ),
)
NO_LABEL = st.one_of(
    st.integers().filter(lambda n: not 1 <= n <= 9),
    st.floats(),
    st.booleans(),
    st.none(),
    st.lists(st.integers()),
)


def label(text: str) -> int | None:
    (found,) = parse_labels(text)
    return found


@pytest.mark.parametrize(
    "text",
    [
        '{"label": 5}',
        ' {"rationale": "ink, not 8", "label": 5}\n',
        '{"Label": 5, "confidence": 0.9}',
        '{"label": "5"}',
        '{"label": "５"}',
        '{"label": "5: when combined with item 2, item 1 becomes more useful"}',
        '{"label": "5: 商品2と組み合わせると、商品1がより役に立つ"}',
        '{"label": "label 5"}',
        '{"label": "When combined with item 2, item 1 becomes more useful."}',
        '```json\n{"label": 5}\n```',
        '```\n{"label": 5}```',
        'Sure! The answer to this is {"label": 5}. Not 3.',
        '{"title": "pen"} and {"title": "ink"} give {"label": 5}',
        '{"label": 5} I repeat: {"label": 5}',
        '{"answers": [{"pair": 1, "label": 5}]}',
        '[{"label": 5}]',
        "[5]",
        '"5"',
        "｛＂label＂： ５｝",
        '<think>It is {"label": 3}… or 8?</think>{"label": 5}',
        'Is it 3, or 8?</think>\n\n{"label": 5}',
        "5",
        " 5.\n",
        "５",
        "⑤",
        "(5)",
        "**5**",
        "`5`",
        "```\n5\n```",
        "Label: 5.",
        "**Label:** 5",
        "label 5",
        "Label=5",
        "The correct label is 5.",
        "Final answer: label 5",
        "Answer: 5 - the pen gains from its case",
        "ラベル: 5",
        "ラベルは５です。",
        "回答：ラベル５",
        "5: when combined with item 2, item 1 becomes more useful",
        "when combined with item 2, item 1 becomes more useful",
        "The pen needs ink; 100 sheets of 30 cm do not matter.\n\n**Label: 5**",
    ],
)
def test_a_clear_answer_is_read(text: str) -> None:
    assert label(text) == 5


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n ",
        "I cannot help with that.",
        '{"lab',
        '{"label": ',
        '{"rationale": "cut off bef',
        '{"label": 0}',
        '{"label": 10}',
        '{"label": 55}',
        '{"label": -5}',
        '{"label": 5.5}',
        '{"label": 5.0}',
        '{"label": NaN}',
        '{"label": true}',
        '{"label": null}',
        '{"label": [5]}',
        '{"label": "5.5"}',
        '{"label": "5 or 6"}',
        '{"label": "5/6"}',
        '{"label": "not 5"}',
        '{"label": "5: when combined with item 1, item 2 becomes more useful"}',
        '{"label": 5, "label": 6}',
        '{"label": 5, "Label": 6}',
        '{"label": 5} or rather {"label": 6}',
        '{"label": 5} or rather {"label": 12}',
        '{"pair": 2, "label": 5}',
        '{"answer": 5}',
        '{"rationale": "the title says {"label": 1}", "label": 8}',
        '{label: 5} or {"label": 6}',
        "[5, 6]",
        "true",
        "5.5",
        "5,5",
        "-5",
        "0",
        "10",
        "55",
        "5%",
        "5/10",
        "7 out of 10",
        "I give 7 out of 10",
        "Label: 7 out of 10",
        "Label: 7/10",
        "5 or 6",
        "Label: 5 or 6",
        "Label 5, perhaps 6",
        "Label: 5: or 6",
        "Label 5 is wrong.",
        "The label is not 5.",
        "It could be label 5.\nIt could be label 6.",
        "Label 6 is tempting.\nLabel: 5",
        "6\nLabel: 5",
        "Label: 5\nOn second thought, that is wrong.",
        "1. Both are pens.\n2. Both hold ink.",
        "1. The first item is a pen.",
        "\n".join(f"{code.value}: {code.wording}" for code in FunctionLabel),
        "5: when combined with item 1, item 2 becomes more useful",
        "<think>{'label': 5}",
        '<think>It is {"label": 3}',
        '{"rationale": "</think>1',
    ],
)
def test_an_answer_that_leaves_doubt_is_none(text: str) -> None:
    assert label(text) is None


@pytest.mark.parametrize("code", FunctionLabel)
def test_the_wording_of_a_label_is_that_label(code: FunctionLabel) -> None:
    assert label(code.wording) == code
    assert label(f"{code.value}: {code.wording}.") == code
    assert label(json.dumps({"label": code.wording})) == code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"answers": [{"pair": 1, "label": 5}, {"pair": 2, "label": 8}]}', [5, 8]),
        ('{"answers": [{"pair": 2, "label": 8}, {"pair": 1, "label": "5"}]}', [5, 8]),
        ('[{"pair": "pair_1", "label": 5}, {"pair": "2", "label": 8}]', [5, 8]),
        ('{"pair": 1, "label": 5}\n{"pair": 2, "label": 8}', [5, 8]),
        ('Here: [{"pair": 1, "label": 5}, {"pair": 2, "label": 8}]', [5, 8]),
        ('[{"label": 5}, {"label": 8}]', [5, 8]),
        ('{"answers": [5, 8]}', [5, 8]),
        ('{"labels": ["5", 8]}', [5, 8]),
        ("```json\n[5, 8]\n```", [5, 8]),
        ("5, 8", [5, 8]),
        ("５\n８", [5, 8]),
        ("**5**, **8**", [5, 8]),
        ('{"answers": [{"pair": 2, "label": 8}]}', [None, 8]),
        ('{"answers": [{"pair": 1, "label": 12}, {"pair": 2, "label": 8}]}', [None, 8]),
        ('{"answers": [{"pair": 1}, {"pair": 2, "label": 8}]}', [None, 8]),
        (
            '{"answers": [{"pair": 1, "label": 5}, {"pair": 1, "label": 6},'
            ' {"pair": 2, "label": 8}, {"pair": 2, "label": 8}]}',
            [None, 8],
        ),
        ("[5, 12]", [5, None]),
    ],
)
def test_labels_of_several_pairs_go_by_number_or_else_by_order(
    text: str, expected: list[int | None]
) -> None:
    assert parse_labels(text, 2) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "5, 8, 1",
        "[5]",
        "[5, 8, 1]",
        "5 of 8",
        '{"label": 5}',
        '{"answers": []}',
        '{"answers": [{"pair": 0, "label": 5}, {"pair": 1, "label": 8}]}',
        '{"answers": [{"pair": 1, "label": 5}, {"label": 8}]}',
        '{"answers": [{"pair": null, "label": 5}, {"pair": null, "label": 8}]}',
        '{"answers": [{"pair": 1, "label": 5}, {"pair": 2, "lab',
    ],
)
def test_labels_that_cannot_be_told_apart_are_none(text: str) -> None:
    assert parse_labels(text, 2) == [None, None]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("<think>so many", "empty"),
        ("I cannot help.", "json"),
        ('{"lab', "json"),
        ('{"label": 12}', "label"),
        ('So: {"answer": 5}', "label"),
    ],
)
def test_what_is_wrong_with_an_answer_is_told(text: str, problem: str) -> None:
    assert find_problem(text) == problem


@given(CODES, DIGITLESS, DIGITLESS, DIGITLESS, st.booleans())
def test_noise_around_json_does_not_matter(
    code: int, before: str, after: str, rationale: str, fenced: bool
) -> None:
    answer = json.dumps({"rationale": rationale, "label": code})
    answer = f"```json\n{answer}\n```" if fenced else answer
    assert label(f"{before}\n{answer}\n{after}") == code


@given(st.lists(CODES, min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_numbered_answers_does_not_matter(codes: list[int], random) -> None:
    answers = [{"pair": pair, "label": code} for pair, code in enumerate(codes, 1)]
    random.shuffle(answers)
    assert parse_labels(json.dumps({"answers": answers}), len(codes)) == codes


@given(NO_LABEL, st.text())
def test_nothing_but_one_to_nine_is_a_label(value: object, rationale: str) -> None:
    assert label(json.dumps({"rationale": rationale, "label": value})) is None
    assert label(json.dumps({"label": str(value)})) is None
    assert label(json.dumps({"label": value, "pair": 1})) is None


@given(st.integers().filter(lambda n: not 1 <= n <= 9), st.sampled_from(["{}", "Label: {}", "{}."]))
def test_no_other_number_is_a_label(number: int, words: str) -> None:
    assert label(words.format(number)) is None


@given(
    st.one_of(ANYTHING, ALMOST_JSON, JSON_VALUES.map(json.dumps)),
    st.integers(1, 4),
)
@example("[" * 100_000, 1)
@example('{"a":' * 100_000, 1)
@example('{"label": ' + "9" * 5000 + "}", 2)
@example("9" * 5000, 2)
@example("label " * 5000, 1)
@example("1, " * 5000, 2)
@example("\ud800 5", 1)
def test_any_text_gives_labels_or_none(text: str, n_pairs: int) -> None:
    labels = parse_labels(text, n_pairs)
    assert len(labels) == n_pairs
    assert all(code is None or (type(code) is int and 1 <= code <= 9) for code in labels)
    assert find_problem(text) in {"empty", "json", "label"}
