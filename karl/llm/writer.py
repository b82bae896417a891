"""Writes to the vote store that share a transaction: many small writes, few syncs of the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from karl.llm.store import VoteStore

__all__ = ["Writer"]

T = TypeVar("T")
_Write = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Writer:
    """Carries out writes of one event loop, those of one turn of it in one transaction.

    A write is on the disk when its future is done. Syncing takes milliseconds
    on many disks: once for each of thousands of calls, it would take longer
    than the calls. A thread of its own would be no faster, as it would wait for
    the interpreter's lock at every statement.
    """

    def __init__(self, store: VoteStore) -> None:
        self._store = store
        self._waiting: list[_Write] = []

    async def write(self, change: Callable[[], T]) -> T:
        """Carry out a function that writes to the store; return what it returns.

        A write that was begun is carried out, even if who waits for it is cancelled.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not self._waiting:
            # Once everything else that is due has had its turn, and may have added writes.
            loop.call_soon(self.flush)
        self._waiting.append((change, future))
        return await asyncio.shield(future)

    def flush(self) -> None:
        """Carry out all writes that wait."""
        together, self._waiting = self._waiting, []
        if together:
            self._carry_out(together)

    def _carry_out(self, together: list[_Write]) -> None:
        try:
            with self._store.transaction():
                results = [change() for change, _ in together]
        except Exception as error:
            if len(together) > 1:  # one bad write must not take the others with it
                for single in together:
                    self._carry_out([single])
            elif not together[0][1].cancelled():
                together[0][1].set_exception(error)
            return
        for (_, future), result in zip(together, results, strict=True):
            if not future.cancelled():
                future.set_result(result)
