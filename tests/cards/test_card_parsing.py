from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karl.cards.card import parse_cards
from karl.cards.categories import CategoryList
from karl.cards.prompt import CardPrompt, card_template, item_content
from karl.cards.survey import parse_additions
from karl.llm.prompt import Question

LIST = CategoryList.of([("desk", "pens"), ("desk", "ring notebooks"), ("home", "mugs")])


def card(name: str, **more: Any) -> dict[str, Any]:
    return {
        "type": name,
        "function": f"to {name}",
        "consumes": [],
        "needs": [],
        "goes_with": [],
        "substitutes": [],
        "used_in": [],
    } | more


def numbered(*cards: tuple[int, str]) -> str:
    return json.dumps({"cards": [card(name, item=number) for number, name in cards]})


def types(text: str, n_items: int) -> list[str | None]:
    found = parse_cards(text, n_items, None)
    return [None if each is None else each["type"] for each in found]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(card("pen")),
        json.dumps({"cards": [card("pen", item=1)]}),
        json.dumps([card("pen")]),
        f"Here it is:\n```json\n{json.dumps(card('pen'), indent=1)}\n```\nAnything else?",
        f"<think>{json.dumps(card('mug'))}</think>{json.dumps(card('pen'))}",
        json.dumps(card("pen", item="item 1")),
    ],
)
def test_a_card_is_read_however_it_is_wrapped(text: str) -> None:
    assert parse_cards(text, 1, None) == [card("pen")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A pen, I think.",
        '{"type": "pen"}',
        '{"type": "pen", "function": ""}',
        '{"type": 3, "function": "x"}',
        '{"cards": []}',
        "null",
        json.dumps(card("pen"))[:-9],
        f"{json.dumps(card('pen'))} or {json.dumps(card('mug'))}",
        '{"type": "pen", "function": ' * 3000,
    ],
)
def test_what_is_no_card_is_none(text: str) -> None:
    assert parse_cards(text, 1, None) == [None]


def test_cards_are_matched_by_number() -> None:
    assert types(numbered((2, "mug"), (1, "pen"), (3, "tape")), 3) == ["pen", "mug", "tape"]
    assert types(numbered((3, "tape"), (1, "pen")), 3) == ["pen", None, "tape"]


def test_a_number_given_twice_or_never_asked_for_is_no_answer() -> None:
    assert types(numbered((1, "pen"), (1, "mug"), (2, "tape")), 2) == [None, "tape"]
    assert types(numbered((1, "pen"), (1, "pen")), 2) == ["pen", None]
    assert types(numbered((0, "pen"), (1, "mug")), 2) == [None, None]


def test_cards_without_numbers_must_be_as_many_as_items() -> None:
    both = json.dumps({"cards": [card("pen"), card("mug")]})
    assert types(both, 2) == ["pen", "mug"]
    assert types(both, 3) == [None] * 3
    mixed = json.dumps({"cards": [card("pen", item=1), card("mug")]})
    assert types(mixed, 2) == [None, None]


def test_whole_cards_of_an_answer_that_breaks_off_are_kept() -> None:
    text = numbered((1, "pen"), (2, "mug"), (3, "tape"))
    assert types(text[: text.index("to tape")], 3) == ["pen", "mug", None]


def test_a_list_without_an_end_spoils_no_card() -> None:
    text = json.dumps(card("pen", consumes=["ink", "refill"] + ["notebook"] * 20))
    cut = text[: text.index("needs") - 30]
    (found,) = parse_cards(cut, 1, None)
    assert found == card("pen", consumes=["ink", "refill", "notebook"])
    assert parse_cards(text[: text.index("notebook")], 1, None) == [None]


@given(st.text() | st.builds(lambda n: numbered((1, "pen"), (2, "mug"))[:n], st.integers(0, 250)))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert len(parse_cards(text, 3, LIST)) == 3
    parse_additions(text)


def test_lists_may_come_as_texts_and_are_kept_short() -> None:
    given_lists = card(
        "pen", consumes="refill; ink", needs=["none", "a;b", 3, "a;b"], goes_with=None
    )
    (found,) = parse_cards(json.dumps(given_lists), 1, None)
    assert found is not None
    assert (found["consumes"], found["needs"], found["goes_with"]) == (
        ["refill", "ink"],
        ["a,b"],
        [],
    )
    (long,) = parse_cards(json.dumps(card("x" * 999, needs=[str(n) for n in range(99)])), 1, None)
    assert long is not None
    assert (len(long["type"]), len(long["needs"])) == (200, 8)


@pytest.mark.parametrize(
    ("major", "fine", "expected"),
    [
        ("desk", "pens", ("desk", "pens")),
        ("DESK", "Ring_Notebooks", ("desk", "ring notebooks")),
        ("home", "pens", ("desk", "pens")),
        ("kitchen", "mugs", ("home", "mugs")),
        ("desk", "other", ("desk", None)),
        ("desk", "scissors", ("desk", None)),
        ("other", "other", (None, None)),
        (None, "mugs", ("home", "mugs")),
    ],
)
def test_categories_are_those_of_the_list(
    major: str | None, fine: str, expected: tuple[str | None, str | None]
) -> None:
    text = json.dumps(card("x", major_category=major, fine_category=fine))
    (found,) = parse_cards(text, 1, LIST)
    assert found is not None
    assert (found["major_category"], found["fine_category"]) == expected


def test_a_card_must_say_something_of_categories_where_they_are_asked_for() -> None:
    assert parse_cards(json.dumps(card("pen")), 1, LIST) == [None]


def addition(major: Any, fine: Any) -> dict[str, Any]:
    return {"major_category": major, "fine_category": fine}


def test_additions_are_cleaned_names() -> None:
    listed = [addition("Desk_Things", " Gel  Pens"), addition("other", "x"), addition("a", None)]
    assert parse_additions(json.dumps({"additions": listed})) == [["desk things", "gel pens"]]
    assert parse_additions(json.dumps(listed[:1])) == [["desk things", "gel pens"]]


def test_adding_nothing_is_an_answer_and_no_json_is_none() -> None:
    assert parse_additions('{"additions": []}') == []
    assert parse_additions('```json\n{"additions": []}\n```') == []
    for text in ("", "none", "{}", '{"additions": [{"major_', '{"additions": [{}]}'):
        assert parse_additions(text) is None


def test_the_prompt_of_a_list_is_another_prompt() -> None:
    template = card_template()
    versions = {
        CardPrompt(template, of).version for of in (None, LIST, LIST.grown_by([("a", "b")]))
    }
    assert len(versions) == 3
    same = CategoryList.of([("home", "mugs"), ("desk", "ring notebooks"), ("desk", "pens")])
    assert CardPrompt(template, same).version == CardPrompt(template, LIST).version


def test_a_short_list_stands_in_the_schema_and_a_long_one_does_not() -> None:
    schema = CardPrompt(card_template(), LIST).schema(1)["properties"]
    assert schema["fine_category"]["enum"] == ["mugs", "pens", "ring notebooks", "other"]
    many = CategoryList.of(("desk", f"kind {n}") for n in range(300))
    schema = CardPrompt(card_template(), many).schema(1)["properties"]
    assert schema["major_category"]["enum"] == ["desk", "other"]
    assert schema["fine_category"] == {"type": "string"}


def test_an_answer_to_several_items_is_not_quoted_when_one_is_asked_again() -> None:
    prompt, question = CardPrompt(card_template()), Question(("1",), item_content({"title": "pen"}))
    assert prompt.repair(question, numbered((1, "mug"))) == prompt.messages([question])
    quoted = prompt.repair(question, '{"type": "pe')
    assert [message["role"] for message in quoted] == ["system", "user", "assistant", "user"]
    empty = prompt.repair(question, " ")
    assert [message["role"] for message in empty] == ["system", "user"]
