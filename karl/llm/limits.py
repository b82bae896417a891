"""The provider's rate limits, kept by waiting."""

from __future__ import annotations

import asyncio
from typing import Final

from aiolimiter import AsyncLimiter

__all__ = ["Limits"]

_MINUTE_S: Final = 60.0
# Tokens may come in bursts of this long, requests evenly: no minute exceeds its limit by much.
_BURST_S: Final = 6.0


class Limits:
    """Requests and tokens per minute, and pauses that the provider asks for; None is no limit."""

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
