from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm.virtual_time import now, run

from karl.errors import KarlError
from karl.llm.pace import Breaker, Limits

MINUTE = 60.0
PAUSES = (1.0, 2.0, 4.0)
THRESHOLD = 3
# How often a request looks whether it may be the next probe.
LOOK = 0.2


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


class Scene:
    """A breaker, what it told, and when it admitted what."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.breaker = Breaker(THRESHOLD, PAUSES, self.told.append)
        self.admitted: list[tuple[float, bool]] = []

    def open(self) -> None:
        for _ in range(THRESHOLD):
            self.breaker.failed("broken", probe=False)

    async def admit(self) -> bool:
        probe = await self.breaker.admit()
        self.admitted.append((now(), probe))
        return probe

    @property
    def probes(self) -> list[float]:
        return [time for time, probe in self.admitted if probe]


def test_a_breaker_stays_closed_until_enough_failures_in_a_row() -> None:
    async def scenario() -> None:
        scene = Scene()
        for _ in range(20):
            for _ in range(THRESHOLD - 1):
                scene.breaker.failed("broken", probe=False)
            assert await scene.admit() is False
            scene.breaker.succeeded()
        assert now() == 0.0
        assert scene.told == []

    run(scenario())


def test_an_open_breaker_lets_one_probe_through_at_a_time() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.open()
        waiting = [asyncio.create_task(scene.admit()) for _ in range(20)]
        await asyncio.sleep(50)
        assert scene.admitted == [(PAUSES[0], True)]
        assert scene.told == ["the provider fails; trying again in 1 s"]
        scene.breaker.failed("broken", probe=True)
        await asyncio.sleep(50)
        assert len(scene.admitted) == 2
        assert 50 + PAUSES[1] <= scene.probes[1] <= 50 + PAUSES[1] + LOOK
        for task in waiting:
            task.cancel()

    run(scenario())


def test_a_probe_that_succeeds_closes_the_breaker() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.open()

        async def request() -> None:
            if await scene.admit():
                await asyncio.sleep(0.5)
                scene.breaker.succeeded()

        await asyncio.gather(*(request() for _ in range(20)))
        assert scene.probes == [PAUSES[0]]
        assert now() == PAUSES[0] + 0.5
        assert scene.told[-1] == ""
        # It opens again only after as many failures as before, and with the first pause.
        scene.breaker.failed("broken", probe=False)
        assert await scene.admit() is False
        scene.open()
        assert await scene.admit() is True
        assert now() == 2 * PAUSES[0] + 0.5

    run(scenario())


def test_a_breaker_gives_up_after_the_last_probe() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.open()

        async def request() -> None:
            while True:
                probe = await scene.admit()
                scene.breaker.failed("it is broken", probe=probe)

        with pytest.raises(KarlError, match="the provider is down: 6 requests in a row") as down:
            await asyncio.gather(*(request() for _ in range(4)))
        assert "it is broken" in str(down.value)
        assert len(scene.probes) == len(scene.admitted) == len(PAUSES)
        assert sum(PAUSES) <= now() <= sum(PAUSES) + LOOK * len(PAUSES)

    run(scenario())


def test_failures_of_others_do_not_count_as_probes() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.open()
        for _ in range(50):
            scene.breaker.failed("late", probe=False)
        assert await scene.admit() is True
        assert now() == PAUSES[0]

    run(scenario())


def test_an_answer_to_another_request_closes_the_breaker() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.open()
        waiting = [asyncio.create_task(scene.admit()) for _ in range(5)]
        await asyncio.sleep(0.5)
        scene.breaker.succeeded()
        await asyncio.gather(*waiting)
        # The one that was to probe finishes its pause.
        assert scene.admitted == [(0.5, False)] * 4 + [(PAUSES[0], True)]

    run(scenario())
