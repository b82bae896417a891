"""An event loop whose clock jumps ahead instead of waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

# A clock that stood still would keep what waits for less than a float can tell from nothing.
TICK = 1e-6


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Whenever there is nothing to do, it is at once the time of what is due next."""

    _ready: Any
    _scheduled: Any

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self._now = max(self._now + TICK, self._scheduled[0].when())
        super()._run_once()  # type: ignore[misc]


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in no time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(scenario)


def now() -> float:
    return asyncio.get_running_loop().time()
