"""Stopping cleanly: nothing more is sent, what is in flight goes on to its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from karl.errors import ExitCode

__all__ = ["Stop", "Stopped"]

# What a second interruption may take to write down what was in flight.
_GRACE_S: Final = 5.0
_INTERRUPTIONS: Final = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR: Final = "\x1b[?25h"


class Stopped(Exception):
    """Nothing more is to be sent."""


class Stop:
    """Why asking has to stop, if it has to; waits are given up then."""

    def __init__(self) -> None:
        self.reason: BaseException | None = None
        self._waiting: set[asyncio.Task[Any]] = set()
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None

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
        task = _this_task()
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

    def watch_over(self) -> None:
        """Let a second interruption cancel the running task."""
        self._running = asyncio.get_running_loop(), _this_task()

    @contextmanager
    def on_signals(self, tell: Callable[[str], None]) -> Iterator[None]:
        """Let Ctrl-C, or SIGTERM, stop the sending, and a second one the waiting for answers too.

        A thread listens for them, not the event loop, which hears nothing while SQLite waits
        for another process or while one of its threads looks up an address.
        """
        if threading.current_thread() is not threading.main_thread():
            yield  # Python tells the main thread only
            return
        hearing, told = socket.socketpair()
        told.setblocking(False)
        thread = threading.Thread(target=self._listen, args=(hearing, tell), daemon=True)
        with hearing, told, contextlib.ExitStack() as stack:
            thread.start()
            stack.callback(thread.join)
            stack.callback(told.shutdown, socket.SHUT_WR)
            stack.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(told.fileno()))
            for number in _INTERRUPTIONS:
                stack.callback(signal.signal, number, signal.getsignal(number))
                signal.signal(number, lambda *_: None)
            yield

    def _listen(self, hearing: socket.socket, tell: Callable[[str], None]) -> None:
        """Act on one interruption after the other, until the other end is closed."""

        def stop_sending() -> None:
            tell("stopping after those in flight (Ctrl-C again: at once)")
            self.halt(KeyboardInterrupt())

        def stop_waiting() -> None:
            if self._running is not None:
                self._running[1].cancel()

        if _interrupted(hearing):
            self._in_loop(stop_sending)
            if _interrupted(hearing):
                self._in_loop(stop_waiting)
                hearing.settimeout(_GRACE_S)
                with contextlib.suppress(TimeoutError):
                    if not _interrupted(hearing):
                        return  # it has come to its end
                _end_process()

    def _in_loop(self, do: Callable[[], None]) -> None:
        """Have the event loop do something, or do it here while there is none."""
        if self._running is None:
            do()
            return
        with contextlib.suppress(RuntimeError):  # it is closed: there is nothing left to stop
            self._running[0].call_soon_threadsafe(do)


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  only coroutines ask
    return task


def _interrupted(hearing: socket.socket) -> bool:
    """Wait for an interruption, which is a byte; False once the other end is closed."""
    while byte := hearing.recv(1):
        if byte[0] in _INTERRUPTIONS:
            return True
    return False


def _end_process() -> None:
    """End the process here and now, as what it waits for may hang for minutes.

    Nothing is lost by it: a process may be killed at any moment, and the next one counts the
    calls that were in flight as spent.
    """
    if sys.stderr.isatty():
        sys.stderr.write(_SHOW_CURSOR)
    sys.stderr.write("karl: interrupted; the same command goes on where this one stopped\n")
    sys.stderr.flush()
    os._exit(ExitCode.INTERRUPTED)
