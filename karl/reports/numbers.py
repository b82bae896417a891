"""How figures are written for people, in every table, sentence and picture."""

from __future__ import annotations

import math
from typing import Final

from karl.evaluation.statistics import Interval

__all__ = [
    "UNKNOWN",
    "change",
    "count",
    "effect",
    "money",
    "p_value",
    "percent",
    "plural",
    "rounds",
    "score",
    "set_name",
    "share",
]

UNKNOWN: Final = "–"
"""What stands where a figure is unknown."""

_LEAST_P: Final = 0.001


def set_name(eval_set: str) -> str:
    """Name an evaluation set as it is shown: `ID`, `OOD`, others as they are."""
    return eval_set.upper() if eval_set in ("id", "ood") else eval_set


def count(value: float) -> str:
    """Show a number of things, such as 1,234; a mean of small ones with a decimal."""
    whole = float(value).is_integer() or value >= 100
    return f"{value:,.0f}" if whole else f"{value:,.1f}"


def plural(number: float, noun: str) -> str:
    """Show a number of things with their name, such as 1 round and 1,234 rounds."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def money(value: float) -> str:
    """Show US dollars, such as 1.234."""
    return f"{value:,.3f}"


def rounds(value: float | Interval) -> str:
    """Show a mean number of rounds, such as 4.2 [3.5, 5.0]."""
    return _ranged(value, ".1f")


def score(value: float | Interval) -> str:
    """Show a score, such as 0.506 [0.495, 0.518]."""
    return _ranged(value, ".3f")


# "z" writes a loss that rounds to nothing as +0.000, not as -0.000.


def change(value: float | Interval) -> str:
    """Show a difference or a correlation, such as +0.056 [+0.041, +0.072]."""
    return _ranged(value, "+z.3f")


def percent(value: float | Interval) -> str:
    """Show a relative change, such as +12.4 % [+8.1, +16.9]; 0.124 is 12.4 %."""
    return _ranged(value, "+z.1f", 100.0, " %")


def share(value: float) -> str:
    """Show a part of a whole, such as 84.2 %; 0.842 is 84.2 %."""
    return _ranged(value, ".1f", 100.0, " %")


def effect(value: float) -> str:
    """Show the size of an effect, such as +0.45."""
    return f"{value:+z.2f}"


def p_value(value: float) -> str:
    """Show a p value, such as 0.031."""
    return f"<{_LEAST_P}" if value < _LEAST_P else f"{value:.3f}"


def _ranged(value: float | Interval, spec: str, scale: float = 1.0, unit: str = "") -> str:
    found = value if isinstance(value, Interval) else Interval(value)
    figure, low, high = (
        format(scale * part, spec) for part in (found.value, found.low, found.high)
    )
    return figure + unit + ("" if math.isnan(found.low) else f" [{low}, {high}]")
