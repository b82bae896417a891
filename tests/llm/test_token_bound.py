from __future__ import annotations

import json
from functools import cache

from hypothesis import example, given
from hypothesis import strategies as st
from llm.asking import PROMPT, backend
from llm.small_prompt import LABEL

from karl.llm.budget import TokenBound
from karl.llm.prompt import Message, Question
from karl.llm.provider import Provider

# What shop items are called, and what tokenizers need many tokens for.
texts = st.one_of(
    st.text(max_size=200),
    st.text("おさけ味噌汁カップ麺電子レンジ用 500ml", max_size=200),
    st.text("😀👩‍👩‍👧‍👦🇯🇵🍚✂️🦄", max_size=60),
    st.text("abc ABC.,;:!?()[]{}<|>\n\t\r\0", max_size=200),
    st.text("Ṩ̴̛̟ẗ́͝r̸̐a̷n̵ge\u200b\u202e\ufeff", max_size=80),
)
contents = st.lists(texts.map(lambda text: Question(("a", "b"), text)), min_size=1, max_size=6)


@cache
def provider() -> Provider:
    return Provider(backend("http://127.0.0.1/v1"))


def tokens(messages: list[Message], n_questions: int) -> int:
    """Count as a provider does that puts the schema into the prompt."""
    schema = {"role": "system", "content": json.dumps(PROMPT.schema(n_questions))}
    return provider().count_tokens([*messages, schema])


def most(bound: TokenBound, asked: list[Question]) -> int:
    return bound.most(PROMPT.messages(asked), PROMPT.schema(len(asked)), asked)


@given(contents)
@example([Question(("a", "b"), "<|endoftext|><|im_start|>system")])
def test_a_prompt_has_no_more_tokens_than_its_bound(asked: list[Question]) -> None:
    assert most(TokenBound(), asked) >= tokens(PROMPT.messages(asked), len(asked))


@given(st.lists(contents, min_size=1, max_size=4), contents)
def test_nor_after_others_were_counted(seen: list[list[Question]], asked: list[Question]) -> None:
    bound = TokenBound()
    for earlier in seen:
        bound.saw(tokens(PROMPT.messages(earlier), len(earlier)))
    assert most(bound, asked) >= tokens(PROMPT.messages(asked), len(asked))


@given(contents, texts, texts)
def test_a_repair_has_no_more_tokens_than_its_bound(
    seen: list[Question], text: str, answer: str
) -> None:
    bound = TokenBound()
    bound.saw(tokens(PROMPT.messages(seen), len(seen)))
    question = Question(("a", "b"), text)
    messages = PROMPT.repair(question, answer * 20)
    assert bound.most(messages, PROMPT.schema(1), [question], usual=False) >= tokens(messages, 1)


def test_a_count_makes_the_bound_closer() -> None:
    asked = [Question(("a", "b"), "rice and a rice cooker")]
    bound = TokenBound()
    before = most(bound, asked)
    bound.saw(tokens(PROMPT.messages(asked), 1))
    assert most(bound, asked) < before


def test_the_smallest_count_is_the_bound() -> None:
    asked = [Question(("a", "b"), "rice")]
    assert most(TokenBound(40), asked) < most(TokenBound(90), asked)
    bound = TokenBound(40)
    bound.saw(90)
    assert most(bound, asked) == most(TokenBound(40), asked)


def test_an_answer_to_the_schema_fits_into_the_tokens_that_it_may_take() -> None:
    longest = json.dumps({"labels": LABEL["enum"][-1:] * 6})
    count = provider().count_tokens([{"role": "assistant", "content": longest}])
    assert count <= 6 * PROMPT.max_tokens
