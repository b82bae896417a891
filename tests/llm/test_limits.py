from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm.virtual_time import now, run

from karl.llm.budget import Limits

MINUTE = 60.0


async def admissions(limits: Limits, tokens: list[int]) -> list[float]:
    """Return when requests that come all at once are admitted."""
    times = []

    async def request(count: int) -> None:
        await limits.admit(count)
        times.append(now())

    await asyncio.gather(*map(request, tokens))
    return times


def most_in_a_minute(times: list[float], counts: list[int]) -> int:
    return max(
        sum(count for time, count in zip(times, counts, strict=True) if 0 <= time - start < MINUTE)
        for start in times
    )


def test_without_limits_nothing_waits() -> None:
    times = run(admissions(Limits(None, None), [1000] * 50))
    assert times == [0.0] * 50


@pytest.mark.parametrize("per_minute", [1, 30, 500])
def test_requests_are_spread_over_the_minute(per_minute: int) -> None:
    count = 3 * per_minute
    times = run(admissions(Limits(per_minute, None), [1] * count))
    assert times[-1] == pytest.approx((count - 1) * MINUTE / per_minute, rel=0.01)
    assert most_in_a_minute(times, [1] * count) <= per_minute + 1


def test_tokens_come_in_bursts_but_no_minute_has_many_more_than_its_limit() -> None:
    tokens = [50] * 100
    times = run(admissions(Limits(None, 1000), tokens))
    assert times.count(0.0) == 2
    assert times[-1] == pytest.approx((5000 - 100) * MINUTE / 1000, rel=0.01)
    assert most_in_a_minute(times, tokens) <= 1100


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=40), st.integers(10, 5000))
def test_every_request_is_admitted_in_the_end(tokens: list[int], per_minute: int) -> None:
    times = run(admissions(Limits(600, per_minute), tokens))
    assert len(times) == len(tokens)
    assert times == sorted(times)


def test_a_pause_holds_everything_back() -> None:
    async def scenario() -> list[float]:
        limits = Limits(None, None)
        limits.pause(20)
        limits.pause(5)
        return await admissions(limits, [1, 1])

    assert run(scenario()) == [20.0, 20.0]


def test_a_pause_holds_back_those_that_wait_already() -> None:
    async def scenario() -> float:
        limits = Limits(None, None)
        limits.pause(20)
        waiting = asyncio.create_task(limits.admit(1))
        await asyncio.sleep(10)
        limits.pause(30)
        await waiting
        return now()

    assert run(scenario()) == 40.0
