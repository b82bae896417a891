"""Stopping cleanly: nothing more is sent, what is in flight goes on to its end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Stop", "Stopped"]


class Stopped(Exception):
    """Nothing more is to be sent."""


class Stop:
    """Why asking has to stop, if it has to; waits are given up then."""

    def __init__(self) -> None:
        self.reason: BaseException | None = None
        self._waiting: set[asyncio.Task[Any]] = set()

    def halt(self, reason: BaseException) -> None:
        """Stop; the first reason stands."""
        if self.reason is None:
            self.reason = reason
        for task in self._waiting:
            task.cancel()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Mark a wait that is given up on a stop, by `Stopped`."""
        if self.reason is not None:
            raise Stopped
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  only coroutines wait
        self._waiting.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if self.reason is None:
                raise
            raise Stopped from None
        finally:
            self._waiting.discard(task)

    async def sleep(self, seconds: float) -> None:
        """Sleep, unless there is a stop."""
        with self.waiting():
            await asyncio.sleep(seconds)

    @contextmanager
    def on_signals(self, tell: Callable[[str], None]) -> Iterator[None]:
        """Let Ctrl-C stop the sending, and a second one the waiting for answers too."""
        loop, main = asyncio.get_running_loop(), asyncio.current_task()
        assert main is not None  # noqa: S101

        def interrupt() -> None:
            if self.reason is not None:
                main.cancel()
            tell("stopping after those in flight (Ctrl-C again: at once)")
            self.halt(KeyboardInterrupt())

        # Only the main thread is told of signals.
        told = threading.current_thread() is threading.main_thread()
        with contextlib.ExitStack() as stack:
            for number in (signal.SIGINT, signal.SIGTERM) if told else ():
                stack.callback(signal.signal, number, signal.getsignal(number))
                loop.add_signal_handler(number, interrupt)
                stack.callback(loop.remove_signal_handler, number)
            yield
