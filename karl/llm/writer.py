"""The thread that writes to the vote store: many small writes, few syncs of the disk."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from karl.llm.store import VoteStore

__all__ = ["Writer"]

T = TypeVar("T")
_Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Writer:
    """Carries out writes in one thread; those that wait share a transaction.

    A write is on the disk when its future is done. Syncing costs milliseconds
    on many disks, so that one sync for each of thousands of calls would be
    slower than the calls.

    Parameters
    ----------
    store : VoteStore
    """

    def __init__(self, store: VoteStore) -> None:
        self._store = store
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="vote store", daemon=True)
        self._thread.start()

    async def write(self, job: Callable[[], T]) -> T:
        """Carry out a function that writes to the store; return what it returns."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((job, future))
        return await asyncio.shield(future)

    async def close(self) -> None:
        """Wait for all writes."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while (first := self._jobs.get()) is not None:
            batch = [first]
            ended = False
            while not self._jobs.empty():
                job = self._jobs.get()
                if job is None:
                    ended = True
                    break
                batch.append(job)
            self._carry_out(batch)
            if ended:
                return

    def _carry_out(self, batch: list[_Job]) -> None:
        try:
            with self._store.transaction():
                results = [job() for job, _ in batch]
        except Exception as error:
            if len(batch) > 1:  # one bad write must not take the others with it
                for single in batch:
                    self._carry_out([single])
            else:
                self._tell([(batch[0][1], None, error)])
            return
        self._tell(
            [(future, result, None) for (_, future), result in zip(batch, results, strict=True)]
        )

    def _tell(self, results: list[tuple[asyncio.Future[Any], Any, Exception | None]]) -> None:
        def deliver() -> None:
            for future, result, error in results:
                if future.cancelled():
                    continue
                if error is None:
                    future.set_result(result)
                else:
                    future.set_exception(error)

        self._loop.call_soon_threadsafe(deliver)
