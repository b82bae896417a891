"""Laying tables out: raw numbers for programs, and the same as text for people."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from karl.evaluation.statistics import Interval
from karl.reports.curves import set_name
from karl.reports.study.model import StudyTable

__all__ = [
    "ARM",
    "N_RUNS",
    "SET",
    "UNKNOWN",
    "Column",
    "change",
    "count",
    "figure",
    "lay_out",
    "money",
    "number_frame",
    "p_value",
    "percent",
    "score",
    "share",
    "text",
]

UNKNOWN: Final = "–"
"""What stands where a figure is unknown."""

_LEAST_P: Final = 0.001


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table for people.

    Attributes
    ----------
    key : str
        Of the rows.
    heading : str
        What stands above it.
    show : callable
        Turns a value other than None into text.
    """

    key: str
    heading: str
    show: Callable[[Any], str]


def lay_out(
    name: str,
    title: str,
    note: str,
    rows: Sequence[Mapping[str, Any]],
    columns: Iterable[Column],
    only_shown: Collection[str] = (),
) -> StudyTable:
    """Make a table of rows whose figures may be intervals.

    Parameters
    ----------
    name, title, note : str
        As of `StudyTable`.
    rows : sequence of mapping
        At least one; all with the same keys in the same order.
    columns : iterable of Column
        What people see of it, in this order.
    only_shown : collection of str
        Keys that stand for people alone, such as a name for all strategies.
    """
    shown = {column.heading: [_cell(column, row[column.key]) for row in rows] for column in columns}
    frame = number_frame(rows).drop(*only_shown)
    return StudyTable(name, title, note, frame, pl.DataFrame(shown))


def number_frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Make a frame of rows; an interval `x` fills `x`, `x_low` and `x_high`.

    What is not finite becomes null.
    """
    frame = pl.DataFrame([_numbers(row) for row in rows], infer_schema_length=None)
    # A column that nothing is known of is one of numbers all the same.
    return frame.cast({pl.Null: pl.Float64})


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Interval):
            numbers[key] = _finite(value.value)
            numbers[f"{key}_low"] = _finite(value.low)
            numbers[f"{key}_high"] = _finite(value.high)
        else:
            numbers[key] = _finite(value)
    return numbers


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _cell(column: Column, value: Any) -> str:
    return UNKNOWN if value is None else column.show(value)


def text(value: object) -> str:
    """Show a name as it is."""
    return str(value)


def count(value: float) -> str:
    """Show a number of things, such as 1,234; a mean of small ones with a decimal."""
    if not math.isfinite(value):
        return UNKNOWN
    whole = float(value).is_integer() or value >= 100
    return f"{value:,.0f}" if whole else f"{value:,.1f}"


def money(value: float) -> str:
    """Show US dollars, such as 1.234."""
    return _number(value, ",.3f")


def figure(value: float | Interval) -> str:
    """Show a number of rounds, such as 4.2 [3.5, 5.0]."""
    return _ranged(value, ".1f")


def score(value: float | Interval) -> str:
    """Show a score, such as 0.506 [0.495, 0.518]."""
    return _ranged(value, ".3f")


def change(value: float | Interval) -> str:
    """Show a difference or a correlation, such as +0.056 [+0.041, +0.072]."""
    return _ranged(value, "+z.3f")


def percent(value: float | Interval) -> str:
    """Show a relative change, such as +12.4 % [+8.1, +16.9]; 0.124 is 12.4 %."""
    return _ranged(value, "+z.1f", 100.0, " %")


def share(value: float) -> str:
    """Show a part of a whole, such as 84.2 %; 0.842 is 84.2 %."""
    return _ranged(value, ".1f", 100.0, " %")


def p_value(value: float) -> str:
    """Show a p value, such as 0.031."""
    return f"<{_LEAST_P}" if value < _LEAST_P else _number(value, ".3f")


def _ranged(value: float | Interval, spec: str, scale: float = 1.0, unit: str = "") -> str:
    if not isinstance(value, Interval):
        value = Interval(value)
    if not math.isfinite(value.value):
        return UNKNOWN
    shown = format(scale * value.value, spec) + unit
    if math.isnan(value.low):
        return shown
    return f"{shown} [{format(scale * value.low, spec)}, {format(scale * value.high, spec)}]"


def _number(value: float, spec: str) -> str:
    return format(value, spec) if math.isfinite(value) else UNKNOWN


ARM: Final = Column("arm", "Strategy", text)
SET: Final = Column("eval_set", "Set", set_name)
N_RUNS: Final = Column("n_runs", "Runs", count)
