"""Pace: the provider's limits, kept by waiting, and a pause while it is down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from aiolimiter import AsyncLimiter

from karl.errors import KarlError

__all__ = ["Breaker", "Limits"]

_MINUTE_S: Final = 60.0
# Tokens may come in bursts of this long, requests evenly: no minute exceeds its limit by much.
_BURST_S: Final = 6.0
_LOOK_EVERY_S: Final = 0.2


class Limits:
    """Requests and tokens per minute, and pauses that the provider asks for.

    Parameters
    ----------
    requests_per_minute, tokens_per_minute : int or None
    """

    def __init__(self, requests_per_minute: int | None, tokens_per_minute: int | None) -> None:
        self._requests = (
            None
            if requests_per_minute is None
            else AsyncLimiter(1, _MINUTE_S / requests_per_minute)
        )
        self._tokens = (
            None
            if tokens_per_minute is None
            else AsyncLimiter(tokens_per_minute * _BURST_S / _MINUTE_S, _BURST_S)
        )
        self._resume_at = 0.0

    def pause(self, seconds: float) -> None:
        """Send nothing for some seconds."""
        self._resume_at = max(self._resume_at, asyncio.get_running_loop().time() + seconds)

    async def admit(self, tokens: int) -> None:
        """Wait until a request of so many tokens may be sent."""
        if self._requests is not None:
            await self._requests.acquire()
        if self._tokens is not None:
            # A request larger than a burst takes all of it.
            await self._tokens.acquire(min(tokens, self._tokens.max_rate))
        await self.resumed()

    async def resumed(self) -> None:
        """Wait for the end of a pause."""
        while (left := self._resume_at - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(left)


class Breaker:
    """Stops sending while every request fails, and tries again with one at a time.

    Closed, it lets everything pass. After `threshold` failures in a row it
    opens: after a pause one request is let through to probe. Its success
    closes the breaker; each failure makes the next pause longer.

    Parameters
    ----------
    threshold : int
        Failures in a row.
    pauses_s : tuple of float
        Seconds before each probe; after the last one the provider counts as down.
    tell : callable
        Told what is waited for; "" when it is over.
    """

    def __init__(
        self,
        threshold: int = 10,
        pauses_s: tuple[float, ...] = (1, 2, 4, 8, 16, 30),
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._threshold, self._pauses_s, self._tell = threshold, pauses_s, tell
        self._failures = self._probes = 0
        self._probing = False
        self._closed = asyncio.Event()
        self._closed.set()

    async def admit(self) -> bool:
        """Wait until a request may be sent; return whether it is a probe."""
        while not self._closed.is_set():
            # After the last probe nobody is let through: the one that failed ends it all.
            if not self._probing and self._probes < len(self._pauses_s):
                self._probing = True
                pause = self._pauses_s[self._probes]
                self._tell(f"the provider fails; trying again in {pause:g} s")
                await asyncio.sleep(pause)
                return True
            with contextlib.suppress(TimeoutError):
                # Looked at again, as the probe may have failed and another is due.
                await asyncio.wait_for(self._closed.wait(), _LOOK_EVERY_S)
        return False

    def succeeded(self) -> None:
        """Take note of an answer."""
        self._failures = self._probes = 0
        self._probing = False
        if not self._closed.is_set():
            self._closed.set()
            self._tell("")

    def failed(self, message: str, *, probe: bool) -> None:
        """Take note of a failure.

        Raises
        ------
        KarlError
            If it was the last probe.
        """
        self._failures += 1
        if probe:
            self._probing = False
            self._probes += 1
            if self._probes >= len(self._pauses_s):
                raise KarlError(
                    f"the provider is down: {self._failures} requests in a row failed, the last "
                    f"with: {message}",
                    hint="All answers are kept. Run the same command later to go on.",
                )
        elif self._failures >= self._threshold:
            self._closed.clear()
