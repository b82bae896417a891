"""Arithmetic that gives the same figures on every processor, and a record of where it was done."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from threadpoolctl import threadpool_info, threadpool_limits

__all__ = ["Machine", "one_thread"]

_CPUINFO = Path("/proc/cpuinfo")


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep numerical libraries to one thread.

    Threads add up in whichever order they finish, and the products are small: more
    threads cost more than they give.
    """
    # The limit holds for libraries that are loaded by then.
    import sklearn.base  # noqa: F401

    with threadpool_limits(limits=1):
        yield


@dataclass(frozen=True)
class Machine:
    """What figures were computed on.

    Parameters
    ----------
    processor : str
    blas : str
        The library of matrix products, its version, and its kernel for this processor.
    threads : int
        That it would use, were it not kept to one.
    """

    processor: str
    blas: str
    threads: int

    @classmethod
    def here(cls) -> Machine:
        """Return what this process computes on."""
        import numpy as np  # so that its library is loaded

        found = [library for library in threadpool_info() if library["user_api"] == "blas"]
        of_numpy = [library for library in found if f"{np.__name__}." in library["filepath"]]
        library = (of_numpy or found or [{}])[0]
        parts = (library.get(key) for key in ("internal_api", "version", "architecture"))
        named = " ".join(str(part) for part in parts if part)
        return cls(_processor(), named or "unknown", int(library.get("num_threads", 1)))


def _processor() -> str:
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
