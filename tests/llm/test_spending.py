from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm.asking import (
    PROMPT,
    STORE,
    account,
    backend,
    questions,
    spent,
    states,
    texts,
    values,
    votes,
)
from llm.loopback import Loopback

from karl.config.settings import Budget
from karl.errors import BudgetExhausted
from karl.llm.budget import Spending, Usage
from karl.llm.client import ask

ASKED = questions(40)
TOLERANCE_USD = 1e-8

usages = st.builds(
    Usage,
    calls=st.just(1),
    tokens_in=st.integers(0, 50),
    tokens_out=st.integers(0, 50),
    cost_usd=st.integers(0, 50).map(lambda cents: cents / 100),
)
limits = st.builds(
    Budget,
    usd=st.none() | st.integers(0, 200).map(lambda cents: cents / 100),
    calls=st.none() | st.integers(0, 12),
    tokens=st.none() | st.integers(0, 400),
)
# What a call may take, which share of that it takes, and how many turns it waits.
plans = st.lists(st.tuples(usages, st.sampled_from([0, 0.5, 1]), st.integers(0, 4)), max_size=20)


def part(most: Usage, share: float) -> Usage:
    """Return what a call used; one that failed used nothing."""
    if share == 0:
        return Usage()
    tokens = int(most.tokens_in * share), int(most.tokens_out * share)
    return Usage(1, *tokens, most.cost_usd * share)


def within(used: Usage, budget: Budget) -> bool:
    return (
        (budget.calls is None or used.calls <= budget.calls)
        and (budget.tokens is None or used.tokens <= budget.tokens)
        and (budget.usd is None or used.cost_usd <= budget.usd + TOLERANCE_USD)
    )


@given(limits, plans)
def test_no_order_of_calls_exceeds_a_limit(
    budget: Budget, plan: list[tuple[Usage, float, int]]
) -> None:
    spending = Spending(budget, Usage())
    in_flight: list[Usage] = []
    total = Usage()
    refused = []

    async def call(most: Usage, share: float, turns: int) -> None:
        nonlocal total
        for _ in range(turns):
            await asyncio.sleep(0)
        try:
            await spending.reserve(most)
        except BudgetExhausted:
            assert not in_flight
            refused.append(most)
            return
        in_flight.append(most)
        assert within(sum(in_flight, total), budget)
        for _ in range(turns):
            await asyncio.sleep(0)
        in_flight.remove(most)
        total += part(most, share)
        await spending.settle(most, part(most, share))

    async def all_calls() -> None:
        await asyncio.gather(*(call(*planned) for planned in plan))

    asyncio.run(all_calls())
    assert within(total, budget)
    assert spending.spent.calls == total.calls
    assert spending.spent.tokens == total.tokens
    assert spending.spent.cost_usd == pytest.approx(total.cost_usd)
    for most in refused:
        assert not within(total + most, budget)


def test_a_call_waits_while_one_in_flight_may_leave_room() -> None:
    async def scenario() -> None:
        spending = Spending(Budget(usd=1.0), Usage())
        most = Usage(1, 0, 0, 0.6)
        await spending.reserve(most)
        waiting = asyncio.create_task(spending.reserve(most))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not waiting.done()
        await spending.settle(most, Usage(1, 0, 0, 0.4))
        await waiting
        assert spending.spent.cost_usd == 0.4

    asyncio.run(scenario())


def test_a_budget_is_exhausted_once_nothing_is_in_flight() -> None:
    async def scenario() -> None:
        spending = Spending(Budget(tokens=100), Usage(3, 40, 10))
        most = Usage(1, 20, 20)
        await spending.reserve(most)
        waiting = asyncio.create_task(spending.reserve(most))
        await asyncio.sleep(0)
        await spending.settle(most, Usage(1, 20, 0))
        with pytest.raises(BudgetExhausted, match=r"100 tokens \(budget.tokens\) is used up"):
            await waiting

    asyncio.run(scenario())


@pytest.mark.parametrize("limit", [0, 1, 17, 40, 41])
def test_no_more_calls_are_sent_than_the_budget_has(
    limit: int, loopback: Loopback, tmp_path: Path
) -> None:
    model = backend(loopback.url, concurrency=32)
    with pytest.raises(BudgetExhausted, match=rf"{limit} calls \(budget.calls\)") as exhausted:
        ask(model, PROMPT, ASKED, account(tmp_path, calls=limit), votes=3)
    assert "Raise the limit" in str(exhausted.value)
    assert exhausted.value.exit_code == 3
    assert len(loopback.log()) == limit
    before = votes(tmp_path / STORE)
    assert len(before) == limit
    answers = ask(model, PROMPT, ASKED, account(tmp_path, calls=120), votes=3)
    assert len(loopback.log()) == 120
    assert texts(loopback.log()) == dict.fromkeys([q.content for q in ASKED], 3)
    assert before.items() <= votes(tmp_path / STORE).items()
    assert all(value in range(1, 10) for of_question in values(answers) for value in of_question)


@pytest.mark.parametrize("fault", ["500", "close", "wrong_label"])
@pytest.mark.usefixtures("short_pauses")
def test_calls_that_fail_do_not_exceed_the_budget(
    fault: str, loopback: Loopback, tmp_path: Path
) -> None:
    loopback.faults({"fault": fault, "every": 3, "times": -1})
    with pytest.raises(BudgetExhausted):
        ask(backend(loopback.url, concurrency=32), PROMPT, ASKED, account(tmp_path, calls=30))
    # An error status is no answer, so it costs nothing; a connection that broke may have been one.
    count = states(tmp_path / STORE)
    assert count["answered"] + count["lost"] == spent(tmp_path / STORE).calls == 30
    assert len(loopback.log()) == 30 + count["failed"]


@pytest.mark.parametrize("choices", [False, True])
@pytest.mark.parametrize(
    "limits", [{"usd": 0.03}, {"usd": 0.011}, {"tokens": 1500}, {"usd": 0.02, "tokens": 1300}]
)
def test_no_more_is_spent_than_the_budget_has(
    limits: dict[str, Any], choices: bool, loopback: Loopback, tmp_path: Path
) -> None:
    model = backend(loopback.url, concurrency=32, choices=choices)
    with pytest.raises(BudgetExhausted):
        ask(model, PROMPT, ASKED * 2, account(tmp_path, **limits), votes=5)
    used = spent(tmp_path / STORE)
    assert within(used, Budget(**limits))
    assert 0 < used.calls == len(loopback.log())
    ask(model, PROMPT, ASKED, account(tmp_path), votes=5)
    assert len(votes(tmp_path / STORE)) == 200
    assert len(loopback.log()) == (40 if choices else 200)


def test_most_of_a_budget_can_be_spent(loopback: Loopback, tmp_path: Path) -> None:
    model = backend(loopback.url, concurrency=32)
    with pytest.raises(BudgetExhausted):
        ask(model, PROMPT, ASKED, account(tmp_path, usd=0.03), votes=5)
    assert spent(tmp_path / STORE).cost_usd > 0.8 * 0.03


@pytest.mark.parametrize("limits", [{"usd": 0.0}, {"tokens": 0}, {"calls": 0}, {"tokens": 5}])
def test_a_limit_of_nothing_sends_nothing(
    limits: dict[str, Any], loopback: Loopback, tmp_path: Path
) -> None:
    with pytest.raises(BudgetExhausted):
        ask(backend(loopback.url), PROMPT, ASKED, account(tmp_path, **limits))
    assert loopback.log() == []
    assert states(tmp_path / STORE) == {}


def test_what_is_free_needs_no_dollars(loopback: Loopback, tmp_path: Path) -> None:
    free = {"price_in_usd_per_mtok": 0, "price_out_usd_per_mtok": 0}
    ask(backend(loopback.url, **free), PROMPT, ASKED, account(tmp_path, usd=0))
    assert len(loopback.log()) == 40
    assert spent(tmp_path / STORE).cost_usd == 0


def test_a_budget_is_that_of_an_account_not_of_a_process(
    loopback: Loopback, tmp_path: Path
) -> None:
    model = backend(loopback.url)
    ask(model, PROMPT, ASKED[:10], account(tmp_path, calls=15))
    with pytest.raises(BudgetExhausted):
        ask(model, PROMPT, ASKED, account(tmp_path, calls=15))
    assert len(loopback.log()) == 15
    ask(model, PROMPT, ASKED, account(tmp_path, "other", calls=25))
    assert len(loopback.log()) == 40
