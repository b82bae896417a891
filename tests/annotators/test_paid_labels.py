"""Votes that were paid under version 0.1.0 are found again: by a prompt's hash and its texts."""

from __future__ import annotations

import pytest
from paid_prompts import hash_of_all_sent

from karl.annotators.human.answers import DEFINITIONS
from karl.annotators.llm.prompt import Example, LabelPrompt, Language, label_template, pair_content

PEN = pair_content({"title": "pen & ink"}, {"title": "refill", "price": 1.5})
TAPE = pair_content({"title": "テープ"}, {"title": "tape <b>", "type": None})
EXAMPLES = (Example(TAPE, 8), Example(PEN, 2))

VERSIONS: dict[tuple[Language, bool, int], str] = {
    ("en", False, 0): "155385ea2b37611ff5f70e57756ca5f018d341f2d83f47af97709f782f5065aa",
    ("en", False, 2): "3e7bbc84d63cb317326524ba55035d05a7dcc3b5e931cb3e5e070a1e952c570f",
    ("en", True, 0): "876e1e6d1bd07bc0be09dcad1258ad99a716ebb173cf3863181589743b32382a",
    ("en", True, 2): "ce80e5a615e37d027f6f801bc9575acd648f66c4f0b07fa20ad7fe2fc2eb94f8",
    ("ja", False, 0): "7573cc3c5de3d7d177300bc0a2e9c0b347cf37ba327de374dadebfafe843bff7",
    ("ja", False, 2): "9924dd3842a0e9faf52a786859c1821634058207c76d272899eb39695f350b9a",
    ("ja", True, 0): "e68150f00f429b9071172b54b5bd417005e75186abb3ba1b3407fa6ccfaf0816",
    ("ja", True, 2): "c381df10616bb7690fb40747fb628f3841dbb54efa8d86db02a2b5e351fee07d",
}

TEXTS: dict[tuple[Language, bool, int], str] = {
    ("en", False, 0): "dbd470c9d12c05c897b10c6bbd7792ebb8d5b9301ea8b6ffa4d3502bd6afd84a",
    ("en", False, 2): "a4c3904813bb97137296d70b83f782580b5a7423d12822b2bf4d4c7f54b31dbf",
    ("en", True, 0): "9a1d34e2f045c8832fcf23e29621846fb29f826018200c8395b08e6cea978d1a",
    ("en", True, 2): "50860dbd32e5e19b03d3a791a5475cb4fafdfa4d71e16a5b42018c8133edb2cf",
    ("ja", False, 0): "433408a448d6cc4045bcec7fb58e31c964270c35f3ed7d867e54fc4be15f9e08",
    ("ja", False, 2): "08b24c7f35ce5504bd6fcd6e5f72e91bb2431a33b4be45602ac25df73dbcae6e",
    ("ja", True, 0): "61e1dd28ab862c64a3d7ef006b9d3dae6836302ce26fe5cd662ba58e4228a48e",
    ("ja", True, 2): "24cd2da90f4c9caa617c290f0926ba32c85064d73fa14cd8f3a2e42e8a1e819a",
}


ANSWERS = ("", "no", '{"label": 12}', '{"answers": []}', '{"pair": 1}', "x" * 600)


def prompt_of(language: Language, rationale: bool, n_examples: int) -> LabelPrompt:
    return LabelPrompt(label_template(language), rationale, EXAMPLES[:n_examples])


@pytest.mark.parametrize("case", VERSIONS)
def test_shipped_prompts_are_those_of_0_1_0(case: tuple[Language, bool, int]) -> None:
    prompt = prompt_of(*case)
    assert prompt.version == VERSIONS[case]
    assert hash_of_all_sent(prompt, [PEN, TAPE, PEN + " "], ANSWERS) == TEXTS[case]


@pytest.mark.parametrize("rationale", [False, True])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_schemas_are_those_of_0_1_0(rationale: bool, n: int) -> None:
    label = {"label": {"type": "integer", "enum": [1, 2, 3, 4, 5, 6, 7, 8, 9]}}
    if rationale:
        label = {"rationale": {"type": "string"}} | label
    assert prompt_of("en", rationale, 0).schema(n) == expected(label, "answers", "pair", n)


def expected(answer: dict, several: str, number: str, n: int) -> dict:
    """Return a schema, written out."""

    def closed(properties: dict) -> dict:
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    if n == 1:
        return closed(answer)
    numbers = {number: {"type": "integer", "enum": list(range(1, n + 1))}}
    return closed({several: {"type": "array", "items": closed(numbers | answer)}})


def test_the_definitions_that_people_go_by_are_those_of_0_1_0() -> None:
    assert DEFINITIONS == "680b88bcc080413e5975853556b43e5cd7a71f0ce6395f1fd872f7f2da8ae4a1"
