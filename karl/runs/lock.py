"""Keeping other processes away from a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from karl.errors import UsageError

__all__ = ["held"]


@contextmanager
def held(folder: Path, doing: str, patience_s: float = 0) -> Iterator[None]:
    """Hold a folder's lock; a process that is killed lets go of it.

    Parameters
    ----------
    folder : Path
        Is made if need be.
    doing : str
        What another process that holds it must be doing.
    patience_s : float
        How long to wait for it; negative: until it lets go. Then it is a UsageError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=patience_s):
            yield
    except Timeout as error:
        raise UsageError(
            f"another process is {doing} '{folder.name}'",
            hint="Wait for it, or choose another --name.",
        ) from error
