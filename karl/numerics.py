"""Arithmetic that gives the same figures on every processor, and what is needed to tell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

__all__ = ["one_thread"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep numerical libraries to one thread.

    Threads add up in whichever order they finish, and the products are small: more
    threads cost more than they give.
    """
    with threadpool_limits(limits=1):
        yield
