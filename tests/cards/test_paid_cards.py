"""Cards that were paid under version 0.1.0 are found again: by a prompt's hash and its texts."""

from __future__ import annotations

import pytest
from paid_prompts import hash_of_all_sent

from karl.cards.categories import CategoryList
from karl.cards.prompt import FIRST, CardPrompt, card_template, item_content
from karl.cards.survey import SurveyPrompt, survey_content
from karl.llm.prompt import Prompt

SHORT = CategoryList.of([("desk", "pens"), ("desk", "ring notebooks"), ("<home>", "mugs")])
LONG = SHORT.grown_by((f"major {n % 9}", f"kind {n}") for n in range(300))
LISTS = {"catalogue": None, "short": SHORT, "long": LONG}
ITEMS = [
    item_content({"title": "pen & ink"}),
    item_content({"title": "テープ", "price": 1.5, "type": None}),
    item_content({"title": "<mug>"}),
]
VERSIONS = {
    "catalogue": "b5fee9c01e268a157652d07cf95375d24b474ae731929a6c921a98cf78eb5991",
    "short": "a88234cb23839ba16f0142d82f2d84df032ec749181cbdebea706ca17ad9cd20",
    "long": "1c1ea74c6640a336bf86c6ef7a3214863c92e51aa20a69efa8d7cdcdbf3235f5",
    "survey": "fe10f41a0ca4e940fb0a3bd74cbb176097beaedba816e8ab755014d85fb236f9",
}
TEXTS = {
    "catalogue": "09a237376a36bd3895d82754ee1f2e3f47bad6e2d66bb6ee73e078a4e533c061",
    "short": "e448234b3661d92754bc6b65ba50bb276b8e9560437704be188bb9d87fa5fe29",
    "long": "5f61c4623f47b3fe1322e3c77e07612166c62f377d234f68de6dab4ae462ac52",
    "survey": "fd26e573cdfb7dc0b4836c134e0de40a8294cc3c984af9606c07abf987890dfa",
}
ANSWERS = ("", "no", '{"type": "pe', '{"cards": []}', '{"item": 1}', "x" * 600)


def prompt_of(name: str) -> Prompt:
    return SurveyPrompt() if name == "survey" else CardPrompt(card_template(FIRST), LISTS[name])


@pytest.mark.parametrize("name", [*LISTS, "survey"])
def test_prompts_of_0_1_0_stay_as_they_were(name: str) -> None:
    assert prompt_of(name).version == VERSIONS[name]
    contents = [survey_content(SHORT, ["pen", "<mug>"])] if name == "survey" else ITEMS
    assert hash_of_all_sent(prompt_of(name), contents, ANSWERS) == TEXTS[name]
