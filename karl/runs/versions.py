"""Which versions' runs this one goes on with."""

from __future__ import annotations

from typing import Final

from karl.errors import UsageError

__all__ = ["check_version"]

_OTHER_FIGURES: Final = ("0.1.0",)
"""Versions that computed in single precision: their runs can be looked at only."""


def check_version(name: str, made_by: str) -> None:
    """Make sure that this version gives the figures of the one that made a run or a sweep.

    Parameters
    ----------
    name : str
        Of the run or sweep.
    made_by : str
        A version of karl.

    Raises
    ------
    UsageError
        If it does not.
    """
    if made_by in _OTHER_FIGURES:
        raise UsageError(
            f"'{name}' was made by karl {made_by}, whose figures depended on the processor: it "
            "cannot go on",
            hint=f"`karl report {name}` still shows it. Start again under another --name: answers "
            "of language models in votes.sqlite are used again.",
        )
