from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import karl.annotators.llm.prompt as prompt_module
from karl.annotators.llm.labels import Problem
from karl.annotators.llm.prompt import (
    Example,
    LabelPrompt,
    Language,
    choose_examples,
    guess_language,
    label_template,
    pair_content,
)
from karl.datasets import LabelledPairs
from karl.errors import ConfigError
from karl.labels import FunctionLabel, to_relations
from karl.llm.prompt import Prompt, Question
from karl.llm.templates import as_data

LANGUAGES = get_args(Language)
TEMPLATES = Path(prompt_module.__file__).parent / "templates"
PAIR = Question(("i1", "i2"), pair_content({"title": "pen"}, {"title": "refill", "price": 1.5}))
OTHER = Question(("i3", "i4"), pair_content({"title": "ペン"}, {"title": "替芯"}))

OWN = """{# mine #}
{% block system %}Pick 1 to 9.{% if rationale %} Say why.{% endif %}{% endblock %}
{% block user %}{{ pairs }}{% endblock %}
{% block repair %}Again: {{ problem }}{% endblock %}
"""


def prompt(language: Language = "en", **settings) -> LabelPrompt:
    return LabelPrompt(label_template(language), **settings)


def own(folder: Path, text: str) -> LabelPrompt:
    file = folder / "mine.j2"
    file.write_text(text, encoding="utf-8")
    return LabelPrompt(label_template("en", str(file)))


def system_of(asked: Prompt, *questions: Question) -> str:
    return asked.messages(questions)[0]["content"]


def set_of(labels: list[int]) -> LabelledPairs:
    codes = np.int8(labels)
    items = np.arange(2 * len(codes), dtype=np.int32).reshape(-1, 2)
    return LabelledPairs(items, np.maximum(to_relations(codes), 0), codes, "human")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_system_message_says_what_and_the_user_message_shows_the_pair(
    language: Language,
) -> None:
    system, user = prompt(language).messages([PAIR])
    assert (system["role"], user["role"]) == ("system", "user")
    assert user["content"] == PAIR.content
    assert "pen" not in system["content"].split("JSON")[-1]
    for code in FunctionLabel:
        assert f"\n{code.value}: " in system["content"]


def test_the_english_prompt_gives_the_published_definitions() -> None:
    for code in FunctionLabel:
        assert f"\n{code.value}: {code.wording}\n" in system_of(prompt(), PAIR)


def test_the_japanese_definitions_mirror_each_other_where_the_labels_do() -> None:
    lines = dict(re.findall(r"^([1-9]): (.+)$", system_of(prompt("ja"), PAIR), re.MULTILINE))
    swapped = str.maketrans("12", "21")
    for code in (FunctionLabel.ITEM_1_REPLENISHED_BY_2, FunctionLabel.ITEM_1_MORE_USEFUL):
        assert lines[str(code.value)].translate(swapped) == lines[str(code.swapped.value)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_several_pairs_are_numbered(language: Language) -> None:
    system, user = prompt(language).messages([PAIR, OTHER])
    assert user["content"] == (
        f"<pair_1>\n{PAIR.content}\n</pair_1>\n\n<pair_2>\n{OTHER.content}\n</pair_2>"
    )
    assert '"answers"' in system["content"]
    assert '"answers"' not in system_of(prompt(language), PAIR)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("n", [1, 2])
def test_a_rationale_is_asked_for_before_the_label(language: Language, n: int) -> None:
    questions = [PAIR, OTHER][:n]
    assert "rationale" not in system_of(prompt(language), *questions)
    form = system_of(prompt(language, rationale=True), *questions).rpartition("JSON")[2]
    assert 0 < form.find('"rationale"') < form.find('"label"')
    assert prompt(rationale=True).max_tokens > prompt().max_tokens


@pytest.mark.parametrize("language", LANGUAGES)
def test_examples_are_shown_with_their_labels(language: Language) -> None:
    examples = (Example(PAIR.content, 2), Example(OTHER.content, 8))
    shown = system_of(prompt(language, examples=examples), PAIR)
    for one in examples:
        assert re.search(re.escape(one.content) + rf"\n\S+: {one.label}\n", shown)


@pytest.mark.parametrize("rationale", [False, True])
@pytest.mark.parametrize("n", [1, 3])
def test_the_schema_is_one_that_strict_modes_take(n: int, rationale: bool) -> None:
    def check(schema: dict) -> None:
        if schema["type"] == "object":
            assert schema["additionalProperties"] is False
            assert schema["required"] == list(schema["properties"])
            for part in schema["properties"].values():
                check(part)
        elif schema["type"] == "array":
            check(schema["items"])

    schema = prompt(rationale=rationale).schema(n)
    check(schema)
    answer = schema if n == 1 else schema["properties"]["answers"]["items"]
    expected = ["pair"] * (n > 1) + ["rationale"] * rationale + ["label"]
    assert list(answer["properties"]) == expected
    assert answer["properties"]["label"] == {"type": "integer", "enum": [*range(1, 10)]}
    if n > 1:
        assert answer["properties"]["pair"]["enum"] == [1, 2, 3]


def test_answers_are_read_as_labels() -> None:
    asked: Prompt = prompt(rationale=True)
    assert asked.kind == "label"
    assert asked.parse('{"rationale": "ink", "label": 2}', 1) == [2]
    assert asked.parse('{"answers": [{"pair": 2, "rationale": "", "label": 2}]}', 2) == [None, 2]


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_invalid_answer_is_shown_and_corrected(language: Language) -> None:
    asked = prompt(language)
    first = asked.messages([PAIR])
    requests = set()
    for answer in ("I cannot tell.", '{"label": 12}'):
        *before, bad, again = asked.repair(PAIR, f" {answer}\n")
        assert before == first
        assert bad == {"role": "assistant", "content": answer}
        assert again["role"] == "user"
        assert '{"label": n}' in again["content"]
        requests.add(again["content"])
    assert len(requests) == 2


def test_a_long_invalid_answer_is_cut() -> None:
    assert len(prompt().repair(PAIR, "no " * 5000)[2]["content"]) <= 500


@pytest.mark.parametrize("answer", ["", " \n", "<think>hm"])
def test_an_empty_answer_makes_no_empty_message(answer: str) -> None:
    system, user = prompt().repair(PAIR, answer)
    assert system == prompt().messages([PAIR])[0]
    assert user["role"] == "user"
    assert user["content"].startswith(PAIR.content + "\n\n")
    assert "empty" in user["content"]


@pytest.mark.parametrize("answer", ['{"answers": [{"pair": 1, "label": 12}', '[{"pair": 1}]'])
def test_an_answer_to_several_pairs_is_not_quoted_to_one(answer: str) -> None:
    assert prompt().repair(PAIR, answer) == prompt().messages([PAIR])


def test_the_version_follows_what_shapes_answers() -> None:
    examples = (Example(PAIR.content, 2),)
    prompts = [
        prompt(),
        prompt("ja"),
        prompt(rationale=True),
        prompt(examples=examples),
        prompt(examples=(Example(PAIR.content, 3),)),
        prompt(examples=(*examples, *examples)),
    ]
    assert len({asked.version for asked in prompts}) == len(prompts)
    assert prompt(examples=examples).version == prompts[3].version


def test_the_version_does_not_follow_where_the_template_lies(tmp_path: Path) -> None:
    copy = shutil.copy(TEMPLATES / "label.en.j2", tmp_path / "copy.j2")
    copied = LabelPrompt(label_template("ja", str(copy)))
    assert copied.version == prompt().version
    assert copied == prompt()
    text = Path(copy).read_text(encoding="utf-8").replace("\n", "\r\n")
    Path(copy).write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert LabelPrompt(label_template("en", str(copy))).version == prompt().version


def test_a_template_of_ones_own_is_used(tmp_path: Path) -> None:
    asked = own(tmp_path, OWN)
    assert asked.messages([PAIR]) == [
        {"role": "system", "content": "Pick 1 to 9."},
        {"role": "user", "content": PAIR.content},
    ]
    assert asked.repair(PAIR, "no")[-1]["content"] == "Again: json"
    assert asked.version != prompt().version


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{% endif %}", "", r"line 2: .*endblock"),
        ("{{ pairs }}", "{{ pairs", r"line 3: "),
        ("{{ pairs }}", "{{ pair }}", r"line 3: there is no variable 'pair'(.|\n)*pairs"),
        ("{{ problem }}", "{{ pairs }}", r"line 4: there is no variable 'pairs' in block 'repair'"),
        ("{{ problem }}", "{{ problem.much }}", r"line 4: .*much.*'repair'"),
        ("{{ problem }}", "{{ 1 / 0 }}", r"line 4: division by zero"),
        ("{{ problem }}", "{{ problem.__class__.__mro__ }}", r"line 4: .*unsafe"),
        ("{{ problem }}", "{% include 'label.en.j2' %}", r"line 4: no loader"),
        ("{{ pairs }}", "", "does not show each pair once"),
        ("{{ pairs }}", "{{ pairs }} {{ pairs }}", "does not show each pair once"),
        ("block repair", "block mend", r"line 4: block 'mend' would not be sent"),
        ("{# mine #}", "Hello", r"line 1: this would not be sent(.|\n)*system, user, repair"),
        ("{# mine #}", "{% extends 'x' %}", r"line 1: this would not be sent"),
        (OWN.splitlines()[3], "", r"no block 'repair'"),
    ],
)
def test_what_is_wrong_with_a_template_is_told_before_anything_is_sent(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert OWN.count(old) == 1
    with pytest.raises(ConfigError, match=message) as caught:
        own(tmp_path, OWN.replace(old, new))
    assert "mine.j2" in caught.value.message
    assert caught.value.hint


def test_a_template_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.j2"):
        label_template("en", str(tmp_path / "absent.j2"))
    (tmp_path / "latin.j2").write_bytes(b"\xff\xfe\xe4")
    with pytest.raises(ConfigError, match=r"latin.j2(.|\n)*UTF-8"):
        label_template("en", str(tmp_path / "latin.j2"))


def test_every_problem_has_its_words_in_every_language() -> None:
    for language in LANGUAGES:
        template = label_template(language)
        words = {template.render("repair", problem=p, rationale=False) for p in get_args(Problem)}
        assert len(words) == len(get_args(Problem))


def test_items_are_shown_as_json_of_what_is_known() -> None:
    record = {
        "title": "紙 <b>A&B</b>\t\u200b 8\u00a0cm\u2028",
        "type": None,
        "function": " ",
        "price": float("nan"),
        "pages": 80,
        "new": False,
        "text": "x" * 501,
    }
    text = as_data(record)
    assert not set("<>&\n") & set(text)
    assert "紙" in text
    assert json.loads(text) == {
        "title": "紙 <b>A&B</b> 8 cm",
        "pages": 80,
        "new": False,
        "text": "x" * 499 + "…",
    }
    assert json.loads(as_data({"title": "abcdef"}, max_chars=3)) == {"title": "ab…"}
    assert as_data({}) == "{}"


def test_the_language_is_that_of_most_titles() -> None:
    assert guess_language(["ペン", "紙", "A4 paper"]) == "ja"
    assert guess_language(["ペン", "ballpoint pen"]) == "en"
    assert guess_language(["stylo", "Füller"]) == "en"
    assert guess_language([]) == "en"


@pytest.mark.parametrize("n", [0, 1, 5, 9, 10, 20])
def test_examples_are_spread_over_the_labels(n: int) -> None:
    labelled = set_of([0, 0, *range(1, 10), 1, 8, 8, *range(1, 10), 1, 1, 8])
    chosen = choose_examples(labelled, n, seed=3)
    counts = np.bincount(labelled.labels[chosen], minlength=10)
    assert len(set(chosen.tolist())) == n
    assert counts[0] == 0
    assert np.ptp(np.minimum(counts[1:], 2)) <= 1


def test_rare_labels_leave_their_share_to_others() -> None:
    chosen = choose_examples(set_of([8, 8, 8, 8, 1, 0]), 4, seed=0)
    assert sorted(set_of([8, 8, 8, 8, 1, 0]).labels[chosen].tolist()) == [1, 8, 8, 8]


def test_examples_depend_on_the_seed_and_not_on_the_order_of_pairs(
    labelled: LabelledPairs,
) -> None:
    order = np.random.default_rng(0).permutation(len(labelled))
    mixed = labelled.take(order)
    chosen = choose_examples(labelled, 9, seed=0)
    assert np.array_equal(labelled.items[chosen], mixed.items[choose_examples(mixed, 9, seed=0)])
    assert not np.array_equal(chosen, choose_examples(labelled, 9, seed=1))


def test_a_pair_that_is_there_twice_is_shown_once() -> None:
    one = set_of([1, 8])
    twice = LabelledPairs.concat([one, one], "human")
    assert sorted(choose_examples(twice, 2, seed=0).tolist()) == [0, 1]
    with pytest.raises(ConfigError, match=r"llm.examples=3: only 2"):
        choose_examples(twice, 3, seed=0)


def test_relations_alone_make_no_examples() -> None:
    with pytest.raises(ConfigError, match=r"llm.examples=1: only 0(.|\n)*nine"):
        choose_examples(set_of([0, 0]), 1, seed=0)
    assert len(choose_examples(set_of([0, 0]), 0, seed=0)) == 0
    assert len(choose_examples(LabelledPairs.empty("human"), 0, seed=0)) == 0
