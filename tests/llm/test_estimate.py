from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from llm.asking import PROMPT, account, backend, questions
from llm.loopback import Loopback

from karl.errors import BudgetExhausted, ConfigError
from karl.llm.client import ask
from karl.llm.estimate import Estimate, estimate
from karl.llm.prompt import Question

ASKED = questions(20)

# Long enough for the few tokens around messages, which the loopback server does not count,
# to matter little.
SOLD = (
    "A rice cooker with a bowl for 1.8 litres, a timer and a lid that can be washed by hand, and "
)
WORDY = [
    Question((f"a{n}", f"b{n}"), f"{n}. " + SOLD * 3 + f"a bag of {n + 5} kg of brown rice.")
    for n in range(30)
]


@pytest.mark.parametrize("choices", [True, False])
@pytest.mark.parametrize("per_request", [1, 3])
@pytest.mark.parametrize("stored", [0, 7])
def test_the_calls_of_an_estimate_are_those_that_are_sent(
    stored: int, per_request: int, choices: bool, loopback: Loopback, tmp_path: Path
) -> None:
    model = backend(loopback.url, choices=choices)
    how: dict[str, Any] = {"votes": 3, "per_request": per_request}
    ask(model, PROMPT, ASKED[:stored], account(tmp_path), **how)
    loopback.reset()
    expected = estimate(model, PROMPT, ASKED + ASKED[:2], account(tmp_path), **how)
    assert loopback.log() == []
    ask(model, PROMPT, ASKED, account(tmp_path), **how)
    assert expected.calls == len(loopback.log())
    assert (expected.answers, expected.stored) == (60, 3 * stored)
    assert expected.measured == (stored > 0)


@pytest.mark.parametrize("choices", [True, False])
def test_an_invalid_answer_that_is_stored_is_estimated_as_a_repair(
    choices: bool, loopback: Loopback, tmp_path: Path
) -> None:
    model = backend(loopback.url, choices=choices, concurrency=1)
    loopback.faults({"fault": "empty", "times": -1, "match": ASKED[3].content})
    n_calls = 5 if choices else 15
    with pytest.raises(BudgetExhausted):
        ask(model, PROMPT, ASKED[:5], account(tmp_path, calls=n_calls), votes=3)
    expected = estimate(model, PROMPT, ASKED[:5], account(tmp_path), votes=3)
    assert (expected.calls, expected.stored) == (3, 12)
    loopback.reset()
    ask(model, PROMPT, ASKED[:5], account(tmp_path), votes=3)
    assert len(loopback.log()) == 3


def test_stored_answers_cost_nothing(loopback: Loopback, tmp_path: Path) -> None:
    model = backend(loopback.url)
    ask(model, PROMPT, ASKED, account(tmp_path), votes=3)
    expected = estimate(model, PROMPT, ASKED, account(tmp_path, "other"), votes=3)
    assert expected == Estimate("labels", 60, 60, 0, 0, 0, 0.0, 0.0, 0.0, measured=True)


def test_an_estimate_makes_no_store(loopback: Loopback, tmp_path: Path) -> None:
    estimate(backend(loopback.url), PROMPT, ASKED, account(tmp_path / "new"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("per_request", [1, 3])
@pytest.mark.parametrize("choices", [True, False])
def test_tokens_of_prompts_are_about_those_that_a_provider_counts(
    choices: bool, per_request: int, loopback: Loopback, tmp_path: Path
) -> None:
    model = backend(loopback.url, choices=choices)
    how: dict[str, Any] = {"votes": 3, "per_request": per_request}
    expected = estimate(model, PROMPT, WORDY, account(tmp_path), **how)
    used = ask(model, PROMPT, WORDY, account(tmp_path), **how).used
    assert expected.tokens_in == pytest.approx(used.tokens_in, rel=0.3)
    # A few labels take less than the longest answer that the prompt allows.
    assert used.tokens_out <= 90 * PROMPT.max_tokens
    assert used.cost_usd <= expected.most_usd


@pytest.mark.parametrize("choices", [True, False])
def test_measured_tokens_are_what_the_same_prompt_took(
    choices: bool, loopback: Loopback, tmp_path: Path
) -> None:
    model = backend(loopback.url, choices=choices)
    ask(model, PROMPT, WORDY[:10], account(tmp_path), votes=3)
    expected = estimate(model, PROMPT, WORDY[10:], account(tmp_path), votes=3)
    used = ask(model, PROMPT, WORDY[10:], account(tmp_path), votes=3).used
    assert expected.measured
    assert expected.tokens_in == pytest.approx(used.tokens_in, rel=0.02)
    assert expected.tokens_out == pytest.approx(used.tokens_out, rel=0.02)
    assert expected.cost_usd == pytest.approx(used.cost_usd, rel=0.02)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"votes": 1}, {"votes": 4}),
        ({"votes": 4}, {"votes": 1}),
        ({"per_request": 1}, {"per_request": 5}),
        ({"per_request": 5}, {"per_request": 1}),
    ],
)
def test_measured_tokens_hold_for_requests_of_another_shape(
    before: dict[str, Any], after: dict[str, Any], loopback: Loopback, tmp_path: Path
) -> None:
    model = backend(loopback.url, choices=True)
    ask(model, PROMPT, WORDY[:10], account(tmp_path), **before)
    expected = estimate(model, PROMPT, WORDY[10:], account(tmp_path), **after)
    used = ask(model, PROMPT, WORDY[10:], account(tmp_path), **after).used
    assert expected.tokens_in == pytest.approx(used.tokens_in, rel=0.3)
    # One list of five labels is shorter than five objects with one each.
    assert used.tokens_out / 2.5 <= expected.tokens_out <= used.tokens_out * 2.5
    assert expected.cost_usd <= expected.most_usd


def test_an_unknown_price_is_told_before_anything_is_sent(
    loopback: Loopback, tmp_path: Path
) -> None:
    model = backend(loopback.url, price_out_usd_per_mtok=None)
    for do in (estimate, ask):
        with pytest.raises(ConfigError, match="nobody knows what the model") as unknown:
            do(model, PROMPT, ASKED, account(tmp_path))
        assert "price_out_usd_per_mtok" in str(unknown.value)
    assert loopback.log() == []


def test_a_listed_price_is_known(tmp_path: Path) -> None:
    prices = {"price_in_usd_per_mtok": None, "price_out_usd_per_mtok": None}
    model = backend("http://127.0.0.1/v1", provider="openai", model="gpt-4o-mini", **prices)
    expected = estimate(model, PROMPT, ASKED, account(tmp_path))
    assert 0 < expected.cost_usd < expected.most_usd


def test_limits_of_the_provider_make_it_slower(tmp_path: Path) -> None:
    def seconds(**options: Any) -> float:
        model = backend("http://127.0.0.1/v1", concurrency=10, **options)
        return estimate(model, PROMPT, ASKED, account(tmp_path), votes=3).seconds

    assert seconds(requests_per_minute=10) == pytest.approx(360)
    assert seconds(tokens_per_minute=60) > seconds(tokens_per_minute=600) > seconds()
